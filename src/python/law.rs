//! The formula of a sampler and its rounded parameters, for code that computes the same values elsewhere (GPU kernels).

use crate::cpu::float_mode::in_standard_mode;
use crate::error::Error;
use crate::float::element::{Compute, Element};
use crate::python::arrays::{WithElement, with_element};
use crate::samplers::Sampler;
use crate::samplers::normal::{Normal, NormalKernel};
use crate::samplers::truncated_normal::{Side, TruncatedKernel, TruncatedNormal};
use crate::samplers::uniform::{Uniform, UniformKernel};
use bytemuck::Pod;
use numpy::Element as NumpyElement;
use pyo3::PyResult;

/// The formula's name, and its parameters in order, rounded to the computing type.
pub(crate) type Law = (&'static str, Vec<f64>);

/// A sampler whose formula has a name.
pub(crate) trait Describe {
    /// Returns the formula for elements of type T; an error if a value can be too large for T.
    fn describe_for<T: Element>(&self) -> Result<Law, Error>;
}

macro_rules! describe {
    ($($sampler:ty)*) => {$(
        impl Describe for $sampler {
            fn describe_for<T: Element>(&self) -> Result<Law, Error> {
                Ok(self.kernel::<T>()?.law())
            }
        }
    )*};
}
describe!(Uniform Normal TruncatedNormal);

/// Returns the formula of a sampler for the element type of that name.
pub(crate) fn describe(dtype: &str, sampler: &impl Describe) -> PyResult<Law> {
    struct Call<'a, D>(&'a D);

    impl<D: Describe> WithElement for Call<'_, D> {
        type Output = Law;

        fn call<N: NumpyElement + Pod, T: Element>(self) -> PyResult<Law> {
            Ok(in_standard_mode(|| self.0.describe_for::<T>())?)
        }
    }
    with_element(dtype, Call(sampler))
}

impl<C: Compute> UniformKernel<C> {
    /// Parameters: low, range and last.
    fn law(&self) -> Law {
        ("uniform", [self.low, self.range, self.last].map(C::to_f64).to_vec())
    }
}

impl<C: Compute> NormalKernel<C> {
    /// Parameters: mean and stddev.
    fn law(&self) -> Law {
        ("normal", [self.mean, self.stddev].map(C::to_f64).to_vec())
    }
}

impl<C: Compute> TruncatedKernel<C> {
    /// Parameters: mean and stddev; for other bounds than ±2 also start, mass, end, lower and upper.
    fn law(&self) -> Law {
        match *self {
            Self::Unreached(normal) => normal.law(),
            Self::TwoSigma { mean, stddev } => ("two_sigma", [mean, stddev].map(C::to_f64).to_vec()),
            Self::Inverse { mean, stddev, inverse } => {
                let name = match inverse.side {
                    Side::Above => "above",
                    Side::Below => "below",
                    Side::Across => "across",
                };
                let bounds = [inverse.start, inverse.mass, inverse.end, inverse.lower, inverse.upper];
                (name, [mean, stddev].map(C::to_f64).into_iter().chain(bounds).collect())
            }
        }
    }
}
