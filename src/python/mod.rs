//! The extension module `initializers._core`: arguments in, errors out, no mathematics.
//!
//! The Python layer has checked what users can get wrong in an array; what is checked here again is what would
//! otherwise be undefined.

mod law;
mod pattern;

use crate::cpu::execution::Execution;
use crate::cpu::float_mode::{self, in_standard_mode};
use crate::cpu::{threads, tuning};
use crate::error::Error;
use crate::fill::block::Block;
use crate::fill::view::fill_slice;
use crate::float::element::{Compute, Element, F8E4M3FN, F8E5M2};
use crate::matrix::gemm;
use crate::matrix::orthogonalize::orthogonalize_into;
use crate::python::law::{Describe, Law};
use crate::roots;
use crate::samplers::Sampler;
use crate::samplers::constant;
use crate::{Normal, Orthogonal, Seed, Stream, TruncatedNormal, Uniform, Width};
use bytemuck::Pod;
use half::{bf16, f16};
use ndarray::{ArrayViewMutD, ShapeBuilder};
use numpy::{
    Element as NumpyElement, PyArray1, PyArray2, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadwriteArrayDyn,
    PyUntypedArray, PyUntypedArrayMethods, dtype,
};
use pyo3::exceptions::{PyMemoryError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rand_core::Rng;

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        match error {
            Error::Memory => PyMemoryError::new_err(error.to_string()),
            Error::Platform(_) => PyRuntimeError::new_err(error.to_string()),
            _ => PyValueError::new_err(error.to_string()),
        }
    }
}

type Roots<'py> = Bound<'py, PyArray1<f64>>;

/// Global shape and start of the block that an array holds; none where it holds the whole tensor.
type BlockArgument = Option<(Vec<u64>, Vec<u64>)>;

/// `out` as a writeable array of T, when it is one in C order.
fn writeable<'py, T: NumpyElement>(out: &Bound<'py, PyUntypedArray>) -> PyResult<PyReadwriteArrayDyn<'py, T>> {
    if !out.is_c_contiguous() {
        return Err(PyValueError::new_err("`out` must be C-contiguous"));
    }
    writeable_in_any_order(out)
}

/// `out` as a writeable array of T, when it is in native byte order.
fn writeable_in_any_order<'py, T: NumpyElement>(
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

/// An error for an array whose elements do not lie at multiples of their size: no reference to one may exist.
fn check_aligned(name: &str, array: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
    if array.is_aligned() {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("`{name}` must be aligned")))
}

