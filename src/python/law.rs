//! Which formula a sampler uses and with which parameters, for those who compute the stream elsewhere.

use crate::float::element::Compute;
use crate::samplers::normal::NormalKernel;
use crate::samplers::truncated_normal::{Side, TruncatedKernel};
use crate::samplers::uniform::UniformKernel;

/// The formula's name, and its parameters in order, as the computing type has them.
pub(crate) type Law = (&'static str, Vec<f64>);

/// A kernel that can tell what it computes.
pub(crate) trait Describe {
    fn law(&self) -> Law;
}

impl<C: Compute> Describe for UniformKernel<C> {
    /// low, range and last.
    fn law(&self) -> Law {
        ("uniform", [self.low, self.range, self.last].map(C::to_f64).to_vec())
    }
}

impl<C: Compute> Describe for NormalKernel<C> {
    /// mean and stddev.
    fn law(&self) -> Law {
        ("normal", [self.mean, self.stddev].map(C::to_f64).to_vec())
    }
}

impl<C: Compute> Describe for TruncatedKernel<C> {
    /// mean and stddev; for other bounds than ±2 also start, mass, end, lower and upper.
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
