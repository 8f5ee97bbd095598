//! Truncated normal values (`docs/stream.md`, section 6).
//!
//! Each value is computed from one word, by inversion. Bounds of ±2 standard deviations use one rational without a
//! logarithm, other bounds the exact inverse in f64. Bounds that no normal reaches use the normal sampler.

use crate::cpu::dispatch::Width;
use crate::error::Error;
use crate::fill::groups::{Kernel, for_each_group};
use crate::float::element::{Compute, ComputeInternal, Element};
use crate::float::quantile::{upper_quantiles, upper_tail};
use crate::initializer::Initializer;
use crate::samplers::Sampler;
use crate::samplers::normal::{NAMES, Normal, NormalKernel};
use crate::stream::words::GROUP;

/// A normal distribution truncated at bounds that are given in standard deviations from the mean.
///
/// `mean` and `stddev` are those of the normal distribution before truncation. Truncation at ±2 multiplies the standard
/// deviation by 0.87962566103423978. No value lies beyond the bounds, rounded to the element type.
///
/// ```
/// use initializers::{Fill, TruncatedNormal};
///
/// let kernel: Vec<f32> = TruncatedNormal::new(0.0, 0.05)?.sample_vec(7, &[128, 64])?;
/// assert!(kernel.iter().all(|x| x.abs() <= 0.1));
/// let half_normal = TruncatedNormal::with_bounds(0.0, 0.05, 0.0, f64::INFINITY)?;
/// let positive: Vec<f32> = half_normal.sample_vec(7, &[128, 64])?;
/// assert!(positive.iter().all(|&x| x >= 0.0));
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TruncatedNormal {
    normal: Normal,
    lower: f64,
    upper: f64,
}

impl TruncatedNormal {
    /// Truncates at two standard deviations on both sides.
    ///
    /// ```
    /// use initializers::TruncatedNormal;
    /// assert_eq!(TruncatedNormal::new(0.0, 0.02)?, TruncatedNormal::with_bounds(0.0, 0.02, -2.0, 2.0)?);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Normal::new`].
    pub fn new(mean: f64, stddev: f64) -> Result<Self, Error> {
        Self::with_bounds(mean, stddev, -2.0, 2.0)
    }

    /// Truncates at `lower` and `upper` standard deviations from the mean, `lower` < 37, `upper` > −37; either may be infinite.
    ///
    /// ```
    /// use initializers::{Fill, TruncatedNormal};
    ///
    /// let half_normal = TruncatedNormal::with_bounds(0.0, 1.0, 0.0, f64::INFINITY)?;
    /// assert!(half_normal.sample_vec::<f32>(1, &[100])?.iter().all(|&x| x >= 0.0));
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Normal::new`], and [`Error::Parameter`] if a bound is NaN or out of its range, or `lower` is not below `upper`.
    pub fn with_bounds(mean: f64, stddev: f64, lower: f64, upper: f64) -> Result<Self, Error> {
        let normal = Normal::new(mean, stddev)?;
        let refuse = |name, condition, value| Err(Error::Parameter { name, condition, value });
        if lower.is_nan() || lower >= 37.0 {
            return refuse("lower", "a number < 37 standard deviations", lower);
        }
        if upper.is_nan() || upper <= -37.0 {
            return refuse("upper", "a number > -37 standard deviations", upper);
        }
        if lower >= upper {
            return refuse("upper", "a number > `lower`", upper);
        }
        Ok(Self { normal, lower, upper })
    }

    /// Returns the mean of the normal distribution before truncation.
    ///
    /// ```
    /// use initializers::TruncatedNormal;
    /// assert_eq!(TruncatedNormal::new(0.5, 2.0)?.mean(), 0.5);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.normal.mean()
    }

    /// Returns the standard deviation of the normal distribution before truncation.
    ///
    /// ```
    /// use initializers::TruncatedNormal;
    /// assert_eq!(TruncatedNormal::new(0.5, 2.0)?.stddev(), 2.0);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn stddev(&self) -> f64 {
        self.normal.stddev()
    }

    /// Returns the lower bound in standard deviations from the mean.
    ///
    /// ```
    /// use initializers::TruncatedNormal;
    /// assert_eq!(TruncatedNormal::new(0.5, 2.0)?.lower(), -2.0);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn lower(&self) -> f64 {
        self.lower
    }

    /// Returns the upper bound in standard deviations from the mean.
    ///
    /// ```
    /// use initializers::TruncatedNormal;
    /// assert_eq!(TruncatedNormal::new(0.5, 2.0)?.upper(), 2.0);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn upper(&self) -> f64 {
        self.upper
    }
}

