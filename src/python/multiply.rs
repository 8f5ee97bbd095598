//! Matrix products and orthogonal factors of NumPy arrays.

use crate::cpu::execution::Execution;
use crate::float::element::Compute;
use crate::matrix::gemm;
use crate::matrix::orthogonalize::orthogonalize_into;
use crate::python::arrays::{check_aligned, detached};
use numpy::{Element as NumpyElement, PyArray2, PyArrayMethods, PyUntypedArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Fills `out` with the orthogonal factor of `matrix`. Both are float32 or both float64.
pub(crate) fn orthogonalize(matrix: &Bound<'_, PyUntypedArray>, out: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
    fn of<T: NumpyElement + Compute>(
        matrix: &Bound<'_, PyUntypedArray>,
        out: &Bound<'_, PyUntypedArray>,
    ) -> PyResult<()> {
        let matrix = matrix.cast::<PyArray2<T>>()?.try_readonly()?;
        let mut out = out.cast::<PyArray2<T>>()?.try_readwrite()?;
        let py = matrix.py();
        let (matrix, out) = (matrix.as_array(), out.as_array_mut());
        if matrix.dim() != out.dim() {
            return Err(PyValueError::new_err("`out` must have the shape of `matrix`"));
        }
        detached(py, usize::MAX, |interrupted| orthogonalize_into(&matrix, out, Execution::current(), interrupted))
    }
    check_aligned("matrix", matrix)?;
    check_aligned("out", out)?;
    if matrix.cast::<PyArray2<f64>>().is_ok() { of::<f64>(matrix, out) } else { of::<f32>(matrix, out) }
}

/// Returns a·b. Both are float32 or both float64.
pub(crate) fn multiply<'py>(
    a: &Bound<'py, PyUntypedArray>,
    b: &Bound<'py, PyUntypedArray>,
) -> PyResult<Bound<'py, PyAny>> {
    fn of<'py, T: NumpyElement + Compute>(
        a: &Bound<'py, PyUntypedArray>,
        b: &Bound<'py, PyUntypedArray>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (a, b) = (a.cast::<PyArray2<T>>()?.try_readonly()?, b.cast::<PyArray2<T>>()?.try_readonly()?);
        let py = a.py();
        let (a, b) = (a.as_array(), b.as_array());
        if a.ncols() != b.nrows() || a.is_empty() || b.is_empty() {
            let text = "`a` must have as many columns as `b` has rows, and neither may be empty";
            return Err(PyValueError::new_err(format!("{text}, received: {:?} and {:?}", a.dim(), b.dim())));
        }
        let product = py.detach(|| gemm::multiply(&a, &b))?;
        Ok(PyArray2::from_owned_array(py, product).into_any())
    }
    check_aligned("a", a)?;
    check_aligned("b", b)?;
    if a.cast::<PyArray2<f64>>().is_ok() { of::<f64>(a, b) } else { of::<f32>(a, b) }
}
