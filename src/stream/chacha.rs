//! The ChaCha8 block function on vectors. It computes several blocks at once and writes them in the order of the keystream.
//!
//! D. J. Bernstein, "ChaCha, a variant of Salsa20", 2008. A vector holds one word of the state for as many blocks as it
//! has lanes, so that no step of a round moves a word between lanes. At the end, a transposition brings the words of each
//! block together.

use crate::cpu::dispatch::{Width, WithVectors};
use crate::cpu::vectors::{Portable, Vectors};
use bytemuck::Pod;

/// The words of a block.
pub(crate) type ChaChaBlock = [u32; 16];

/// The blocks of one key and one stream id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChaCha8 {
    /// Initial state of the blocks with the current upper counter word; the lower counter word is not set.
    start: ChaChaBlock,
    /// `start` after the first quarter rounds of columns 1 to 3. They do not read the lower counter word, so every block with
    /// this upper word shares the result.
    begun: ChaChaBlock,
}

impl ChaCha8 {
    pub(crate) fn new(key: [u8; 32], stream: u64) -> Self {
        let mut start = [0; 16];
        for (word, bytes) in start.iter_mut().zip(b"expand 32-byte k".as_chunks().0.iter().chain(key.as_chunks().0)) {
            *word = u32::from_le_bytes(*bytes);
        }
        [start[14], start[15]] = [stream as u32, (stream >> 32) as u32];
        Self { start, begun: begin(start) }
    }

    /// Writes the blocks from number `counter` on, on vectors no wider than `width`. The counter wraps at 2^64.
    pub(crate) fn fill(&mut self, width: Width, mut counter: u64, mut out: &mut [ChaChaBlock]) {
        while !out.is_empty() {
            let upper = (counter >> 32) as u32;
            if self.start[13] != upper {
                self.start[13] = upper;
                self.begun = begin(self.start);
            }
            let before_carry = (1 << 32) - (counter & 0xffff_ffff);
            let (part, rest) = out.split_at_mut(out.len().min(usize::try_from(before_carry).unwrap_or(usize::MAX)));
            self.fill_before_carry(width, counter as u32, part);
            counter = counter.wrapping_add(part.len() as u64);
            out = rest;
        }
    }

    /// Writes the blocks from the lower counter word `counter` on. All have the current upper counter word.
    ///
    /// Never inlined: every width has a function of its own, and all callers share them.
    #[inline(never)]
    fn fill_before_carry(&self, width: Width, counter: u32, out: &mut [ChaChaBlock]) {
        width.run_with_vectors(FillBlocks { blocks: self, counter, out });
    }

    /// Copies each word to every lane.
    #[inline(always)]
    fn spread<V: Vectors>(&self, vectors: V) -> State<V::Vector> {
        State { start: splat(vectors, &self.start), x: splat(vectors, &self.begun) }
    }
}

/// Writes blocks with the current upper counter word, from the lower counter word `counter` on.
struct FillBlocks<'a> {
    blocks: &'a ChaCha8,
    counter: u32,
    out: &'a mut [ChaChaBlock],
}

impl WithVectors for FillBlocks<'_> {
    type Output = ();

    #[inline(always)]
    fn call<V: Vectors>(self, vectors: V) {
        let Self { blocks, mut counter, out } = self;
        // Instructions on wide vectors can load a word into every lane; for narrow ones it is done once, before the loop.
        let narrow = vectors.lanes() == 4;
        let mut state = blocks.spread(vectors);
        for chunk in out.chunks_mut(vectors.lanes()) {
            if !narrow {
                state = blocks.spread(vectors);
            }
            let made = parallel(vectors, state, counter);
            counter = counter.wrapping_add(vectors.lanes() as u32);
            if chunk.len() == vectors.lanes() {
                write(&made, &mut chunk[..vectors.lanes()]); // the length is known: no loop
            } else {
                write(&made, chunk);
            }
        }
    }
}

/// A vector for each word of the initial state, and of the state after the shared quarter rounds.
#[derive(Clone, Copy)]
struct State<X> {
    start: [X; 16],
    x: [X; 16],
}

/// Computes as many blocks as a vector has lanes, from the lower counter word `counter` on, one after the other.
#[inline(always)]
fn parallel<V: Vectors>(vectors: V, state: State<V::Vector>, counter: u32) -> [V::Vector; 16] {
    let State { mut start, mut x } = state;
    let counters: [u32; 16] = std::array::from_fn(|lane| counter.wrapping_add(lane as u32));
    (start[12], x[12]) = (first(&counters), first(&counters));
    quarter_rounds(vectors, &mut x, [[0], [4], [8], [12]]);
    quarter_rounds(vectors, &mut x, DIAGONALS);
    for _ in 1..4 {
        quarter_rounds(vectors, &mut x, COLUMNS);
        quarter_rounds(vectors, &mut x, DIAGONALS);
    }
    for (x, start) in x.iter_mut().zip(start) {
        *x = vectors.add(*x, start);
    }
    transpose(vectors, x)
}

/// Copies word i to every lane of vector i.
#[inline(always)]
fn splat<V: Vectors>(vectors: V, words: &ChaChaBlock) -> [V::Vector; 16] {
    words.map(
        #[inline(always)]
        |word| vectors.splat(word),
    )
}