impl Initializer for TruncatedNormal {}

impl Sampler for TruncatedNormal {
    type Kernel<C: Compute> = TruncatedKernel<C>;

    fn kernel<T: Element>(&self) -> Result<TruncatedKernel<T::Compute>, Error> {
        let reach = T::Compute::NORMAL_REACH;
        let [lower, upper] = [self.lower, self.upper].map(|bound| T::Compute::parameter(bound).to_f64());
        if lower <= -reach && upper >= reach {
            return Ok(TruncatedKernel::Unreached(self.normal.kernel::<T>()?));
        }
        let [mean, stddev] = self.normal.parameters::<T>(lower.clamp(-reach, 37.0), upper.clamp(-37.0, reach))?;
        if (lower, upper) == (-2.0, 2.0) {
            return Ok(TruncatedKernel::TwoSigma { mean, stddev });
        }
        let inverse = Inverse::new(lower, upper);
        // A tail that begins far from the mean has larger values than the normal sampler.
        for z in inverse.ends::<T::Compute>() {
            let value = mean + stddev * z;
            if !T::round(value).widen().to_f64().is_finite() {
                return Err(Error::Reach { names: NAMES, reach: value.to_f64().abs(), dtype: T::NAME });
            }
        }
        Ok(TruncatedKernel::Inverse { mean, stddev, inverse })
    }
}

/// mean + stddev·z, with z drawn in one of three ways.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TruncatedKernel<C> {
    /// Bounds that the normal sampler cannot reach.
    Unreached(NormalKernel<C>),
    /// Bounds −2 and 2.
    TwoSigma {
        /// Mean of the normal distribution before truncation.
        mean: C,
        /// Standard deviation of the normal distribution before truncation.
        stddev: C,
    },
    /// Any other bounds.
    Inverse {
        /// Mean of the normal distribution before truncation.
        mean: C,
        /// Standard deviation of the normal distribution before truncation.
        stddev: C,
        /// The quantile function between the bounds.
        inverse: Inverse,
    },
}

impl<C: Compute> Kernel<C> for TruncatedKernel<C> {
    fn groups(&self, width: Width, words: &[[C::Word; GROUP]], out: &mut [[C; GROUP]]) {
        match *self {
            Self::Unreached(normal) => normal.groups(width, words, out),
            Self::TwoSigma { mean, stddev } => for_each_group::<C>(
                width,
                words,
                out,
                #[inline(always)]
                |words, out| C::quantiles_within_2(width, words, out, |z| mean + stddev * z),
            ),
            Self::Inverse { mean, stddev, inverse } => for_each_group::<C>(
                width,
                words,
                out,
                #[inline(always)]
                |words, out| {
                    let mut u = [0.0; GROUP];
                    for (u, &word) in u.iter_mut().zip(words) {
                        *u = C::open_unit(word);
                    }
                    for (out, z) in out.iter_mut().zip(inverse.quantiles(width, &u)) {
                        *out = mean + stddev * C::from_f64(z);
                    }
                },
            ),
        }
    }
}

/// The quantile function of a standard normal between two bounds, in f64.
///
/// It computes in the tail that holds the bounds, so that nothing cancels: `p` values are upper-tail probabilities of the
/// bound's distance from the mean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inverse {
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    pub(crate) side: Side,
    /// Tail beyond the lower bound (`Below`, `Across`) or beyond the upper one (`Above`).
    pub(crate) start: f64,
    /// Probability between the bounds.
    pub(crate) mass: f64,
    /// Tail beyond the upper bound (`Across` only).
    pub(crate) end: f64,
}

/// Position of the bounds relative to the mean.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Above,
    Below,
    Across,
}

impl Inverse {
    fn new(lower: f64, upper: f64) -> Self {
        let tp = upper_tail;
        let (side, start, mass, end) = if lower >= 0.0 {
            (Side::Above, tp(upper), tp(lower) - tp(upper), 0.0)
        } else if upper <= 0.0 {
            (Side::Below, tp(-lower), tp(-upper) - tp(-lower), 0.0)
        } else {
            let (below, above) = (tp(-lower), tp(upper));
            (Side::Across, below, (0.5 - below) + (0.5 - above), above)
        };
        Self { lower, upper, side, start, mass, end }
    }

    /// Returns the smallest and the largest value of all words.
    fn ends<C: Compute>(&self) -> [C; 2] {
        [0x00, 0xff].map(|byte| {
            let word = bytemuck::pod_read_unaligned(&[byte; 8][..size_of::<C>()]);
            C::from_f64(self.quantiles(Width::Baseline, &[C::open_unit(word); GROUP])[0])
        })
    }

