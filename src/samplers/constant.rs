//! Constant tensors.

use crate::cpu::execution::Execution;
use crate::cpu::queue::for_each_chunk;
use crate::error::Error;
use ndarray::{ArrayViewMut, Dimension};

/// Sets every element of a tensor of any type and layout to `value`.
///
/// ```
/// use ndarray::Array1;
///
/// let mut bias = Array1::<u8>::zeros(1000);
/// initializers::fill_constant(7, bias.view_mut())?;
/// assert!(bias.iter().all(|&x| x == 7));
/// # Ok::<(), initializers::Error>(())
/// ```
///
/// # Errors
/// [`Error::Threads`] if `INITIALIZERS_NUM_THREADS` is invalid.
pub fn fill_constant<T, D>(value: T, mut out: ArrayViewMut<'_, T, D>) -> Result<(), Error>
where
    T: Copy + Send + Sync,
    D: Dimension,
{
    if let Some(slice) = out.as_slice_memory_order_mut() {
        return fill_constant_slice(value, slice, &mut || false);
    }
    out.fill(value);
    Ok(())
}

/// Sets every element to `value`, on several threads if that pays.
pub(crate) fn fill_constant_slice<T: Copy + Send + Sync>(
    value: T,
    out: &mut [T],
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    // `fill` would copy a large element to the stack.
    for_each_chunk(out, Execution::current(), |_, chunk| chunk.iter_mut().for_each(|x| *x = value), interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array1;

    fn check<const SIZE: usize>(len: usize) {
        let mut bytes = vec![0; SIZE * len];
        fill_constant_slice([3; SIZE], bytes.as_chunks_mut().0, &mut || false).unwrap();
        assert!(bytes.iter().all(|&x| x == 3));
    }

    #[test]
    fn elements_of_every_size() {
        fill_constant((), Array1::from_elem(10_000_000, ()).view_mut()).unwrap();
        // Without optimization, such an element is often copied to the stack.
        let large = std::thread::Builder::new().stack_size(64 << 20).spawn(|| {
            check::<{ 256 << 10 }>(1);
            check::<{ 256 << 10 }>(40);
            check::<{ 300 << 10 }>(40);
        });
        large.unwrap().join().unwrap();
        let mut scattered = Array1::from_elem(100, 0u8);
        fill_constant(3, scattered.slice_mut(ndarray::s![..;2])).unwrap();
        assert_eq!(scattered.iter().map(|&x| x as u32).sum::<u32>(), 150);
    }
}