/// Runs `fill` without the interpreter lock; its argument says whether a signal handler has raised. `bytes` is the size of
/// what it fills.
fn detached(
    py: Python<'_>,
    bytes: usize,
    fill: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<(), Error> + Send,
) -> PyResult<()> {
    if bytes > tuning::CHUNK_BYTES {
        threads::num_threads()?; // reads the environment, which other threads must not write meanwhile
    }
    let mut raised = None;
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method itself is not general enough")]
    let result = py.detach(|| {
        fill(&mut || {
            if raised.is_none() {
                // Nothing can be attached to once the interpreter ends: then a daemon thread's fill ends as well.
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

/// Fills an array whose memory holds T, given as an array of S of the same size.
fn fill<S: NumpyElement + Pod, T: Element>(
    out: &Bound<'_, PyUntypedArray>,
    sampler: &impl Sampler,
    seed: Seed,
    block: BlockArgument,
) -> PyResult<()> {
    let mut array = writeable::<S>(out)?;
    let kernel = in_standard_mode(|| sampler.kernel::<T>())?;
    let extent: Vec<u64> = out.shape().iter().map(|&size| size as u64).collect();
    let block = match block {
        None => Block::whole(&extent)?,
        Some((shape, start)) => Block::new(&shape, &start, &extent)?,
    };
    let slice = array.as_slice_mut().map_err(|_| PyValueError::new_err("`out` must be aligned"))?;
    let slice = bytemuck::cast_slice_mut::<S, T>(slice);
    detached(out.py(), size_of_val(slice), |interrupted| {
        in_standard_mode(|| fill_slice(&kernel, seed, &block, slice, Execution::current(), interrupted))
    })
}

/// [`fill`] for the element type of that name.
fn fill_named(
    out: &Bound<'_, PyUntypedArray>,
    dtype: &str,
    sampler: &(impl Sampler + Sync),
    seed: i128,
    stream: u64,
    block: BlockArgument,
) -> PyResult<()> {
    let seed = Seed::from(seed).with_stream(stream);
    match dtype {
        f32::NAME => fill::<f32, f32>(out, sampler, seed, block),
        f64::NAME => fill::<f64, f64>(out, sampler, seed, block),
        <f16 as Element>::NAME => fill::<f16, f16>(out, sampler, seed, block),
        <bf16 as Element>::NAME => fill::<u16, bf16>(out, sampler, seed, block),
        F8E4M3FN::NAME => fill::<u8, F8E4M3FN>(out, sampler, seed, block),
        F8E5M2::NAME => fill::<u8, F8E5M2>(out, sampler, seed, block),
        _ => Err(unknown(dtype)),
    }
}

/// What a sampler computes for the element type of that name; an error where it cannot fill it.
fn describe_named<S: Sampler>(dtype: &str, sampler: &S) -> PyResult<Law>
where
    S::Kernel<f32>: Describe,
    S::Kernel<f64>: Describe,
{
    in_standard_mode(|| {
        Ok(match dtype {
            f32::NAME => sampler.kernel::<f32>()?.law(),
            f64::NAME => sampler.kernel::<f64>()?.law(),
            <f16 as Element>::NAME => sampler.kernel::<f16>()?.law(),
            <bf16 as Element>::NAME => sampler.kernel::<bf16>()?.law(),
            F8E4M3FN::NAME => sampler.kernel::<F8E4M3FN>()?.law(),
            F8E5M2::NAME => sampler.kernel::<F8E5M2>()?.law(),
            _ => return Err(unknown(dtype)),
        })
    })
}

fn unknown(dtype: &str) -> PyErr {
    PyValueError::new_err(format!("`dtype` must be a float type of the stream, received: {dtype}"))
}

/// Fills a block of a tensor of orthogonal matrices whose memory holds T, given as an array of S of the same size.
fn fill_orthogonal_as<S: NumpyElement + Pod, T: Element>(
    out: &Bound<'_, PyUntypedArray>,
    sampler: Orthogonal,
    seed: Seed,
    block: BlockArgument,
) -> PyResult<()> {
    let mut array = writeable_in_any_order::<S>(out)?;
    let (shape, start) = block.unwrap_or_else(|| {
        let shape: Vec<u64> = out.shape().iter().map(|&size| size as u64).collect();
        let start = vec![0; shape.len()];
        (shape, start)
    });
    let order = out.shape().set_f(!out.is_c_contiguous());
    let slice = array.as_slice_mut().map_err(|_| PyValueError::new_err("`out` must be aligned and without gaps"))?;
    let view = ArrayViewMutD::from_shape(order, bytemuck::cast_slice_mut::<S, T>(slice))
        .map_err(|error| PyValueError::new_err(error.to_string()))?;
    detached(out.py(), usize::MAX, |interrupted| {
        sampler.fill_interruptibly(seed, &shape, &start, view, Execution::current(), interrupted)
    })
}

/// Fills bytes with a pattern of N.
fn repeat<const N: usize>(py: Python<'_>, out: &mut [u8], pattern: &[u8]) -> PyResult<()> {
    let value: [u8; N] = pattern.try_into().expect("its length was matched");
    let (out, _) = out.as_chunks_mut::<N>();
    detached(py, size_of_val(out), |interrupted| constant::fill_constant_slice(value, out, interrupted))
}

#[pymodule(gil_used = true)] // never tried without the lock: PyO3's default says it works
mod _core {
    #[allow(clippy::wildcard_imports)]
    use super::*;

    #[pymodule_export]
    #[allow(non_upper_case_globals)] // Python's name for it
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    const STREAM_VERSION: u32 = crate::STREAM_VERSION;

    #[pymodule_export]
    use crate::python::pattern::Pattern;

    #[pyfunction]
    #[allow(clippy::too_many_arguments)]
    fn fill_uniform(
        out: &Bound<'_, PyUntypedArray>,
        dtype: &str,
        seed: i128,
        stream: u64,
        block: BlockArgument,
        minval: f64,
        maxval: f64,
    ) -> PyResult<()> {
        fill_named(out, dtype, &Uniform::new(minval, maxval)?, seed, stream, block)
    }

    #[pyfunction]
    #[allow(clippy::too_many_arguments)]
    fn fill_normal(
        out: &Bound<'_, PyUntypedArray>,
        dtype: &str,
        seed: i128,
        stream: u64,
        block: BlockArgument,
        mean: f64,
        stddev: f64,
    ) -> PyResult<()> {
        fill_named(out, dtype, &Normal::new(mean, stddev)?, seed, stream, block)
    }

    #[pyfunction]
    #[allow(clippy::too_many_arguments)]
    fn fill_truncated_normal(
        out: &Bound<'_, PyUntypedArray>,
        dtype: &str,
        seed: i128,
        stream: u64,
        block: BlockArgument,
        mean: f64,
        stddev: f64,
        lower: f64,
        upper: f64,
    ) -> PyResult<()> {
        let sampler = TruncatedNormal::with_bounds(mean, stddev, lower, upper)?;
        fill_named(out, dtype, &sampler, seed, stream, block)
    }

    /// The tables of `docs/stream.md` by name.
    #[pyfunction]
    fn coefficients() -> Vec<(&'static str, Vec<f64>)> {
        crate::float::coefficients::tables()
    }

    #[pyfunction]
    fn describe_uniform(dtype: &str, minval: f64, maxval: f64) -> PyResult<Law> {
        describe_named(dtype, &Uniform::new(minval, maxval)?)
    }

    #[pyfunction]
    fn describe_normal(dtype: &str, mean: f64, stddev: f64) -> PyResult<Law> {
        describe_named(dtype, &Normal::new(mean, stddev)?)
    }

    #[pyfunction]
    fn describe_truncated_normal(dtype: &str, mean: f64, stddev: f64, lower: f64, upper: f64) -> PyResult<Law> {
        describe_named(dtype, &TruncatedNormal::with_bounds(mean, stddev, lower, upper)?)
    }

    #[pyfunction]
    fn fill_orthogonal(
        out: &Bound<'_, PyUntypedArray>,
        dtype: &str,
        seed: i128,
        stream: u64,
        block: BlockArgument,
        gain: f64,
    ) -> PyResult<()> {
        let (sampler, seed) = (Orthogonal::new(gain)?, Seed::from(seed).with_stream(stream));
        match dtype {
            f32::NAME => fill_orthogonal_as::<f32, f32>(out, sampler, seed, block),
            f64::NAME => fill_orthogonal_as::<f64, f64>(out, sampler, seed, block),
            <f16 as Element>::NAME => fill_orthogonal_as::<f16, f16>(out, sampler, seed, block),
            <bf16 as Element>::NAME => fill_orthogonal_as::<u16, bf16>(out, sampler, seed, block),
            F8E4M3FN::NAME => fill_orthogonal_as::<u8, F8E4M3FN>(out, sampler, seed, block),
            F8E5M2::NAME => fill_orthogonal_as::<u8, F8E5M2>(out, sampler, seed, block),
            _ => Err(unknown(dtype)),
        }
    }

    /// Fills `out`, of the same shape and dtype, with the orthogonal factor of a float32 or float64 matrix.
    #[pyfunction]
    fn orthogonalize(matrix: &Bound<'_, PyUntypedArray>, out: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
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

    /// The product of two float32 or float64 matrices, the same bits everywhere.
    #[pyfunction]
    fn multiply<'py>(a: &Bound<'py, PyUntypedArray>, b: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyAny>> {
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

    /// Fills `out` with the words of a stream from number `first` on.
    #[pyfunction]
    fn fill_words(out: &Bound<'_, PyUntypedArray>, seed: i128, stream: u64, first: u64) -> PyResult<()> {
        let mut array = writeable::<u32>(out)?;
        let slice = array.as_slice_mut().map_err(|_| PyValueError::new_err("`out` must be aligned"))?;
        out.py().detach(|| {
            let mut words = Stream::new(Seed::from(seed).with_stream(stream));
            words.seek(first.into());
            slice.fill_with(|| words.next_u32());
        });
        Ok(())
    }

    #[pyfunction]
    fn fill_bytes(out: &Bound<'_, PyUntypedArray>, pattern: &Bound<'_, PyBytes>) -> PyResult<()> {
        let mut array = writeable::<u8>(out)?;
        let slice = array.as_slice_mut().map_err(|_| PyValueError::new_err("`out` must be aligned"))?;
        let pattern = pattern.as_bytes();
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

    #[pyfunction]
    fn unit_roots(py: Python<'_>, n: u64) -> PyResult<(Roots<'_>, Roots<'_>)> {
        let (cos, sin) = py.detach(|| roots::unit_roots(n))?;
        Ok((PyArray1::from_vec(py, cos), PyArray1::from_vec(py, sin)))
    }

    /// Whether this thread rounds to nearest and keeps subnormal numbers, as everything here counts on.
    #[pyfunction]
    fn has_standard_float_mode() -> bool {
        float_mode::is_standard()
    }

    /// Sets this thread's floating-point mode, None for the standard one, and returns what it was.
    #[pyfunction]
    #[pyo3(signature = (mode))]
    fn replace_float_mode(mode: Option<u64>) -> u64 {
        float_mode::replace(mode)
    }

    #[pyfunction]
    fn get_num_threads() -> PyResult<usize> {
        Ok(threads::num_threads()?)
    }

    #[pyfunction]
    fn set_num_threads(n: usize) -> PyResult<()> {
        Ok(threads::set_num_threads(n)?)
    }

    /// The names of the vector widths that this processor has, narrowest first.
    #[pyfunction]
    fn available_simd() -> Vec<&'static str> {
        Width::available().map(Width::name).collect()
    }

    #[pyfunction]
    fn get_simd() -> &'static str {
        Width::available().take_while(|&level| level <= Width::limit()).last().unwrap_or(Width::Baseline).name()
    }

    #[pyfunction]
    #[pyo3(signature = (level))]
    fn set_simd(level: Option<&str>) -> PyResult<()> {
        let levels = || Width::available().collect::<Vec<_>>();
        let Some(name) = level else {
            Width::Bits512.set_limit();
            return Ok(());
        };
        let found = levels().into_iter().find(|level| level.name() == name);
        let Some(found) = found else {
            let names: Vec<_> = levels().into_iter().map(Width::name).collect();
            return Err(PyValueError::new_err(format!("`level` must be one of {names:?}, received: {name:?}")));
        };
        found.set_limit();
        Ok(())
    }
}
