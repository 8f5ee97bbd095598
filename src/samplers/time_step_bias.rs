//! Biases of the time steps of state space models (`docs/stream.md`, section 15).

use crate::error::Error;
use crate::float::element::{Compute, Element};
use crate::float::exponential::{exp, inverse_softplus, ln};
use crate::initializer::Initializer;
use crate::samplers::Sampler;
use crate::samplers::function_of_uniform::FunctionKernel;

/// The smallest and the largest time step: their logarithms are arguments of `exp`.
const RANGE: std::ops::RangeInclusive<f64> = 1e-300..=1e300;

/// The bias `dt_bias` of Mamba: its softplus is a time step, log-uniform between `dt_min` and `dt_max`, and at least `dt_floor`.
///
/// A. Gu and T. Dao (2023), Mamba: Linear-Time Sequence Modeling with Selective State Spaces.
///
/// ```
/// use initializers::{Fill, TimeStepBias};
///
/// let dt_bias: Vec<f64> = TimeStepBias::new(0.001, 0.1, 1e-4)?.sample_vec(1, &[24])?;
/// assert!(dt_bias.iter().all(|x| (0.000999..=0.1001).contains(&x.exp().ln_1p())));
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(clippy::struct_field_names, reason = "the names of the paper")]
pub struct TimeStepBias {
    dt_min: f64,
    dt_max: f64,
    dt_floor: f64,
}

impl TimeStepBias {
    /// Creates the biases, 1e-300 ≤ `dt_min` ≤ `dt_max` ≤ 1e300, and a finite `dt_floor` ≥ 0.
    ///
    /// ```
    /// use initializers::TimeStepBias;
    /// assert!(TimeStepBias::new(0.0, 0.1, 1e-4).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if a number is out of its range.
    pub fn new(dt_min: f64, dt_max: f64, dt_floor: f64) -> Result<Self, Error> {
        let refuse = |name, condition, value| Err(Error::Parameter { name, condition, value });
        if !RANGE.contains(&dt_min) {
            return refuse("dt_min", "a finite number in [1e-300, 1e300]", dt_min);
        }
        if !(RANGE.contains(&dt_max) && dt_max >= dt_min) {
            return refuse("dt_max", "a finite number >= `dt_min` and <= 1e300", dt_max);
        }
        if !(dt_floor.is_finite() && dt_floor >= 0.0) {
            return refuse("dt_floor", "a finite number >= 0", dt_floor);
        }
        Ok(Self { dt_min, dt_max, dt_floor: dt_floor + 0.0 })
    }

    /// Returns the smallest time step before the floor.
    ///
    /// ```
    /// use initializers::TimeStepBias;
    /// assert_eq!(TimeStepBias::new(0.001, 0.1, 1e-4)?.dt_min(), 0.001);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn dt_min(&self) -> f64 {
        self.dt_min
    }

    /// Returns the largest time step before the floor.
    ///
    /// ```
    /// use initializers::TimeStepBias;
    /// assert_eq!(TimeStepBias::new(0.001, 0.1, 1e-4)?.dt_max(), 0.1);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn dt_max(&self) -> f64 {
        self.dt_max
    }

    /// Returns the floor of time steps.
    ///
    /// ```
    /// use initializers::TimeStepBias;
    /// assert_eq!(TimeStepBias::new(0.001, 0.1, 1e-4)?.dt_floor(), 1e-4);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn dt_floor(&self) -> f64 {
        self.dt_floor
    }
}

impl Initializer for TimeStepBias {}

impl Sampler for TimeStepBias {
    type Kernel<C: Compute> = FunctionKernel;

    fn kernel<T: Element>(&self) -> Result<FunctionKernel, Error> {
        let low = ln(self.dt_min);
        let value = |[low, range, floor]: [f64; 3], u| {
            let step = exp(low + range * u);
            inverse_softplus(if step < floor { floor } else { step })
        };
        let numbers = [low, ln(self.dt_max) - low, self.dt_floor];
        FunctionKernel::new::<T>("`dt_min`, `dt_max` and `dt_floor`", value, numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fill;

    #[test]
    fn the_floor_is_the_smallest_step() {
        let of = |low, high, floor| TimeStepBias::new(low, high, floor).unwrap();
        let values: Vec<f64> = of(1e-6, 1e-5, 1e-4).sample_vec(1, &[100]).unwrap();
        assert!(values.iter().all(|&x| x == inverse_softplus(1e-4)));
        assert!(of(1e-300, 1e300, 0.0).sample_vec::<f64>(1, &[100]).unwrap().iter().all(|x| x.is_finite()));
        assert!(matches!(of(1e-3, 1e6, 0.0).sample_vec::<half::f16>(1, &[3]), Err(Error::Reach { .. })));
    }

    #[test]
    fn bad_parameters() {
        for (low, high, floor) in [(0.0, 1.0, 0.0), (0.1, 0.01, 0.0), (0.1, f64::NAN, 0.0), (0.1, 1.0, -1.0)] {
            assert!(TimeStepBias::new(low, high, floor).is_err(), "{low} {high} {floor}");
        }
    }
}
