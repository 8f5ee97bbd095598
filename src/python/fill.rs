//! Fills NumPy arrays.

use crate::cpu::execution::Execution;
use crate::cpu::float_mode::in_standard_mode;
use crate::fill::block::Block;
use crate::fill::groups::Kernel;
use crate::fill::view::fill_slice;
use crate::float::element::Element;
use crate::float::tensor::TensorMut;
use crate::initializer::{Fill as _, Initializer};
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

/// The shape of an array.
fn extent(out: &Bound<'_, PyUntypedArray>) -> Vec<u64> {
    out.shape().iter().map(|&size| size as u64).collect()
}

impl<S: Sampler> WithElement for Fill<'_, '_, S> {
    type Output = ();

    fn call<N: NumpyElement + Pod, T: Element>(self) -> PyResult<()> {
        let kernel = in_standard_mode(|| self.sampler.kernel::<T>())?;
        fill_from::<N, T>(self.out, &kernel, self.seed, self.block)
    }
}

/// Fills an array in C order with the values of a kernel. It does not name the distribution, so it is compiled once for each
/// element type.
fn fill_from<N: NumpyElement + Pod, T: Element>(
    out: &Bound<'_, PyUntypedArray>,
    kernel: &dyn Kernel<T::Compute>,
    seed: Seed,
    block: BlockArgument,
) -> PyResult<()> {
    let mut array = writeable::<N>(out)?;
    let extent = extent(out);
    let block = match block {
        None => Block::whole(&extent)?,
        Some((shape, start)) => Block::new(&shape, &start, &extent)?,
    };
    let slice = array.as_slice_mut().map_err(|_| PyValueError::new_err("`out` must be aligned"))?;
    let slice = bytemuck::cast_slice_mut::<N, T>(slice);
    detached(out.py(), size_of_val(slice), |interrupted| {
        in_standard_mode(|| fill_slice(kernel, seed, &block, slice, Execution::current(), interrupted))
    })
}

/// A fill with orthogonal matrices, which are not a [`Sampler`].
struct FillOrthogonal<'a, 'py>(Fill<'a, 'py, Orthogonal>);

impl WithElement for FillOrthogonal<'_, '_> {
    type Output = ();

    fn call<N: NumpyElement + Pod, T: Element>(self) -> PyResult<()> {
        let Fill { out, sampler, seed, block } = self.0;
        let extent = extent(out);
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

/// A fill with values that are not drawn.
struct FillGiven<'a, 'py, I>(Fill<'a, 'py, I>);

impl<I: Initializer> WithElement for FillGiven<'_, '_, I> {
    type Output = ();

    fn call<N: NumpyElement + Pod, T: Element>(self) -> PyResult<()> {
        let Fill { out, sampler, seed, block } = self.0;
        let mut array = writeable::<N>(out)?;
        let extent = extent(out);
        let (shape, start) = block.unwrap_or_else(|| (extent.clone(), vec![0; extent.len()]));
        let slice = array.as_slice_mut().map_err(|_| PyValueError::new_err("`out` must be aligned"))?;
        let tensor = TensorMut::new(&extent, bytemuck::cast_slice_mut::<N, T>(slice))?;
        detached(out.py(), usize::MAX, |interrupted| sampler.fill_until(seed, &shape, &start, tensor, interrupted))
    }
}

/// Fills an array in C order with values that are not drawn, of the element type of that name.
pub(crate) fn fill_given(
    dtype: &str,
    out: &Bound<'_, PyUntypedArray>,
    block: BlockArgument,
    initializer: impl Initializer,
) -> PyResult<()> {
    with_element(dtype, FillGiven(Fill { out, sampler: initializer, seed: Seed::from(0), block }))
}

/// Returns the value of a name; an error if there is none.
pub(crate) fn find_named<T: Copy>(argument: &str, name: &str, named: &[(&str, T)]) -> PyResult<T> {
    let found = named.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    found.ok_or_else(|| PyValueError::new_err(format!("`{argument}` must be a known name, received: {name:?}")))
}

/// Fills an array in C order, of the element type of that name.
pub(crate) fn fill(dtype: &str, fill: Fill<'_, '_, impl Sampler>) -> PyResult<()> {
    with_element(dtype, fill)
}

/// Fills an array in C or Fortran order with orthogonal matrices.
pub(crate) fn fill_orthogonal(dtype: &str, fill: Fill<'_, '_, Orthogonal>) -> PyResult<()> {
    with_element(dtype, FillOrthogonal(fill))
}

/// Fills bytes with copies of a pattern of 1, 2, 4, 8 or 16 bytes.
pub(crate) fn fill_bytes(out: &Bound<'_, PyUntypedArray>, pattern: &[u8]) -> PyResult<()> {
    let mut array = writeable::<u8>(out)?;
    let slice = array.as_slice_mut().map_err(|_| PyValueError::new_err("`out` must be aligned"))?;
    if !matches!(pattern.len(), 1 | 2 | 4 | 8 | 16) || slice.len() % pattern.len() != 0 {
        return Err(PyValueError::new_err("`pattern` must have 1, 2, 4, 8 or 16 bytes and divide `out`"));
    }
    // The pattern is repeated to 16 bytes: one function for all lengths.
    let wide: [u8; 16] = std::array::from_fn(|i| pattern[i % pattern.len()]);
    let (wholes, rest) = slice.as_chunks_mut();
    rest.copy_from_slice(&wide[..rest.len()]);
    detached(out.py(), size_of_val(wholes), |interrupted| constant::fill_constant_slice(wide, wholes, interrupted))
}
