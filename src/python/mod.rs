//! The extension module `initializers._core`: arguments in, errors out, no mathematics.

mod arrays;
mod fill;
mod law;
mod multiply;
mod pattern;

use crate::cpu::dispatch::{Width, set_width_limit, width_limit};
use crate::cpu::{float_mode, threads};
use crate::error::Error;
use crate::families::lstm_bias::LstmBias;
use crate::families::positions::{Rotary, RotaryPart, Sinusoidal};
use crate::families::state_space::{Hippo, HippoPart, S4d, S4dPart};
use crate::matrix::orthogonal::Orthogonal;
use crate::python::arrays::writeable;
use crate::python::fill::{BlockArgument, Fill};
use crate::python::law::Law;
use crate::roots;
use crate::samplers::log_of_uniform::LogOfUniform;
use crate::samplers::normal::Normal;
use crate::samplers::ring_radius::RingRadius;
use crate::samplers::time_step_bias::TimeStepBias;
use crate::samplers::truncated_normal::TruncatedNormal;
use crate::samplers::uniform::Uniform;
use crate::stream::seed::Seed;
use crate::stream::words::Stream;
use numpy::{PyArray1, PyUntypedArray};
use pyo3::exceptions::{PyMemoryError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyTuple};
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

#[pymodule(gil_used = true)] // untested without the lock, which PyO3 would otherwise declare to work
mod _core {
    #[allow(clippy::wildcard_imports)]
    use super::*;

