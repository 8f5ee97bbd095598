//! From words to a filled tensor: groups, runs, chunks, and the public trait of the samplers.

use crate::cpu::dispatch::{WithVectors, with_vectors};
use crate::cpu::float_mode::in_standard_mode;
use crate::cpu::threads::{CHUNK_BYTES, for_each, for_each_chunk, threads_for_elements};
use crate::cpu::vectors::Vectors;
use crate::error::Error;
use crate::fill::block::Block;
use crate::float::element::{Compute, Element, FromWord};
use crate::stream::chacha::ChaCha8;
use crate::stream::words::{Seed, Word};
use ndarray::{Array, Array2, ArrayViewMut, Axis, Dimension, IntoDimension};

/// Elements that are made together; a group begins at every multiple of it in the global numbering.
pub(crate) const GROUP: usize = 64;

/// Groups whose words are drawn at once: words and values stay in the first-level cache.
const PIECE: usize = 4;

type WordOf<T> = <<T as Element>::Compute as FromWord>::Word;

/// What turns the words of a group into values. Inlined into the vectorised fill.
pub trait Kernel<C: Compute>: Sync {
    /// The values of one group from its words.
    fn group(&self, words: &[C::Word; GROUP], out: &mut [C; GROUP]);
}

pub(crate) mod sealed {
    use super::{Compute, Element, Error, Kernel};

    /// A distribution whose parameters can be made ready for an element type.
    pub trait Sampler {
        /// The parameters as the kernel needs them.
        type Kernel<C: Compute>: Kernel<C>;

        /// Rounds the parameters to the computing type and checks that the values fit T.
        fn kernel<T: Element>(&self) -> Result<Self::Kernel<T::Compute>, Error>;
    }
}

/// A distribution that fills tensors.
///
/// The value of an element depends on the seed, the distribution, the element type and the element's
/// C-order number in the whole tensor; not on the layout, block or thread that it is made in.
pub trait Sampler: sealed::Sampler {
    /// Fills a whole tensor, in any memory layout.
    ///
    /// # Errors
    /// [`Error::Reach`] when not every value fits the element type, [`Error::Threads`] when the environment
    /// variable is wrong. Nothing is written then.
    fn fill<T: Element, D: Dimension>(&self, seed: impl Into<Seed>, out: ArrayViewMut<'_, T, D>) -> Result<(), Error> {
        let shape: Vec<u64> = out.shape().iter().map(|&size| size as u64).collect();
        in_standard_mode(|| fill_view(&self.kernel::<T>()?, seed.into(), &Block::whole(&shape)?, out, &mut || false))
    }

