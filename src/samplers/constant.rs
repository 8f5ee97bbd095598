//! Constant tensors.

use crate::cpu::execution::Execution;
use crate::cpu::queue::for_each_chunk;
use crate::error::Error;
use crate::float::element::Element;
use crate::float::rounding::round_once;
use crate::float::tensor::{Memory, TensorMut};
use crate::initializer::{FillElements, Initializer, Request};

/// Sets every element of a tensor of any type and layout to `value`. Fills of large slices use several threads.
///
/// ```
/// let mut bias = vec![0u8; 1000];
/// initializers::fill_constant(7, &mut bias)?;
/// assert!(bias.iter().all(|&x| x == 7));
/// # Ok::<(), initializers::Error>(())
/// ```
///
/// # Errors
/// [`Error::Threads`] if `INITIALIZERS_NUM_THREADS` is invalid.
pub fn fill_constant<'a, T>(value: T, out: impl Into<TensorMut<'a, T>>) -> Result<(), Error>
where
    T: Copy + Send + Sync + 'a,
{
    fill_memory(value, out.into().memory, &mut || false)
}

/// Sets every element of memory in any layout to `value`.
pub(crate) fn fill_memory<T: Copy + Send + Sync>(
    value: T,
    out: Memory<'_, T>,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    match out {
        Memory::Slice(slice) => fill_constant_slice(value, slice, interrupted),
        #[cfg(feature = "ndarray")]
        Memory::View(mut view) => {
            if let Some(slice) = view.as_slice_memory_order_mut() {
                return fill_constant_slice(value, slice, interrupted);
            }
            view.fill(value);
            Ok(())
        }
    }
}

/// One number everywhere, rounded once to the element type. The seed does not matter.
///
/// ```
/// use initializers::{Constant, Fill};
///
/// let gamma: Vec<f32> = Constant::new(1.0).sample_vec(0, &[3])?;
/// assert_eq!(gamma, [1.0; 3]);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constant {
    value: f64,
}

impl Constant {
    /// Creates the constant `value`. NaN and infinities are values of the element types that have them.
    ///
    /// ```
    /// use initializers::{Constant, F8E4M3FN, Fill};
    ///
    /// assert!(Constant::new(f64::INFINITY).sample_vec::<f32>(0, &[3]).is_ok());
    /// assert!(Constant::new(f64::INFINITY).sample_vec::<F8E4M3FN>(0, &[3]).is_err());
    /// ```
    #[must_use]
    pub fn new(value: f64) -> Self {
        Self { value }
    }

    /// Returns the value.
    ///
    /// ```
    /// use initializers::Constant;
    /// assert_eq!(Constant::new(0.5).value(), 0.5);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
    }
}

impl Initializer for Constant {}

impl FillElements for Constant {
    fn fill_elements<T: Element>(&self, request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        request.block(&out.shape)?;
        fill_memory(round_once::<T>("`value`", self.value)?, out.memory, request.interrupted)
    }
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

#[cfg(all(test, feature = "ndarray"))]
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
