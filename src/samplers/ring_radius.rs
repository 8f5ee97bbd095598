//! Radii of the eigenvalues of linear recurrences (`docs/stream.md`, section 15).

use crate::error::Error;
use crate::float::element::{Compute, Element};
use crate::float::exponential::{inverse_softplus, ln};
use crate::initializer::Initializer;
use crate::samplers::Sampler;
use crate::samplers::function_of_uniform::FunctionKernel;

/// The largest f64 below 1.
const BELOW_1: f64 = 1.0 - f64::EPSILON / 2.0;
/// The smallest `max_radius`: its square stays a normal number.
const LEAST: f64 = 1e-100;

/// The parameter of the radius r of eigenvalues that are uniform on a ring of the complex plane.
///
/// r² is uniform between the squares of `min_radius` and `max_radius`. The value x has r = exp(−exp(x)), as `nu_log` of the LRU (A. Orvieto
/// et al., 2023, Resurrecting Recurrent Neural Networks for Long Sequences); with `softplus`, r = exp(−softplus(x)), as the recurrent
/// parameter of Griffin (S. De et al., 2024).
///
/// ```
/// use initializers::{Fill, RingRadius};
///
/// let nu_log: Vec<f64> = RingRadius::new(0.9, 0.999, false)?.sample_vec(1, &[24])?;
/// assert!(nu_log.iter().all(|x| (0.8999..=0.9991).contains(&(-x.exp()).exp())));
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RingRadius {
    min_radius: f64,
    max_radius: f64,
    softplus: bool,
}

impl RingRadius {
    /// Creates the parameters, 0 ≤ `min_radius` ≤ `max_radius` ≤ 1, 1e-100 ≤ `max_radius`.
    ///
    /// ```
    /// use initializers::RingRadius;
    /// assert!(RingRadius::new(0.0, 1.5, false).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if a radius is out of its range.
    pub fn new(min_radius: f64, max_radius: f64, softplus: bool) -> Result<Self, Error> {
        if !(0.0..=1.0).contains(&min_radius) {
            return Err(Error::Parameter { name: "min_radius", condition: "a number in [0, 1]", value: min_radius });
        }
        if !((LEAST..=1.0).contains(&max_radius) && max_radius >= min_radius) {
            let condition = "a number >= `min_radius` in [1e-100, 1]";
            return Err(Error::Parameter { name: "max_radius", condition, value: max_radius });
        }
        Ok(Self { min_radius: min_radius + 0.0, max_radius, softplus })
    }

    /// Returns the smallest radius.
    ///
    /// ```
    /// use initializers::RingRadius;
    /// assert_eq!(RingRadius::new(0.9, 0.999, true)?.min_radius(), 0.9);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn min_radius(&self) -> f64 {
        self.min_radius
    }

    /// Returns the largest radius.
    ///
    /// ```
    /// use initializers::RingRadius;
    /// assert_eq!(RingRadius::new(0.9, 0.999, true)?.max_radius(), 0.999);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn max_radius(&self) -> f64 {
        self.max_radius
    }

    /// Returns whether r = exp(−softplus(x)), in place of exp(−exp(x)).
    ///
    /// ```
    /// use initializers::RingRadius;
    /// assert!(RingRadius::new(0.9, 0.999, true)?.softplus());
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn softplus(&self) -> bool {
        self.softplus
    }
}

impl Initializer for RingRadius {}

impl RingRadius {
    /// Returns the value of a draw.
    fn value(&self, u: f64) -> f64 {
        let (a, b) = (self.min_radius * self.min_radius, self.max_radius * self.max_radius);
        let square = a + (b - a) * u;
        let decay = -0.5 * ln(if square < BELOW_1 { square } else { BELOW_1 });
        if self.softplus { inverse_softplus(decay) } else { ln(decay) }
    }
}

impl Sampler for RingRadius {
    type Kernel<C: Compute> = FunctionKernel;

    fn kernel<T: Element>(&self) -> Result<FunctionKernel, Error> {
        let value = |[min_radius, max_radius, softplus]: [f64; 3], u| {
            Self { min_radius, max_radius, softplus: softplus != 0.0 }.value(u)
        };
        let numbers = [self.min_radius, self.max_radius, f64::from(self.softplus)];
        FunctionKernel::new::<T>("`min_radius` and `max_radius`", value, numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends() {
        for softplus in [false, true] {
            for (low, high) in [(0.0, 1.0), (1.0, 1.0), (0.0, 1e-100), (0.9, 0.9)] {
                let ring = RingRadius::new(low, high, softplus).unwrap();
                for u in [2f64.powi(-53), 0.5, 1.0 - 2f64.powi(-53)] {
                    assert!(ring.value(u).is_finite(), "{ring:?} {u}");
                }
            }
        }
        let ring = RingRadius::new(0.9, 0.9, false).unwrap();
        assert!((ring.value(0.5) - (-(0.9f64.ln())).ln()).abs() < 1e-14);
    }

    #[test]
    fn bad_parameters() {
        for (low, high) in [(-0.1, 1.0), (0.0, 0.0), (0.5, 0.4), (0.0, 1.1), (f64::NAN, 1.0), (0.0, f64::NAN)] {
            assert!(RingRadius::new(low, high, false).is_err(), "{low} {high}");
        }
    }
}