    /// Fills the block of the tensor of `shape` that begins at `start` and has the shape of `out`: the same
    /// values as that slice of the whole tensor.
    ///
    /// ```
    /// use initializers::{Normal, Sampler};
    /// use ndarray::{Array2, s};
    ///
    /// let normal = Normal::new(0.0, 1.0)?;
    /// let whole: Array2<f32> = normal.sample(3, (100, 100))?;
    /// let mut rows = Array2::<f32>::zeros((10, 100));
    /// normal.fill_block(3, &[100, 100], &[50, 0], rows.view_mut())?;
    /// assert_eq!(rows, whole.slice(s![50..60, ..]));
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Sampler::fill`], and [`Error::Block`] when the block is not inside the tensor or the tensor has
    /// 2^63 elements or more.
    fn fill_block<T: Element, D: Dimension>(
        &self,
        seed: impl Into<Seed>,
        shape: &[u64],
        start: &[u64],
        out: ArrayViewMut<'_, T, D>,
    ) -> Result<(), Error> {
        let extent: Vec<u64> = out.shape().iter().map(|&size| size as u64).collect();
        in_standard_mode(|| {
            fill_view(&self.kernel::<T>()?, seed.into(), &Block::new(shape, start, &extent)?, out, &mut || false)
        })
    }

    /// A new tensor of `shape`.
    ///
    /// # Errors
    /// As [`Sampler::fill`], [`Error::Memory`] when there is no memory for it, and [`Error::Block`] when `ndarray` has no
    /// array of that shape: it counts the sizes beside a zero.
    fn sample<T: Element, S: IntoDimension>(&self, seed: impl Into<Seed>, shape: S) -> Result<Array<T, S::Dim>, Error> {
        let shape = shape.into_dimension();
        let sizes: Vec<u64> = shape.slice().iter().map(|&size| size as u64).collect();
        let block = Block::whole(&sizes)?;
        let mut values = zeros(block.len())?;
        in_standard_mode(|| fill_slice(&self.kernel::<T>()?, seed.into(), &block, &mut values, &mut || false))?;
        Array::from_shape_vec(shape, values).map_err(|error| Error::Block(format!("shape {sizes:?}: {error}")))
    }
}

/// Memory that the system zeroes when it is touched first, so that it is written once.
pub(crate) fn zeros<T: Element>(count: u64) -> Result<Vec<T>, Error> {
    let count = usize::try_from(count).map_err(|_| Error::Memory)?;
    bytemuck::allocation::try_zeroed_vec(count).map_err(|()| Error::Memory)
}

/// A matrix of zeros of that shape.
pub(crate) fn zeros_2d<T: Element>(shape: (usize, usize)) -> Result<Array2<T>, Error> {
    let count = shape.0.checked_mul(shape.1).ok_or(Error::Memory)?;
    Array2::from_shape_vec(shape, zeros(count as u64)?)
        .map_err(|error| Error::Block(format!("shape {shape:?}: {error}")))
}

/// The items in memory that is asked for, so that a lack of it is an error.
pub(crate) fn try_collect<T>(items: impl Iterator<Item = T>) -> Result<Vec<T>, Error> {
    let mut all = Vec::new();
    all.try_reserve_exact(items.size_hint().0).map_err(|_| Error::Memory)?;
    for item in items {
        all.try_reserve(1).map_err(|_| Error::Memory)?; // where there are more than was hinted
        all.push(item);
    }
    Ok(all)
}

/// Elements of a view that is not contiguous that are drawn together, and then scattered.
const SCATTERED: usize = 4096;

/// Fills a view in any layout.
fn fill_view<T: Element, D: Dimension>(
    kernel: &impl Kernel<T::Compute>,
    seed: Seed,
    block: &Block,
    mut out: ArrayViewMut<'_, T, D>,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    if let Some(slice) = out.as_slice_mut() {
        return fill_slice(kernel, seed, block, slice, interrupted);
    }
    // Parts along the first axis that has several places follow one another in C order.
    let axis = out.shape().iter().position(|&size| size > 1).unwrap_or(0);
    let inner = out.len() / out.len_of(Axis(axis)).max(1);
    let places = (CHUNK_BYTES / size_of::<T>() / inner.max(1)).max(1);
    let threads = threads_for_elements::<T>(out.len())?;
    let parts = out.axis_chunks_iter_mut(Axis(axis), places).enumerate();
    let fill_part = |(part, mut out): (usize, ArrayViewMut<'_, T, D>), stopped: &mut dyn FnMut() -> bool| {
        let mut offset = part * places * inner;
        let mut values = zeros(SCATTERED.min(out.len()) as u64)?;
        let mut left = out.len();
        let mut targets = out.iter_mut();
        while left > 0 && !stopped() {
            let values = &mut values[..SCATTERED.min(left)];
            with_vectors(Part { kernel, seed, block, offset: offset as u64, out: values });
            values.iter().zip(targets.by_ref()).for_each(|(&value, out)| *out = value);
            offset += values.len();
            left -= values.len();
        }
        Ok(())
    };
    for_each(parts, threads, fill_part, interrupted)
}

/// Fills the elements of a block, in its C order.
pub(crate) fn fill_slice<T: Element>(
    kernel: &impl Kernel<T::Compute>,
    seed: Seed,
    block: &Block,
    out: &mut [T],
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    debug_assert_eq!(out.len() as u64, block.len());
    let fill = |offset, out: &mut [T]| with_vectors(Part { kernel, seed, block, offset: offset as u64, out });
    for_each_chunk(out, fill, interrupted)
}

/// Elements `first`, `first` + 1, … of a tensor of one dimension, on the caller's thread.
pub(crate) fn fill_run<T: Element>(kernel: &impl Kernel<T::Compute>, seed: Seed, first: u64, out: &mut [T]) {
    let block = Block::run(first, out.len() as u64);
    with_vectors(Part { kernel, seed, block: &block, offset: 0, out });
}

/// The elements of `block` from number `offset` on.
struct Part<'a, T, K> {
    kernel: &'a K,
    seed: Seed,
    block: &'a Block,
    offset: u64,
    out: &'a mut [T],
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Normal, set_num_threads};
    use ndarray::{Array3, ArrayD, IxDyn, s};

    #[test]
    fn views_in_any_layout_hold_the_values_of_contiguous_ones() {
        set_num_threads(3).unwrap();
        let normal = Normal::new(0.0, 1.0).unwrap();
        for shape in [(1, 1100, 1000), (90, 100, 3), (3, 5, 7), (5, 1, 1), (1, 1, 4097), (0, 3, 4)] {
            let expected: Array3<f32> = normal.sample(7, shape).unwrap();
            let (a, b, c) = shape;
            let mut spread = Array3::<f32>::zeros((2 * a, b, 3 * c));
            normal.fill(7, spread.slice_mut(s![..;2, .., ..;3])).unwrap();
            assert_eq!(spread.slice(s![..;2, .., ..;3]), expected, "{shape:?}");
            assert!(spread.slice(s![a.min(1)..;2, .., ..]).iter().all(|&x| x == 0.0), "a neighbor of {shape:?}");
            let mut transposed = Array3::<f32>::zeros((c, b, a));
            normal.fill(7, transposed.view_mut().reversed_axes()).unwrap();
            assert_eq!(transposed.reversed_axes(), expected, "{shape:?}");
        }
        let mut block = Array3::<f32>::zeros((20, 10, 30)).permuted_axes([1, 2, 0]); // (10, 30, 20)
        normal.fill_block(7, &[40, 50, 60], &[7, 11, 13], block.view_mut()).unwrap();
        let whole: Array3<f32> = normal.sample(7, (40, 50, 60)).unwrap();
        assert_eq!(block, whole.slice(s![7..17, 11..41, 13..33]));
        let mut scalar = ArrayD::<f32>::zeros(IxDyn(&[]));
        normal.fill(7, scalar.view_mut()).unwrap();
        assert_eq!(scalar.first(), normal.sample::<f32, _>(7, 1).unwrap().first());
    }

    /// A kernel that takes a millisecond for a group of ones.
    struct Slow;

    impl Kernel<f32> for Slow {
        fn group(&self, _: &[u32; GROUP], out: &mut [f32; GROUP]) {
            std::thread::sleep(std::time::Duration::from_millis(1));
            out.fill(1.0);
        }
    }

    #[test]
    fn a_view_can_be_interrupted() {
        // The interrupt is looked for after the first elements that are drawn together, which take 64 ms or more.
        let mut spread = Array2::<f32>::zeros((3 * SCATTERED, 2));
        let block = Block::whole(&[3 * SCATTERED as u64, 1]).unwrap();
        let result = fill_view(&Slow, Seed::from(1), &block, spread.slice_mut(s![.., ..1]), &mut || true);
        assert_eq!(result, Err(Error::Interrupted));
        let written = spread.column(0).iter().filter(|&&x| x == 1.0).count();
        assert_eq!((written, spread.column(1).sum()), (SCATTERED, 0.0));
    }
}
