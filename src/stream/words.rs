//! The words of the stream: the ChaCha8 keystream of a seed (`docs/stream.md`, section 1).
//!
//! D. J. Bernstein, "ChaCha, a variant of Salsa20", 2008: 8 rounds, 64-bit block counter, 64-bit stream id.

use crate::cpu::dispatch::width_limit;
use crate::cpu::tuning::STREAM_BLOCKS;
use crate::stream::chacha::ChaCha8;
use crate::stream::seed::Seed;
use bytemuck::Pod;
use rand_core::block::{BlockRng, Generator};
use rand_core::{Infallible, TryRng};
use std::fmt;

/// Version of all values of this crate. A changed value is a bug, or version 2.
///
/// ```
/// assert_eq!(initializers::STREAM_VERSION, 1);
/// ```
pub const STREAM_VERSION: u32 = 1;

/// Elements computed together; frozen. A group begins at every multiple of this number in the global numbering.
pub(crate) const GROUP: usize = 64;

/// The words of one seed, as a `rand_core` generator that can seek to any word.
///
/// `next_u32` returns the words in order; `next_u64` returns two words, the low half first. All distributions of
/// `rand_distr` can sample from it.
///
/// ```
/// use initializers::Stream;
/// use rand_core::Rng;
///
/// let mut stream = Stream::new(42);
/// let first = [stream.next_u32(), stream.next_u32(), stream.next_u32()];
/// stream.seek(2);
/// assert_eq!(stream.next_u32(), first[2]);
/// ```
pub struct Stream {
    seed: Seed,
    words: BlockRng<Refill>,
}

/// Computes the next blocks of a stream.
#[derive(Debug)]
struct Refill {
    blocks: ChaCha8,
    counter: u64,
}

impl Generator for Refill {
    type Output = [u32; 16 * STREAM_BLOCKS];

    fn generate(&mut self, out: &mut [u32; 16 * STREAM_BLOCKS]) {
        let (out, _) = out.as_chunks_mut();
        self.blocks.fill(width_limit(), self.counter, out);
        self.counter = self.counter.wrapping_add(STREAM_BLOCKS as u64);
    }
}

impl Stream {
    /// Creates the stream of `seed`, at word 0.
    ///
    /// ```
    /// assert_eq!(initializers::Stream::new(42).position(), 0);
    /// ```
    pub fn new(seed: impl Into<Seed>) -> Self {
        let seed = seed.into();
        Self { seed, words: BlockRng::new(Refill { blocks: seed.blocks(), counter: 0 }) }
    }

    /// Returns the seed.
    ///
    /// ```
    /// assert_eq!(initializers::Stream::new(42).seed(), initializers::Seed::from(42));
    /// ```
    #[must_use]
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Returns the index of the next word, in [0, 2^68).
    ///
    /// ```
    /// use initializers::Stream;
    /// use rand_core::Rng;
    ///
    /// let mut stream = Stream::new(42);
    /// stream.next_u64();
    /// assert_eq!(stream.position(), 2);
    /// ```
    #[must_use]
    pub fn position(&self) -> u128 {
        let used = self.words.word_offset() as u64;
        // The counter is the number of the first block after the current ones.
        let block = if used == 0 {
            self.words.core.counter
        } else {
            self.words.core.counter.wrapping_sub(STREAM_BLOCKS as u64)
        };
        (block as u128 * 16 + used as u128) % (1 << 68)
    }

    /// Seeks to word `index`, modulo the period of 2^68 words.
    ///
    /// ```
    /// let mut stream = initializers::Stream::new(42);
    /// stream.seek(1 << 64);
    /// assert_eq!(stream.position(), 1 << 64);
    /// ```
    pub fn seek(&mut self, index: u128) {
        self.words.core.counter = (index / 16) as u64;
        self.words.reset_and_skip((index % 16) as usize);
    }
}

/// A clone is at the same word.
impl Clone for Stream {
    fn clone(&self) -> Self {
        let mut clone = Self::new(self.seed);
        clone.seek(self.position());
        clone
    }
}

/// Streams are equal if all their next words are: same seed, same word.
impl PartialEq for Stream {
    fn eq(&self, other: &Self) -> bool {
        (self.seed, self.position()) == (other.seed, other.position())
    }
}

impl Eq for Stream {}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("seed", &self.seed).field("position", &self.position()).finish_non_exhaustive()
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.words.next_word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.words.next_u64_from_u32())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.words.fill_bytes(out);
        Ok(())
    }
}

/// The input of one element: a `u32` for f32, a `u64` for f64.
pub(crate) trait Word: Pod {
    /// Number of keystream blocks that hold the words of a group.
    const BLOCKS: usize;

    /// Converts a word that was read from memory holding 32-bit words in their order.
    #[must_use]
    fn to_native(self) -> Self;
}

impl Word for u32 {
    const BLOCKS: usize = 4;

    #[inline(always)]
    fn to_native(self) -> Self {
        self
    }
}

impl Word for u64 {
    const BLOCKS: usize = 8;

