//! Normal values by the Box–Muller transform (`docs/stream.md`, section 5).
//!
//! G. E. P. Box and M. E. Muller, "A note on the generation of random normal deviates", 1958. In a group of 64, words j
//! and 32 + j are the radius and the angle of elements j and 32 + j. So vectors of up to 32 lanes load without a shuffle.

use crate::cpu::dispatch::Width;
use crate::error::{Error, finite};
use crate::fill::groups::{Kernel, for_each_group};
use crate::float::element::{Compute, ComputeInternal, Element, fits};
use crate::initializer::Initializer;
use crate::samplers::Sampler;
use crate::stream::words::GROUP;

/// The names of the parameters in errors.
pub(crate) const NAMES: &str = "`mean` and `stddev`";

/// The normal distribution.
///
/// The value is `mean + stddev·z`, each operation rounded once. The standard normal z differs from the exact function of its
/// two words by at most 5 ulp. The largest |z| is 6.66 (f64: 8.65).
///
/// ```
/// use initializers::{Fill, Normal};
///
/// let embedding: Vec<f32> = Normal::new(0.0, 0.02)?.sample_vec(42, &[1000, 64])?;
/// let squares: f32 = embedding.iter().map(|x| x * x).sum();
/// assert!(((squares / 64_000.0).sqrt() - 0.02).abs() < 2e-4);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    mean: f64,
    stddev: f64,
}

impl Normal {
    /// Creates a normal distribution with a finite mean and a finite standard deviation ≥ 0.
    ///
    /// ```
    /// use initializers::{Error, Normal};
    /// assert!(matches!(Normal::new(0.0, -1.0), Err(Error::Parameter { name: "stddev", .. })));
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if one is not finite or `stddev` is negative.
    pub fn new(mean: f64, stddev: f64) -> Result<Self, Error> {
        finite("mean", mean)?;
        if !(stddev >= 0.0 && stddev.is_finite()) {
            return Err(Error::Parameter { name: "stddev", condition: "a finite number >= 0", value: stddev });
        }
        Ok(Self { mean, stddev })
    }

    /// Returns the mean.
    ///
    /// ```
    /// use initializers::Normal;
    /// assert_eq!(Normal::new(0.5, 2.0)?.mean(), 0.5);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Returns the standard deviation.
    ///
    /// ```
    /// use initializers::Normal;
    /// assert_eq!(Normal::new(0.5, 2.0)?.stddev(), 2.0);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn stddev(&self) -> f64 {
        self.stddev
    }

    /// Rounds `mean` and `stddev` to the computing type; an error unless mean + stddev·z fits T for all z in [low, high].
    pub(crate) fn parameters<T: Element>(&self, low: f64, high: f64) -> Result<[T::Compute; 2], Error> {
        let [mean, stddev] = [self.mean, self.stddev].map(T::Compute::parameter);
        let [mean_64, stddev_64] = [mean, stddev].map(Compute::to_f64);
        let reach = (mean_64 + stddev_64 * low).abs().max((mean_64 + stddev_64 * high).abs());
        if fits::<T>(reach) {
            return Ok([mean, stddev]);
        }
        Err(Error::Reach { names: NAMES, reach, dtype: T::NAME })
    }
}

impl Initializer for Normal {}

impl Sampler for Normal {
    type Kernel<C: Compute> = NormalKernel<C>;

    fn kernel<T: Element>(&self) -> Result<NormalKernel<T::Compute>, Error> {
        let reach = T::Compute::NORMAL_REACH;
        let [mean, stddev] = self.parameters::<T>(-reach, reach)?;
        Ok(NormalKernel { mean, stddev })
    }
}

/// mean + stddev·z.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NormalKernel<C> {
    pub(crate) mean: C,
    pub(crate) stddev: C,
}

impl<C: Compute> NormalKernel<C> {
    /// Mean 0, standard deviation 1.
    pub(crate) fn standard() -> Self {
        Self { mean: C::from_f64(0.0), stddev: C::from_f64(1.0) }
    }
}

impl<C: Compute> Kernel<C> for NormalKernel<C> {
    fn groups(&self, width: Width, words: &[[C::Word; GROUP]], out: &mut [[C; GROUP]]) {
        let Self { mean, stddev } = *self;
        for_each_group::<C>(
            width,
            words,
            out,
            #[inline(always)]
            |words, out| {
                let (radii, angles) = words.split_at(GROUP / 2);
                let (cosines, sines) = out.split_at_mut(GROUP / 2);
                for j in 0..GROUP / 2 {
                    let (cos, sin) = box_muller::<C>(radii[j], angles[j]);
                    cosines[j] = mean + stddev * cos;
                    sines[j] = mean + stddev * sin;
                }
            },
        );
    }
}

/// Two independent standard normals from two words: the radius √(−2 ln u) times the cosine and the sine of the angle.
#[inline(always)]
fn box_muller<C: Compute>(radius: C::Word, angle: C::Word) -> (C, C) {
    let r = C::sqrt(C::from_f64(-2.0) * C::ln(C::cell_middle(radius)));
    let (cos, sin) = C::cos_sin(angle);
    (r * cos, r * sin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_words() {
        assert_eq!(box_muller::<f32>(u32::MAX, 5).0, 0.0);
        let (reach, zero) = box_muller::<f32>(0, 0);
        assert!(reach > 6.66 && reach < 6.67 && zero == 0.0, "{reach}");
        let (reach, _) = box_muller::<f64>(0, 0);
        assert!(reach > 8.65 && reach < 8.66, "{reach}");
    }

    #[test]
    fn bad_parameters() {
        assert!(Normal::new(f64::NAN, 1.0).unwrap_err().to_string().contains("`mean`"));
        assert!(Normal::new(0.0, -1.0).unwrap_err().to_string().contains("`stddev`"));
        assert!(Normal::new(0.0, 9000.0).unwrap().kernel::<half::f16>().is_ok());
        assert!(Normal::new(0.0, 10000.0).unwrap().kernel::<half::f16>().is_err());
        assert!(Normal::new(0.0, 1e300).unwrap().kernel::<f32>().is_err());
        assert!(Normal::new(0.0, 1e300).unwrap().kernel::<f64>().is_ok());
    }
}
