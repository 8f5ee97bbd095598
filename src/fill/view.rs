//! Tensors in any memory layout, filled in parts on several threads.

use crate::cpu::dispatch::with_vectors;
use crate::cpu::threads::{CHUNK_BYTES, for_each, for_each_chunk, threads_for_elements};
use crate::error::Error;
use crate::fill::block::Block;
use crate::fill::groups::{Kernel, Part};
use crate::float::element::Element;
use crate::memory::zeros;
use crate::stream::seed::Seed;
use ndarray::{ArrayViewMut, Axis, Dimension};

/// Elements of a view that is not contiguous that are drawn together, and then scattered.
const SCATTERED: usize = 4096;

/// Fills a view in any layout.
pub(crate) fn fill_view<T: Element, D: Dimension>(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sampler;
    use crate::stream::words::GROUP;
    use crate::{Normal, set_num_threads};
    use ndarray::{Array2, Array3, ArrayD, IxDyn, s};

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
