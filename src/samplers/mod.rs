//! Distributions, one file each: its parameters and its formula.
//!
//! They do not implement `rand::Distribution`: there, a value belongs to a place in a sequence of calls; here, to a place in a
//! tensor. [`Stream`](crate::Stream) is the bridge in the other direction: a `rand_core` generator, from which the
//! distributions of `rand_distr` draw.

pub(crate) mod constant;
pub(crate) mod function_of_uniform;
pub(crate) mod log_of_uniform;
pub(crate) mod normal;
pub(crate) mod ring_radius;
pub(crate) mod time_step_bias;
pub(crate) mod truncated_normal;
pub(crate) mod uniform;

use crate::cpu::float_mode::in_standard_mode;
use crate::error::Error;
use crate::fill::groups::Kernel;
use crate::fill::view::fill_memory;
use crate::float::element::{Compute, Element};
use crate::float::tensor::TensorMut;
use crate::initializer::{FillElements, Request};

/// A distribution whose parameters can be rounded for an element type.
pub(crate) trait Sampler {
    /// The rounded parameters and the formula.
    type Kernel<C: Compute>: Kernel<C>;

    /// Rounds the parameters to the computing type; an error if a value can be too large for T.
    fn kernel<T: Element>(&self) -> Result<Self::Kernel<T::Compute>, Error>;
}

impl<S: Sampler> FillElements for S {
    fn fill_elements<T: Element>(&self, request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        let block = request.block(&out.shape)?;
        let Request { seed, execution, interrupted, .. } = request;
        in_standard_mode(|| fill_memory(&self.kernel::<T>()?, seed, &block, out.memory, execution, interrupted))
    }
}

/// Tests that values follow their distributions.
#[cfg(test)]
mod tests {
    use crate::float::element::{Compute, Element};
    use crate::{Fill, Initializer, LogOfUniform, Normal, RingRadius, TimeStepBias, TruncatedNormal, Uniform};

    /// The standard normal distribution function.
    fn phi(x: f64) -> f64 {
        0.5 * libm::erfc(-x / 2f64.sqrt())
    }

    /// The distance between the empirical distribution function of the values of seed 42 and `cdf`, times √n (A. Kolmogorov,
    /// 1933; N. Smirnov, 1948).
    fn distance<T: Element>(sampler: &dyn Initializer, cdf: impl Fn(f64) -> f64) -> f64 {
        let values = sampler.sample_vec::<T>(42, &[200_000]).unwrap();
        let mut values: Vec<f64> = values.into_iter().map(|x| x.widen().to_f64()).collect();
        values.sort_by(f64::total_cmp);
        let n = values.len() as f64;
        let distances = values.iter().enumerate().map(|(i, &x)| {
            let expected = cdf(x);
            (expected - i as f64 / n).max((i + 1) as f64 / n - expected)
        });
        distances.fold(0.0, f64::max) * n.sqrt()
    }

    fn check(sampler: &dyn Initializer, cdf: impl Fn(f64) -> f64) {
        for distance in [distance::<f32>(sampler, &cdf), distance::<f64>(sampler, &cdf)] {
            assert!(distance < 1.95, "{sampler:?}: {distance}"); // α = 0.001
        }
    }

    #[test]
    fn values_have_their_distributions() {
        check(&Uniform::new(-0.3, 0.7).unwrap(), |x| x + 0.3);
        check(&Normal::new(0.5, 2.0).unwrap(), |x| phi((x - 0.5) / 2.0));
        for (lower, upper) in [(-2.0, 2.0), (-1.0, 3.0), (0.0, f64::INFINITY), (-9.0, 9.0)] {
            let truncated = TruncatedNormal::with_bounds(0.5, 2.0, lower, upper).unwrap();
            check(&truncated, |x| (phi((x - 0.5) / 2.0) - phi(lower)) / (phi(upper) - phi(lower)));
        }
        check(&LogOfUniform::new(1.0, 16.0).unwrap(), |x| (libm::exp(x) - 1.0) / 15.0);
        let softplus = |x| libm::log1p(libm::exp(x));
        let (low, high) = (1e-3f64, 0.1f64);
        let time_step = TimeStepBias::new(low, high, 0.0).unwrap();
        check(&time_step, |x| libm::log(softplus(x) / low) / libm::log(high / low));
        for is_softplus in [false, true] {
            let ring = RingRadius::new(0.4, 0.999, is_softplus).unwrap();
            let decay = |x| if is_softplus { softplus(x) } else { libm::exp(x) };
            check(&ring, |x| 1.0 - (libm::exp(-2.0 * decay(x)) - 0.4 * 0.4) / (0.999 * 0.999 - 0.4 * 0.4));
        }
    }

    #[test]
    fn wrong_distributions_are_noticed() {
        let normal = Normal::new(0.5, 2.0).unwrap();
        assert!(distance::<f32>(&normal, |x| phi((x - 0.53) / 2.0)) > 1.95, "another mean");
        assert!(distance::<f32>(&normal, |x| phi((x - 0.5) / 2.06)) > 1.95, "another standard deviation");
    }
}