/// The words of the four quarter rounds in each half of a double round.
const COLUMNS: [[usize; 4]; 4] = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]];
const DIAGONALS: [[usize; 4]; 4] = [[0, 1, 2, 3], [5, 6, 7, 4], [10, 11, 8, 9], [15, 12, 13, 14]];

/// Applies the first quarter rounds of columns 1 to 3.
fn begin(start: ChaChaBlock) -> ChaChaBlock {
    let mut x = start.map(|word| Portable.splat(word));
    quarter_rounds(Portable, &mut x, [[1, 2, 3], [5, 6, 7], [9, 10, 11], [13, 14, 15]]);
    x.map(|lanes| lanes[0])
}

/// Applies the quarter rounds of words a[i], b[i], c[i], d[i] for i < N. They are independent, and interleaved so that the
/// processor finds independent instructions close together.
#[inline(always)]
fn quarter_rounds<V: Vectors, const N: usize>(vectors: V, x: &mut [V::Vector; 16], [a, b, c, d]: [[usize; N]; 4]) {
    macro_rules! step {
        ($a:ident $b:ident $d:ident $left:literal $right:literal) => {
            for i in 0..N {
                x[$a[i]] = vectors.add(x[$a[i]], x[$b[i]]);
                x[$d[i]] = vectors.rotate::<$left, $right>(vectors.xor(x[$d[i]], x[$a[i]]));
            }
        };
    }
    step!(a b d 16 16);
    step!(c d b 12 20);
    step!(a b d 8 24);
    step!(c d b 7 25);
}

/// Transposes: before, vector i holds word i of every block; after, blocks follow one another.
#[inline(always)]
fn transpose<V: Vectors>(vectors: V, x: [V::Vector; 16]) -> [V::Vector; 16] {
    // quarters[q][b]: words 4q to 4q + 3 of block b in the first 128 bits, of block 4 + b in the second …
    let mut quarters = [[x[0]; 4]; 4];
    for q in 0..4 {
        let [ab0, ab2] = vectors.interleave_words(x[4 * q], x[4 * q + 1]);
        let [cd0, cd2] = vectors.interleave_words(x[4 * q + 2], x[4 * q + 3]);
        let [[first, second], [third, fourth]] =
            [vectors.interleave_pairs(ab0, cd0), vectors.interleave_pairs(ab2, cd2)];
        quarters[q] = [first, second, third, fourth];
    }
    let per_block = 16 / vectors.lanes();
    let mut out = x;
    for b in 0..4 {
        let joined = vectors.join_quarters([quarters[0][b], quarters[1][b], quarters[2][b], quarters[3][b]]);
        for (k, vector) in joined.into_iter().enumerate() {
            out[(b + 4 * (k / per_block)) * per_block + k % per_block] = vector;
        }
    }
    out
}

/// Reads the first words as a vector.
#[inline(always)]
fn first<P: Pod>(words: &[u32; 16]) -> P {
    bytemuck::pod_read_unaligned(&bytemuck::bytes_of(words)[..size_of::<P>()])
}

/// Writes the first blocks in `vectors`, as many as `out` has.
#[inline(always)]
fn write<P: Pod>(vectors: &[P; 16], out: &mut [ChaChaBlock]) {
    for (words, vector) in out.as_flattened_mut().chunks_exact_mut(size_of::<P>() / 4).zip(vectors) {
        words.copy_from_slice(bytemuck::cast_slice(bytemuck::bytes_of(vector)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20::ChaCha8Rng;
    use proptest::prelude::*;
    use rand_core::{Rng, SeedableRng};

    proptest! {
        /// Equal to the crate `chacha20`, on vectors of every width, across the carry of the counter into its upper word and
        /// where it wraps.
        #[test]
        fn blocks_are_those_of_the_crate(
            key: [u8; 32], stream: u64, border in 0usize..5, back in 0u64..40, offset in 0u64..20, count in 0usize..50,
        ) {
            let border = [0, 1 << 32, 3 << 32, 1 << 63, u64::MAX][border];
            let counter = border.wrapping_add(offset).wrapping_sub(back);
            let mut oracle = ChaCha8Rng::from_seed(key);
            oracle.set_stream(stream);
            oracle.set_word_pos(counter as u128 * 16);
            let expected: Vec<ChaChaBlock> = (0..count).map(|_| std::array::from_fn(|_| oracle.next_u32())).collect();
            let mut blocks = ChaCha8::new(key, stream);
            for width in Width::available() {
                let mut out = vec![[0; 16]; count];
                blocks.fill(width, counter, &mut out);
                prop_assert_eq!(&out, &expected, "{:?}", width);
            }
            // Processors without vectors take this path in the part before a carry.
            let count = count.min(((1 << 32) - (counter & 0xffff_ffff)) as usize);
            let mut out = vec![[0; 16]; count];
            blocks.fill(Width::Baseline, counter, &mut out[..count.min(1)]); // sets the upper word
            FillBlocks { blocks: &blocks, counter: counter as u32, out: &mut out }.call(Portable);
            prop_assert_eq!(&out, &expected[..count]);
        }
    }
}
