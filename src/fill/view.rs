//! Fills tensors in any memory layout, on several threads.

use crate::cpu::dispatch::Width;
use crate::cpu::execution::Execution;
use crate::cpu::queue::for_each_chunk;
use crate::error::Error;
use crate::fill::block::Block;
use crate::fill::groups::{Kernel, fill_part};
use crate::float::element::Element;
use crate::float::tensor::Memory;
use crate::stream::seed::Seed;
#[cfg(feature = "ndarray")]
use {
    crate::cpu::queue::{for_each, threads_for_elements},
    crate::cpu::tuning::{CHUNK_BYTES, SCATTERED_ELEMENTS},
    crate::memory::zeros,
    ndarray::{ArrayViewMutD, Axis},
};

/// Fills memory in any layout with the elements of a block.
pub(crate) fn fill_memory<T: Element>(
    kernel: &dyn Kernel<T::Compute>,
    seed: Seed,
    block: &Block,
    out: Memory<'_, T>,
    execution: Execution,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    match out {
        Memory::Slice(out) => fill_slice(kernel, seed, block, out, execution, interrupted),
        #[cfg(feature = "ndarray")]
        Memory::View(out) => fill_view(kernel, seed, block, out, execution, interrupted),
    }
}

/// Fills a view in any memory layout.
#[cfg(feature = "ndarray")]
fn fill_view<T: Element>(
    kernel: &dyn Kernel<T::Compute>,
    seed: Seed,
    block: &Block,
    mut out: ArrayViewMutD<'_, T>,
    execution: Execution,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    if let Some(slice) = out.as_slice_mut() {
        return fill_slice(kernel, seed, block, slice, execution, interrupted);
    }
    // Slabs along the first axis with several indices follow one another in C order.
    let axis = out.shape().iter().position(|&size| size > 1).unwrap_or(0);
    let inner = out.len() / out.len_of(Axis(axis)).max(1);
    let slab = (CHUNK_BYTES / size_of::<T>() / inner.max(1)).max(1);
    let execution = execution.with_useful_threads(threads_for_elements::<T>(out.len()));
    let slabs = out.axis_chunks_iter_mut(Axis(axis), slab).enumerate();
    let fill_slab = |(number, mut out): (usize, ArrayViewMutD<'_, T>), stopped: &mut dyn FnMut() -> bool| {
        let mut offset = number * slab * inner;
        let mut values = zeros(SCATTERED_ELEMENTS.min(out.len()) as u64)?;
        let mut left = out.len();
        let mut targets = out.iter_mut();
        while left > 0 && !stopped() {
            let values = &mut values[..SCATTERED_ELEMENTS.min(left)];
            fill_part(kernel, seed, block, offset as u64, values, execution.width);
            values.iter().zip(targets.by_ref()).for_each(|(&value, out)| *out = value);
            offset += values.len();
            left -= values.len();
        }
        Ok(())
    };
    for_each(slabs, execution, fill_slab, interrupted)
}

/// Fills a slice with the elements of a block, in its C order.
pub(crate) fn fill_slice<T: Element>(
    kernel: &dyn Kernel<T::Compute>,
    seed: Seed,
    block: &Block,
    out: &mut [T],
    execution: Execution,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    debug_assert_eq!(out.len() as u64, block.len());
    let fill = |offset, out: &mut [T]| fill_part(kernel, seed, block, offset as u64, out, execution.width);
    for_each_chunk(out, execution, fill, interrupted)
}

/// Fills a slice with elements `first`, `first` + 1, … of a tensor of one dimension, on the caller's thread.
pub(crate) fn fill_run<T: Element>(
    kernel: &dyn Kernel<T::Compute>,
    seed: Seed,
    first: u64,
    out: &mut [T],
    width: Width,
) {
    let block = Block::run(first, out.len() as u64);
    fill_part(kernel, seed, &block, 0, out, width);
}

#[cfg(all(test, feature = "ndarray"))]
mod tests {
    use super::*;
    use crate::stream::words::GROUP;
    use ndarray::{Array2, s};

    /// A kernel that takes a millisecond for a group of ones.
    struct Slow;

    impl Kernel<f32> for Slow {
        fn groups(&self, _: Width, _: &[[u32; GROUP]], out: &mut [[f32; GROUP]]) {
            std::thread::sleep(std::time::Duration::from_millis(out.len() as u64));
            out.as_flattened_mut().fill(1.0);
        }
    }

    #[test]
    fn a_view_can_be_interrupted() {
        // The first SCATTERED_ELEMENTS take 64 ms or more; then the interrupt is checked.
        let mut spread = Array2::<f32>::zeros((3 * SCATTERED_ELEMENTS, 2));
        let block = Block::whole(&[3 * SCATTERED_ELEMENTS as u64, 1]).unwrap();
        let (out, execution) = (spread.slice_mut(s![.., ..1]).into_dyn(), Execution::new(Width::Baseline, 1));
        let result = fill_view(&Slow, Seed::from(1), &block, out, execution, &mut || true);
        assert_eq!(result, Err(Error::Interrupted));
        let written = spread.column(0).iter().filter(|&&x| x == 1.0).count();
        assert_eq!((written, spread.column(1).sum()), (SCATTERED_ELEMENTS, 0.0));
    }
}
