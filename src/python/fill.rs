//! Fills NumPy arrays.

use crate::cpu::execution::Execution;
use crate::cpu::float_mode::in_standard_mode;
use crate::fill::block::Block;
use crate::fill::view::fill_slice;
use crate::float::element::Element;
use crate::matrix::orthogonal::Orthogonal;
use crate::python::arrays::{WithElement, detached, with_element, writeable, writeable_in_any_order};
use crate::samplers::{Sampler, constant};
use crate::stream::seed::Seed;
use bytemuck::Pod;
use ndarray::{ArrayViewMutD, ShapeBuilder};
use numpy::{Element as NumpyElement, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Shape of the tensor, and start of the block that the array holds. None: the array is the whole tensor.
pub(crate) type BlockArgument = Option<(Vec<u64>, Vec<u64>)>;

/// The arguments of a fill.
pub(crate) struct Fill<'a, 'py, S> {
    pub(crate) out: &'a Bound<'py, PyUntypedArray>,
    pub(crate) sampler: S,
    pub(crate) seed: Seed,
    pub(crate) block: BlockArgument,
}

impl<S> Fill<'_, '_, S> {
    /// The shape of the array.
    fn extent(&self) -> Vec<u64> {
        self.out.shape().iter().map(|&size| size as u64).collect()
    }
}

impl<S: Sampler + Sync> WithElement for Fill<'_, '_, S> {
    type Output = ();

    fn call<N: NumpyElement + Pod, T: Element>(self) -> PyResult<()> {
        let mut array = writeable::<N>(self.out)?;
        let kernel = in_standard_mode(|| self.sampler.kernel::<T>())?;
        let extent = self.extent();
        let block = match self.block {
            None => Block::whole(&extent)?,
            Some((shape, start)) => Block::new(&shape, &start, &extent)?,
        };
        let slice = array.as_slice_mut().map_err(|_| PyValueError::new_err("`out` must be aligned"))?;
        let slice = bytemuck::cast_slice_mut::<N, T>(slice);
        detached(self.out.py(), size_of_val(slice), |interrupted| {
            in_standard_mode(|| fill_slice(&kernel, self.seed, &block, slice, Execution::current(), interrupted))
        })
    }
}

/// A fill with orthogonal matrices, which are no [`Sampler`].
struct FillOrthogonal<'a, 'py>(Fill<'a, 'py, Orthogonal>);

impl WithElement for FillOrthogonal<'_, '_> {
    type Output = ();

    fn call<N: NumpyElement + Pod, T: Element>(self) -> PyResult<()> {
        let extent = self.0.extent();
        let Fill { out, sampler, seed, block } = self.0;
        let mut array = writeable_in_any_order::<N>(out)?;
        let (shape, start) = block.unwrap_or_else(|| (extent.clone(), vec![0; extent.len()]));
        let order = out.shape().set_f(!out.is_c_contiguous());
        let slice =
            array.as_slice_mut().map_err(|_| PyValueError::new_err("`out` must be aligned and without gaps"))?;
        let view = ArrayViewMutD::from_shape(order, bytemuck::cast_slice_mut::<N, T>(slice))
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        detached(out.py(), usize::MAX, |interrupted| {
            sampler.fill_interruptibly(seed, &shape, &start, view, Execution::current(), interrupted)
        })
    }
}

/// Fills an array in C order, of the element type of that name.
pub(crate) fn fill(dtype: &str, fill: Fill<'_, '_, impl Sampler + Sync>) -> PyResult<()> {
    with_element(dtype, fill)
}

/// Fills an array in C or Fortran order with orthogonal matrices.
pub(crate) fn fill_orthogonal(dtype: &str, fill: Fill<'_, '_, Orthogonal>) -> PyResult<()> {
    with_element(dtype, FillOrthogonal(fill))
}

/// Fills bytes with copies of a pattern of 1, 2, 4, 8 or 16 bytes.
pub(crate) fn fill_bytes(out: &Bound<'_, PyUntypedArray>, pattern: &[u8]) -> PyResult<()> {
    fn repeat<const N: usize>(py: Python<'_>, out: &mut [u8], pattern: &[u8]) -> PyResult<()> {
        let value: [u8; N] = pattern.try_into().expect("its length was matched");
        let (out, _) = out.as_chunks_mut::<N>();
        detached(py, size_of_val(out), |interrupted| constant::fill_constant_slice(value, out, interrupted))
    }
    let mut array = writeable::<u8>(out)?;
    let slice = array.as_slice_mut().map_err(|_| PyValueError::new_err("`out` must be aligned"))?;
    if !matches!(pattern.len(), 1 | 2 | 4 | 8 | 16) || slice.len() % pattern.len() != 0 {
        return Err(PyValueError::new_err("`pattern` must have 1, 2, 4, 8 or 16 bytes and divide `out`"));
    }
    match pattern.len() {
        1 => repeat::<1>(out.py(), slice, pattern),
        2 => repeat::<2>(out.py(), slice, pattern),
        4 => repeat::<4>(out.py(), slice, pattern),
        8 => repeat::<8>(out.py(), slice, pattern),
        _ => repeat::<16>(out.py(), slice, pattern),
    }
}