    /// The first of two words of 32 bits is the low half.
    #[inline(always)]
    fn to_native(self) -> Self {
        if cfg!(target_endian = "big") { self.rotate_left(32) } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::seed::KEY_SUFFIX;
    use chacha20::ChaCha8Rng;
    use proptest::prelude::*;
    use rand_core::{Rng, SeedableRng};

    /// One block of the original ChaCha with `rounds` rounds, as the paper defines it.
    fn chacha_block(key: &[u8; 32], counter: u64, stream: u64, rounds: usize) -> [u32; 16] {
        let mut start = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for (word, bytes) in start[4..12].iter_mut().zip(key.chunks_exact(4)) {
            *word = u32::from_le_bytes(bytes.try_into().unwrap());
        }
        start[12..].copy_from_slice(&[counter as u32, (counter >> 32) as u32, stream as u32, (stream >> 32) as u32]);
        let mut x = start;
        let mut quarter = |a: usize, b: usize, c: usize, d: usize| {
            for (p, q, r, bits) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
                x[p] = x[p].wrapping_add(x[q]);
                x[r] = (x[r] ^ x[p]).rotate_left(bits);
            }
        };
        for _ in 0..rounds / 2 {
            for i in 0..4 {
                quarter(i, i + 4, i + 8, i + 12);
            }
            for i in 0..4 {
                quarter(i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12);
            }
        }
        std::array::from_fn(|i| x[i].wrapping_add(start[i]))
    }

    /// Strombergson's ChaCha test vectors (draft-strombergson-chacha-test-vectors-01), 256-bit keys,
    /// 8 rounds: TC1 (all zero) and TC2 (first key bit), blocks 0 and 1.
    #[test]
    fn published_vectors() {
        let words = |hex: &str| -> Vec<u32> {
            let bytes: Vec<u8> =
                (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..][..2], 16).unwrap()).collect();
            bytes.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect()
        };
        let tc1_0 = "3e00ef2f895f40d67f5bb8e81f09a5a12c840ec3ce9a7f3b181be188ef711a1e\
                     984ce172b9216f419f445367456d5619314a42a3da86b001387bfdb80e0cfe42";
        let tc1_1 = "d2aefa0deaa5c151bf0adb6c01f2a5adc0fd581259f9a2aadcf20f8fd566a26b\
                     5032ec38bbc5da98ee0c6f568b872a65a08abf251deb21bb4b56e5d8821e68aa";
        let zero = [0; 32];
        assert_eq!(chacha_block(&zero, 0, 0, 8)[..], words(tc1_0));
        assert_eq!(chacha_block(&zero, 1, 0, 8)[..], words(tc1_1));
        let mut rng = ChaCha8Rng::from_seed(zero);
        let drawn: Vec<u32> = (0..32).map(|_| rng.next_u32()).collect();
        assert_eq!(drawn, [words(tc1_0), words(tc1_1)].concat());
    }

    /// RFC 7539-style check of the block function itself with the well-known 20 rounds.
    #[test]
    fn block_function_at_twenty_rounds() {
        let block = chacha_block(&[0; 32], 0, 0, 20);
        assert_eq!(block[..4], [0xade0b876, 0x903df1a0, 0xe56a5d40, 0x28bd8653]);
    }

    fn reference(seed: Seed, index: u128) -> u32 {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&seed.value.to_le_bytes());
        key[16..].copy_from_slice(KEY_SUFFIX);
        chacha_block(&key, (index / 16) as u64, seed.stream, 8)[(index % 16) as usize]
    }

    proptest! {
        /// Words at any position, across the carry of the block counter at 2^32 and past 2^64 words.
        #[test]
        fn words_are_chacha8(value: i128, stream: u64, near in 0usize..5, back in 0u128..200, offset in 0u128..64) {
            let border = [0, 1 << 32, 1 << 36, 1 << 37, 1 << 64][near];
            let index = (border + offset).saturating_sub(back);
            let seed = Seed { value, stream };
            let mut words = Stream::new(seed);
            words.seek(index);
            prop_assert_eq!(words.position(), index);
            let drawn: [u32; 200] = std::array::from_fn(|_| words.next_u32());
            for (i, &word) in drawn.iter().enumerate() {
                prop_assert_eq!(word, reference(seed, index + i as u128));
            }
            prop_assert_eq!(words.position(), index + 200);
            words.seek(index);
            for pair in drawn.chunks_exact(2) {
                prop_assert_eq!(words.next_u64(), pair[0] as u64 | (pair[1] as u64) << 32);
            }
            words.seek(index);
            let mut bytes = [0; 123];
            words.fill_bytes(&mut bytes);
            prop_assert!(bytes.iter().zip(drawn.iter().flat_map(|word| word.to_le_bytes())).all(|(&got, want)| got == want));
        }
    }

    #[test]
    fn streams_are_compared_and_shown_by_their_places() {
        let mut stream = Stream::new(7);
        stream.next_u32();
        let mut clone = stream.clone();
        assert_eq!(clone, stream);
        assert_eq!(format!("{clone:?}"), "Stream { seed: Seed { value: 7, stream: 0 }, position: 1, .. }");
        assert_eq!(clone.next_u32(), stream.next_u32());
        assert_eq!(clone, stream);
        clone.next_u32();
        assert!(clone != stream && Stream::new(7) != Stream::new(8));
    }

    #[test]
    fn any_rand_distr_distribution_can_be_drawn() {
        use rand_distr::{Distribution, Gamma};
        let gamma = Gamma::new(2.0, 3.0).unwrap();
        let draws: Vec<f64> = gamma.sample_iter(Stream::new(1)).take(20_000).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        assert!((mean - 6.0).abs() < 5.0 * (18.0f64 / draws.len() as f64).sqrt(), "mean {mean}");
    }
}