    #[pymodule_export]
    #[allow(non_upper_case_globals)] // Python's name for it
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    const STREAM_VERSION: u32 = crate::stream::words::STREAM_VERSION;

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
        let (sampler, seed) = (Uniform::new(minval, maxval)?, Seed::from(seed).with_stream(stream));
        fill::fill(dtype, Fill { out, sampler, seed, block })
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
        let (sampler, seed) = (Normal::new(mean, stddev)?, Seed::from(seed).with_stream(stream));
        fill::fill(dtype, Fill { out, sampler, seed, block })
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
        let seed = Seed::from(seed).with_stream(stream);
        fill::fill(dtype, Fill { out, sampler, seed, block })
    }

    #[pyfunction]
    #[allow(clippy::too_many_arguments)]
    fn fill_log_of_uniform(
        out: &Bound<'_, PyUntypedArray>,
        dtype: &str,
        seed: i128,
        stream: u64,
        block: BlockArgument,
        minval: f64,
        maxval: f64,
    ) -> PyResult<()> {
        let (sampler, seed) = (LogOfUniform::new(minval, maxval)?, Seed::from(seed).with_stream(stream));
        fill::fill(dtype, Fill { out, sampler, seed, block })
    }

    #[pyfunction]
    #[allow(clippy::too_many_arguments)]
    fn fill_time_step_bias(
        out: &Bound<'_, PyUntypedArray>,
        dtype: &str,
        seed: i128,
        stream: u64,
        block: BlockArgument,
        dt_min: f64,
        dt_max: f64,
        dt_floor: f64,
    ) -> PyResult<()> {
        let sampler = TimeStepBias::new(dt_min, dt_max, dt_floor)?;
        let seed = Seed::from(seed).with_stream(stream);
        fill::fill(dtype, Fill { out, sampler, seed, block })
    }

    #[pyfunction]
    #[allow(clippy::too_many_arguments)]
    fn fill_ring_radius(
        out: &Bound<'_, PyUntypedArray>,
        dtype: &str,
        seed: i128,
        stream: u64,
        block: BlockArgument,
        min_radius: f64,
        max_radius: f64,
        softplus: bool,
    ) -> PyResult<()> {
        let sampler = RingRadius::new(min_radius, max_radius, softplus)?;
        let seed = Seed::from(seed).with_stream(stream);
        fill::fill(dtype, Fill { out, sampler, seed, block })
    }

    #[pyfunction]
    fn fill_lstm_bias(
        out: &Bound<'_, PyUntypedArray>,
        dtype: &str,
        block: BlockArgument,
        forget: f64,
        gates: &str,
    ) -> PyResult<()> {
        fill::fill_given(dtype, out, block, LstmBias::new(forget, gates)?)
    }

    #[pyfunction]
    fn fill_s4d(out: &Bound<'_, PyUntypedArray>, dtype: &str, block: BlockArgument, part: &str) -> PyResult<()> {
        fill::fill_given(dtype, out, block, S4d::new(fill::find_named("part", part, &S4dPart::NAMES)?))
    }

    #[pyfunction]
    fn fill_hippo(out: &Bound<'_, PyUntypedArray>, dtype: &str, block: BlockArgument, part: &str) -> PyResult<()> {
        fill::fill_given(dtype, out, block, Hippo::new(fill::find_named("part", part, &HippoPart::NAMES)?))
    }

    #[pyfunction]
    fn fill_sinusoidal(
        out: &Bound<'_, PyUntypedArray>,
        dtype: &str,
        block: BlockArgument,
        base: f64,
        interleaved: bool,
        endpoint: bool,
    ) -> PyResult<()> {
        fill::fill_given(dtype, out, block, Sinusoidal::new(base, interleaved, endpoint)?)
    }

    #[pyfunction]
    fn fill_rotary(
        out: &Bound<'_, PyUntypedArray>,
        dtype: &str,
        block: BlockArgument,
        part: &str,
        base: f64,
        interleaved: bool,
    ) -> PyResult<()> {
        let part = fill::find_named("part", part, &RotaryPart::NAMES)?;
        fill::fill_given(dtype, out, block, Rotary::new(part, base, interleaved)?)
    }

    /// Returns the tables of coefficients of `docs/stream.md`, by name.
    #[pyfunction]
    fn coefficients() -> Vec<(&'static str, Vec<f64>)> {
        crate::float::coefficients::tables()
    }

    #[pyfunction]
    fn describe_uniform(dtype: &str, minval: f64, maxval: f64) -> PyResult<Law> {
        law::describe(dtype, &Uniform::new(minval, maxval)?)
    }

    #[pyfunction]
    fn describe_normal(dtype: &str, mean: f64, stddev: f64) -> PyResult<Law> {
        law::describe(dtype, &Normal::new(mean, stddev)?)
    }

    #[pyfunction]
    fn describe_truncated_normal(dtype: &str, mean: f64, stddev: f64, lower: f64, upper: f64) -> PyResult<Law> {
        law::describe(dtype, &TruncatedNormal::with_bounds(mean, stddev, lower, upper)?)
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
        fill::fill_orthogonal(dtype, Fill { out, sampler, seed, block })
    }

    /// Fills `out`, of the same shape and dtype, with the orthogonal factor of a float32 or float64 matrix.
    #[pyfunction]
    fn orthogonalize(matrix: &Bound<'_, PyUntypedArray>, out: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
        super::multiply::orthogonalize(matrix, out)
    }

    /// Returns the product of two float32 or float64 matrices, with the same bits everywhere.
    #[pyfunction]
    fn multiply<'py>(a: &Bound<'py, PyUntypedArray>, b: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyAny>> {
        super::multiply::multiply(a, b)
    }

    /// Returns the seed of a path under a seed; `path` has its parts in the bytes that `docs/stream.md` says.
    #[pyfunction]
    fn fold_in(seed: i128, path: &Bound<'_, PyBytes>) -> u64 {
        Seed::from(seed).fold_in_bytes(path.as_bytes())
    }

    /// Returns whether an object is a tuple of Python's own integers, a shape of fewer than 2^63 elements. False also for rare
    /// shapes, such as those of size 0 with a product of the other sizes that is too large.
    #[pyfunction]
    fn is_shape(shape: &Bound<'_, PyAny>) -> bool {
        let Ok(sizes) = shape.cast_exact::<PyTuple>() else { return false };
        let mut elements = 1_i64;
        sizes.iter().all(|size| {
            let size = size.cast_exact::<PyInt>().ok().and_then(|size| size.extract::<i64>().ok());
            let product = size.filter(|&size| size >= 0).and_then(|size| elements.checked_mul(size));
            elements = product.unwrap_or_default();
            product.is_some()
        })
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

    /// Fills `out` with copies of a pattern of 1, 2, 4, 8 or 16 bytes.
    #[pyfunction]
    fn fill_bytes(out: &Bound<'_, PyUntypedArray>, pattern: &Bound<'_, PyBytes>) -> PyResult<()> {
        fill::fill_bytes(out, pattern.as_bytes())
    }

    #[pyfunction]
    fn unit_roots(py: Python<'_>, n: u64) -> PyResult<(Roots<'_>, Roots<'_>)> {
        let (cos, sin) = py.detach(|| roots::unit_roots(n))?;
        Ok((PyArray1::from_vec(py, cos), PyArray1::from_vec(py, sin)))
    }

    /// Returns whether this thread rounds to nearest and keeps subnormal numbers, as all code here requires.
    #[pyfunction]
    fn has_standard_float_mode() -> bool {
        float_mode::is_standard()
    }

    /// Sets this thread's floating-point mode (None: the standard mode) and returns the old one.
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

    /// Returns the names of this processor's vector widths, narrowest first.
    #[pyfunction]
    fn available_simd() -> Vec<&'static str> {
        Width::available().map(Width::name).collect()
    }

    #[pyfunction]
    fn get_simd() -> &'static str {
        Width::available().take_while(|&level| level <= width_limit()).last().unwrap_or(Width::Baseline).name()
    }

    #[pyfunction]
    #[pyo3(signature = (level))]
    fn set_simd(level: Option<&str>) -> PyResult<()> {
        let levels = || Width::available().collect::<Vec<_>>();
        let Some(name) = level else {
            set_width_limit(Width::Bits512);
            return Ok(());
        };
        let found = levels().into_iter().find(|level| level.name() == name);
        let Some(found) = found else {
            let names: Vec<_> = levels().into_iter().map(Width::name).collect();
            return Err(PyValueError::new_err(format!("`level` must be one of {names:?}, received: {name:?}")));
        };
        set_width_limit(found);
        Ok(())
    }
}
