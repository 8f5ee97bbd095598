//! Groups of elements from their words.

use crate::cpu::dispatch::WithVectors;
use crate::cpu::vectors::Vectors;
use crate::fill::block::Block;
use crate::float::element::{Compute, ComputeInternal, Element};
use crate::stream::chacha::ChaCha8;
use crate::stream::seed::Seed;
use crate::stream::words::{GROUP, Word};

/// Groups whose words are drawn at once: words and values stay in the first-level cache.
const PIECE: usize = 4;

type WordOf<T> = <<T as Element>::Compute as ComputeInternal>::Word;

/// What turns the words of a group into values. Inlined into the vectorised fill.
pub(crate) trait Kernel<C: Compute>: Sync {
    /// The values of one group from its words.
    fn group(&self, words: &[C::Word; GROUP], out: &mut [C; GROUP]);
}

/// The elements of `block` from number `offset` on.
pub(crate) struct Part<'a, T, K> {
    pub(crate) kernel: &'a K,
    pub(crate) seed: Seed,
    pub(crate) block: &'a Block,
    pub(crate) offset: u64,
    pub(crate) out: &'a mut [T],
}

impl<T: Element, K: Kernel<T::Compute>> WithVectors for Part<'_, T, K> {
    type Output = ();

    #[inline(always)]
    fn call<V: Vectors>(self, vectors: V) {
        let mut groups = Groups {
            kernel: self.kernel,
            vectors,
            blocks: self.seed.blocks(),
            words: bytemuck::Zeroable::zeroed(),
            kept: None,
            group: [T::default(); GROUP],
        };
        let mut out = self.out;
        for (start, count) in self.block.runs(self.offset..self.offset + out.len() as u64) {
            let (run, rest) = out.split_at_mut(count);
            groups.run(start, run);
            out = rest;
        }
    }
}

/// Makes groups, and keeps the last one that was needed in part: short runs often share it.
struct Groups<'a, T: Element, K, V> {
    kernel: &'a K,
    vectors: V,
    blocks: ChaCha8,
    /// Those of the groups that are being made.
    words: [[WordOf<T>; GROUP]; PIECE],
    kept: Option<u64>,
    group: [T; GROUP],
}

impl<T: Element, K: Kernel<T::Compute>, V: Vectors> Groups<'_, T, K, V> {
    /// The elements from number `start` on.
    #[inline(always)]
    fn run(&mut self, start: u64, mut out: &mut [T]) {
        let mut group = start / GROUP as u64;
        let skip = (start % GROUP as u64) as usize;
        if skip > 0 || out.len() < GROUP {
            let (head, rest) = out.split_at_mut(out.len().min(GROUP - skip));
            head.copy_from_slice(&self.keep(group)[skip..][..head.len()]);
            out = rest;
            group += 1;
        }
        let (groups, tail) = out.as_chunks_mut();
        for piece in groups.chunks_mut(PIECE) {
            self.make(group, piece);
            group += piece.len() as u64;
        }
        if !tail.is_empty() {
            tail.copy_from_slice(&self.keep(group)[..tail.len()]);
        }
    }

    /// One whole group, of which a part is needed.
    #[inline(always)]
    fn keep(&mut self, group: u64) -> &[T; GROUP] {
        if self.kept != Some(group) {
            let mut values = [[T::default(); GROUP]];
            self.make(group, &mut values);
            self.group = values[0];
            self.kept = Some(group);
        }
        &self.group
    }

    /// Up to `PIECE` groups.
    #[inline(always)]
    fn make(&mut self, group: u64, out: &mut [[T; GROUP]]) {
        let words = &mut self.words[..out.len()];
        let (blocks, _) = bytemuck::cast_slice_mut(words.as_flattened_mut()).as_chunks_mut();
        self.blocks.fill(self.vectors, group.wrapping_mul(<WordOf<T>>::BLOCKS as u64), blocks);
        words.as_flattened_mut().iter_mut().for_each(|word| *word = word.to_native());
        for (words, out) in words.iter().zip(out) {
            if let Some(out) = T::as_compute(out) {
                self.kernel.group(words, out.try_into().expect("a whole group"));
            } else {
                let mut values = [T::Compute::default(); GROUP];
                self.kernel.group(words, &mut values);
                for (out, &value) in out.iter_mut().zip(&values) {
                    *out = T::round(value);
                }
            }
        }
    }
}
