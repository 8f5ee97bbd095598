//! NumPy arrays as slices and views, and their dtypes as element types.
//!
//! The Python layer has checked the users' arguments. The checks here prevent undefined behavior and wrong bytes.

use crate::cpu::threads::num_threads;
use crate::cpu::tuning::CHUNK_BYTES;
use crate::error::Error;
use crate::float::element::Element;
use crate::float::float8::{F8E4M3FN, F8E5M2};
use bytemuck::Pod;
use half::{bf16, f16};
use numpy::{
    Element as NumpyElement, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadwriteArrayDyn, PyUntypedArray,
    PyUntypedArrayMethods, dtype,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// A function generic over the element type.
pub(crate) trait WithElement {
    type Output;

    /// Calls the function. `N` is the type of NumPy's arrays with elements of type `T`; it has the same size.
    fn call<N: NumpyElement + Pod, T: Element>(self) -> PyResult<Self::Output>;
}

/// Calls a function with the element type of that name.
pub(crate) fn with_element<F: WithElement>(dtype: &str, function: F) -> PyResult<F::Output> {
    match dtype {
        f32::NAME => function.call::<f32, f32>(),
        f64::NAME => function.call::<f64, f64>(),
        <f16 as Element>::NAME => function.call::<f16, f16>(),
        <bf16 as Element>::NAME => function.call::<u16, bf16>(),
        F8E4M3FN::NAME => function.call::<u8, F8E4M3FN>(),
        F8E5M2::NAME => function.call::<u8, F8E5M2>(),
        _ => Err(PyValueError::new_err(format!("`dtype` must be a float type of the stream, received: {dtype}"))),
    }
}

/// Returns `out` as a writeable array of T; an error unless it is such an array, in C order.
pub(crate) fn writeable<'py, T: NumpyElement>(
    out: &Bound<'py, PyUntypedArray>,
) -> PyResult<PyReadwriteArrayDyn<'py, T>> {
    if !out.is_c_contiguous() {
        return Err(PyValueError::new_err("`out` must be C-contiguous"));
    }
    writeable_in_any_order(out)
}

/// Returns `out` as a writeable array of T; an error unless it is such an array, in native byte order.
pub(crate) fn writeable_in_any_order<'py, T: NumpyElement>(
    out: &Bound<'py, PyUntypedArray>,
) -> PyResult<PyReadwriteArrayDyn<'py, T>> {
    if out.dtype().is_native_byteorder() == Some(false) {
        return Err(PyValueError::new_err("`out` must be in native byte order"));
    }
    let array = out.cast::<PyArrayDyn<T>>().map_err(|_| {
        PyTypeError::new_err(format!("`out` must be an array of {}, received: {}", dtype::<T>(out.py()), out.dtype()))
    })?;
    array
        .try_readwrite()
        .map_err(|error| PyValueError::new_err(format!("`out` must be writeable and not in use: {error}")))
}

/// Returns an error if the elements are not aligned: Rust forbids references to such elements.
pub(crate) fn check_aligned(name: &str, array: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
    if array.is_aligned() {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("`{name}` must be aligned")))
}

/// Runs `fill` without the interpreter lock. Its argument returns whether a signal handler has raised. `bytes` is the size of
/// the output.
pub(crate) fn detached(
    py: Python<'_>,
    bytes: usize,
    fill: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<(), Error> + Send,
) -> PyResult<()> {
    if bytes > CHUNK_BYTES {
        num_threads()?; // reads the environment, which no Python code can change while the lock is held
    }
    let mut raised = None;
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method itself is not general enough")]
    let result = py.detach(|| {
        fill(&mut || {
            if raised.is_none() {
                // Attaching fails once the interpreter exits: the fill of a daemon thread stops then.
                let Some(signals) = Python::try_attach(|py| py.check_signals()) else { return true };
                raised = signals.err();
            }
            raised.is_some()
        })
    });
    match raised {
        Some(error) => Err(error),
        None => Ok(result?),
    }
}
