//! Logarithms of uniform values (`docs/stream.md`, section 15).

use crate::error::Error;
use crate::float::element::{Compute, Element};
use crate::float::exponential::ln;
use crate::initializer::Initializer;
use crate::samplers::Sampler;
use crate::samplers::function_of_uniform::FunctionKernel;

/// The smallest `maxval`: the logarithm is exact to rounding for normal numbers only.
const LEAST: f64 = 1e-250;

/// The natural logarithm of a uniform draw from (`minval`, `maxval`).
///
/// Mamba-2's `A_log` (T. Dao and A. Gu, 2024) is that of (1, 16); the LRU's `theta_log` (A. Orvieto et al., 2023) that of (0, 2π).
///
/// ```
/// use initializers::{Fill, LogOfUniform};
///
/// let a_log: Vec<f32> = LogOfUniform::new(1.0, 16.0)?.sample_vec(1, &[24])?;
/// assert!(a_log.iter().all(|x| (0.0..=2.7725887).contains(x)));
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogOfUniform {
    minval: f64,
    maxval: f64,
}

impl LogOfUniform {
    /// Creates the logarithm of a uniform draw, 0 ≤ `minval` ≤ `maxval`, 1e-250 ≤ `maxval`, both finite.
    ///
    /// ```
    /// use initializers::LogOfUniform;
    /// assert!(LogOfUniform::new(-1.0, 16.0).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if a number is out of its range.
    pub fn new(minval: f64, maxval: f64) -> Result<Self, Error> {
        if !(minval.is_finite() && minval >= 0.0) {
            return Err(Error::Parameter { name: "minval", condition: "a finite number >= 0", value: minval });
        }
        if !(maxval.is_finite() && maxval >= minval && maxval >= LEAST) {
            let condition = "a finite number >= `minval` and >= 1e-250";
            return Err(Error::Parameter { name: "maxval", condition, value: maxval });
        }
        Ok(Self { minval: minval + 0.0, maxval })
    }

    /// Returns the lower bound of the uniform draw.
    ///
    /// ```
    /// use initializers::LogOfUniform;
    /// assert_eq!(LogOfUniform::new(1.0, 16.0)?.minval(), 1.0);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn minval(&self) -> f64 {
        self.minval
    }

    /// Returns the upper bound of the uniform draw.
    ///
    /// ```
    /// use initializers::LogOfUniform;
    /// assert_eq!(LogOfUniform::new(1.0, 16.0)?.maxval(), 16.0);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn maxval(&self) -> f64 {
        self.maxval
    }
}

impl Initializer for LogOfUniform {}

impl LogOfUniform {
    /// Returns the value of a draw.
    fn value(&self, u: f64) -> f64 {
        let v = self.minval + (self.maxval - self.minval) * u;
        ln(if v < self.maxval { v } else { self.maxval })
    }
}

impl Sampler for LogOfUniform {
    type Kernel<C: Compute> = FunctionKernel;

    fn kernel<T: Element>(&self) -> Result<FunctionKernel, Error> {
        let value = |[minval, maxval, _]: [f64; 3], u| Self { minval, maxval }.value(u);
        FunctionKernel::new::<T>("`minval` and `maxval`", value, [self.minval, self.maxval, 0.0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fill;

    #[test]
    fn the_ends() {
        let of = |minval, maxval| LogOfUniform::new(minval, maxval).unwrap();
        let least = 2f64.powi(-53);
        assert_eq!(of(0.0, 1.0).value(least), ln(least));
        assert_eq!(of(3.0, 3.0).value(0.5), ln(3.0));
        assert!(of(1.0, 1.0f64.next_up()).value(1.0 - least) <= ln(1.0f64.next_up()));
        assert!(of(0.0, 1e-250).value(least).is_finite() && of(0.0, f64::MAX).value(1.0 - least) < 709.8);
        assert!(of(0.0, f64::MAX).sample_vec::<crate::F8E4M3FN>(1, &[3]).is_err());
    }

    #[test]
    fn bad_parameters() {
        for (minval, maxval) in [(-1.0, 1.0), (f64::NAN, 1.0), (1.0, 0.5), (0.0, 0.0), (0.0, f64::INFINITY)] {
            assert!(LogOfUniform::new(minval, maxval).is_err(), "{minval} {maxval}");
        }
    }
}