    /// Returns the values below which the share u of the probability lies.
    #[inline(always)]
    fn quantiles(&self, width: Width, u: &[f64; GROUP]) -> [f64; GROUP] {
        // Upper tails, and the side of the mean on which the values lie.
        let (mut p, mut sides) = ([0.0; GROUP], [1.0; GROUP]);
        match self.side {
            Side::Above => p.iter_mut().zip(u).for_each(|(p, u)| *p = self.start + (1.0 - u) * self.mass),
            Side::Below => {
                p.iter_mut().zip(u).for_each(|(p, u)| *p = self.start + u * self.mass);
                sides = [-1.0; GROUP];
            }
            Side::Across => {
                for ((p, side), u) in p.iter_mut().zip(&mut sides).zip(u) {
                    let below = self.start + u * self.mass;
                    let above = self.end + (1.0 - u) * self.mass;
                    // Rounding alone can push both above ½: the value is the mean.
                    let other = if above <= 0.5 { above } else { 0.5 };
                    (*p, *side) = if below <= 0.5 { (below, -1.0) } else { (other, 1.0) };
                }
            }
        }
        let (mut q, mut z) = ([0.0; GROUP], [0.0; GROUP]);
        q.iter_mut().zip(&p).for_each(|(q, p)| *q = 0.5 - p);
        upper_quantiles(width, &p, &q, &mut z);
        for (z, side) in z.iter_mut().zip(sides) {
            let signed = side * *z;
            let raised = if signed < self.lower { self.lower } else { signed };
            *z = if raised > self.upper { self.upper } else { raised };
        }
        z
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_between_bounds() {
        // Computed by mpmath with 50 digits.
        for (lower, upper, u, z) in [
            (8.0, 9.0, 0.5, 8.0848888990181664333),
            (f64::NEG_INFINITY, -5.0, 0.5, -5.1320183320442984583),
            (-1.0, 3.0, 0.25, -0.33542046566768153576),
            (-3.0, 10.0, 0.7, 0.52556560281935210911),
        ] {
            let got = Inverse::new(lower, upper).quantiles(Width::Baseline, &[u; GROUP])[7];
            assert!((got - z).abs() < 2e-15 * z.abs(), "[{lower}, {upper}] {u}: {got}");
        }
        let narrow = Inverse::new(2.0, 2.0 + 2f64.powi(-20));
        let ends = [1e-9, 1.0 - 1e-9].map(|u| narrow.quantiles(Width::Baseline, &[u; GROUP])[0]);
        assert!(ends[0] >= 2.0 && ends[1] <= 2.0 + 2f64.powi(-20));
    }

    #[test]
    fn which_way() {
        let way = |lower, upper| TruncatedNormal::with_bounds(0.0, 1.0, lower, upper).unwrap().kernel::<f32>().unwrap();
        assert!(matches!(way(-2.0, 2.0), TruncatedKernel::TwoSigma { .. }));
        assert!(matches!(way(-2.0 - 1e-9, 2.0), TruncatedKernel::TwoSigma { .. }), "−2 once rounded to f32");
        assert!(matches!(way(-6.67, f64::INFINITY), TruncatedKernel::Unreached(_)));
        assert!(matches!(way(-6.6, 6.67), TruncatedKernel::Inverse { .. }));
    }

    #[test]
    fn tails_that_overflow() {
        use crate::Fill;
        // Words from 0 on give z in [30, 30.76].
        let tail = |stddev| TruncatedNormal::with_bounds(0.0, stddev, 30.0, f64::INFINITY).unwrap();
        let draw = |stddev| tail(stddev).sample_vec::<half::f16>(1, &[1000]);
        assert!(draw(65504.0 / 30.8).unwrap().iter().all(|x| x.to_f32() < f32::INFINITY));
        assert!(matches!(draw(65504.0 / 30.05), Err(Error::Reach { .. })));
    }

    #[test]
    fn bad_parameters() {
        let bounds = |lower, upper| TruncatedNormal::with_bounds(0.0, 1.0, lower, upper);
        assert!(bounds(f64::NAN, 1.0).is_err() && bounds(0.0, f64::NAN).is_err());
        assert!(bounds(1.0, 1.0).is_err() && bounds(37.0, 38.0).is_err() && bounds(-40.0, -37.0).is_err());
        assert!(bounds(36.0, f64::INFINITY).is_ok());
    }
}
