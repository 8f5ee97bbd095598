//! Groups of elements, computed in three passes: words, values of the computing type, rounded values.
//!
//! Each pass is compiled for each vector width: the words once, the values for each formula and computing type, the rounding
//! for each element type. The code around the passes is compiled for no width and for no distribution.

use crate::cpu::dispatch::{Width, WithVectors};
use crate::cpu::tuning::{GROUPS_PER_DIRECT_PASS, GROUPS_PER_PASS, SHORT_PART_GROUPS};
use crate::cpu::vectors::Vectors;
use crate::fill::block::Block;
use crate::float::element::{Compute, ComputeInternal, Element};
use crate::stream::chacha::ChaCha8;
use crate::stream::seed::Seed;
use crate::stream::words::{GROUP, Word};

type WordOf<T> = <<T as Element>::Compute as ComputeInternal>::Word;

/// The rounded parameters and the formula of a distribution.
pub(crate) trait Kernel<C: Compute>: Sync {
    /// Computes groups from their words, on vectors no wider than `width`.
    fn groups(&self, width: Width, words: &[[C::Word; GROUP]], out: &mut [[C; GROUP]]);
}

/// Calls `formula` for every group. It is inlined into one function for each vector width.
pub(crate) fn for_each_group<C: Compute>(
    width: Width,
    words: &[[C::Word; GROUP]],
    out: &mut [[C; GROUP]],
    formula: impl Fn(&[C::Word; GROUP], &mut [C; GROUP]),
) {
    width.run_with_vectors(Evaluate { words, out, formula });
}

/// The second pass: values from words.
struct Evaluate<'a, C: Compute, F> {
    words: &'a [[C::Word; GROUP]],
    out: &'a mut [[C; GROUP]],
    formula: F,
}

impl<C: Compute, F: Fn(&[C::Word; GROUP], &mut [C; GROUP])> WithVectors for Evaluate<'_, C, F> {
    type Output = ();

    #[inline(always)]
    fn call<V: Vectors>(self, _: V) {
        for (words, out) in self.words.iter().zip(self.out) {
            (self.formula)(words, out);
        }
    }
}

/// The third pass: values rounded to the element type.
struct Round<'a, T: Element> {
    values: &'a [T::Compute],
    out: &'a mut [T],
}

impl<T: Element> WithVectors for Round<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call<V: Vectors>(self, _: V) {
        for (out, &value) in self.out.iter_mut().zip(self.values) {
            *out = T::round(value);
        }
    }
}

/// Fills `out` with the elements of `block` from number `offset` on, on this thread.
pub(crate) fn fill_part<T: Element>(
    kernel: &dyn Kernel<T::Compute>,
    seed: Seed,
    block: &Block,
    offset: u64,
    out: &mut [T],
    width: Width,
) {
    // Values that are not rounded are computed in `out`: they need room for one group only.
    let groups = out.len().div_ceil(GROUP);
    let rounds = T::as_compute(&mut []).is_none();
    let fill = if groups <= 1 {
        fill_with_room::<T, 1, 1>
    } else if groups <= SHORT_PART_GROUPS {
        fill_with_room::<T, SHORT_PART_GROUPS, SHORT_PART_GROUPS>
    } else if rounds {
        fill_with_room::<T, GROUPS_PER_PASS, GROUPS_PER_PASS>
    } else {
        fill_with_room::<T, GROUPS_PER_DIRECT_PASS, 1>
    };
    fill(kernel, seed, block, offset, out, width);
}

/// Fills `out`, with room for the words of `WORDS` groups and for the values of `VALUES` groups.
///
/// The room is cleared for each part of a tensor, which takes as long as computing a few elements: short parts use less.
#[inline(never)] // a stack frame for each size of room, not one with all of them
fn fill_with_room<T: Element, const WORDS: usize, const VALUES: usize>(
    kernel: &dyn Kernel<T::Compute>,
    seed: Seed,
    block: &Block,
    offset: u64,
    out: &mut [T],
    width: Width,
) {
    let words = &mut [[bytemuck::Zeroable::zeroed(); GROUP]; WORDS];
    let values = &mut [[T::Compute::default(); GROUP]; VALUES];
    Passes::<T> { width, kernel, blocks: seed.blocks(), words, values, kept: None }.fill(block, offset, out);
}

/// The passes and their room.
struct Passes<'a, T: Element> {
    width: Width,
    kernel: &'a dyn Kernel<T::Compute>,
    blocks: ChaCha8,
    words: &'a mut [[WordOf<T>; GROUP]],
    /// Values that are not computed in the output itself: those to be rounded, and groups of which only a part is needed.
    values: &'a mut [[T::Compute; GROUP]],
    /// The group in `values` of which only a part was needed: the next short run often begins in it.
    kept: Option<u64>,
}

impl<T: Element> Passes<'_, T> {
    /// Fills `out` with the elements of `block` from number `offset` on.
    #[inline(never)] // once for each element type, not for each size of room
    fn fill(&mut self, block: &Block, offset: u64, mut out: &mut [T]) {
        for (start, count) in block.runs(offset..offset + out.len() as u64) {
            let (run, rest) = out.split_at_mut(count);
            self.fill_run(start, run);
            out = rest;
        }
    }

    /// Fills `out` with the elements from number `start` on.
    fn fill_run(&mut self, mut start: u64, mut out: &mut [T]) {
        while !out.is_empty() {
            let (group, skip) = (start / GROUP as u64, (start % GROUP as u64) as usize);
            let whole = if skip == 0 { (out.len() / GROUP).min(self.words.len()) } else { 0 };
            let count = if whole > 0 { whole * GROUP } else { out.len().min(GROUP - skip) };
            let (part, rest) = out.split_at_mut(count);
            if whole > 0
                && let Some(part) = T::as_compute(part)
            {
                make(self.width, self.kernel, &mut self.blocks, group, self.words, part.as_chunks_mut().0);
            } else {
                if whole > 0 || self.kept != Some(group) {
                    let values = &mut self.values[..whole.max(1)];
                    make(self.width, self.kernel, &mut self.blocks, group, self.words, values);
                    self.kept = (whole == 0).then_some(group);
                }
                self.round(skip, part);
            }
            out = rest;
            start += count as u64;
        }
    }

    /// Writes the values from number `skip` on, rounded.
    fn round(&self, skip: usize, out: &mut [T]) {
        let values = &self.values.as_flattened()[skip..][..out.len()];
        if let Some(out) = T::as_compute(out) {
            out.copy_from_slice(values);
        } else {
            self.width.run_with_vectors(Round { values, out });
        }
    }
}

/// Computes the groups from number `group` on, as many as `out` has: the words, then the values.
fn make<C: Compute>(
    width: Width,
    kernel: &dyn Kernel<C>,
    blocks: &mut ChaCha8,
    group: u64,
    words: &mut [[C::Word; GROUP]],
    out: &mut [[C; GROUP]],
) {
    let words = &mut words[..out.len()];
    let (space, _) = bytemuck::cast_slice_mut(words.as_flattened_mut()).as_chunks_mut();
    blocks.fill(width, group.wrapping_mul(C::Word::BLOCKS as u64), space);
    words.as_flattened_mut().iter_mut().for_each(|word| *word = word.to_native());
    kernel.groups(width, words, out);
}
