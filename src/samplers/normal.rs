//! Normal values by the Box–Muller transform (`docs/stream.md`, section 4).
//!
//! G. E. P. Box and M. E. Muller, "A note on the generation of random normal deviates", 1958. Element j < 32
//! of a group of 64 has its radius in word j and its angle in word 32 + j, element 32 + j the same two
//! words: any vector up to 32 lanes wide loads without a shuffle.

use crate::error::{Error, finite};
use crate::fill::groups::Kernel;
use crate::float::coefficients::{C, HI, LO, P, S, S0, S0LO};
use crate::float::double::{self, horner};
use crate::float::element::{Compute, Element, FromWord, fits};
use crate::samplers::{Sampler, sealed};

/// The parameters, in an error.
pub(crate) const NAMES: &str = "`mean` and `stddev`";

/// The normal distribution.
///
/// The standard normal z is within 5 ulp of the exact function of its two words and reaches ±6.66 (±8.65
/// for f64); the value is `mean + stddev·z`, each operation rounded once.
///
/// ```
/// use initializers::{Normal, Sampler};
/// use ndarray::Array2;
///
/// let embedding: Array2<f32> = Normal::new(0.0, 0.02)?.sample(42, (1000, 64))?;
/// assert!((embedding.std(0.0) - 0.02).abs() < 2e-4);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    mean: f64,
    stddev: f64,
}

impl Normal {
    /// The normal distribution with a finite mean and a finite standard deviation ≥ 0.
    ///
    /// # Errors
    /// [`Error::Parameter`] when one is not finite or `stddev` is negative.
    pub fn new(mean: f64, stddev: f64) -> Result<Self, Error> {
        finite("mean", mean)?;
        if !(stddev >= 0.0 && stddev.is_finite()) {
            return Err(Error::Parameter { name: "stddev", condition: "a finite number >= 0", value: stddev });
        }
        Ok(Self { mean, stddev })
    }

    /// `mean` and `stddev` rounded to the computing type, when mean + stddev·z fits T for z in [low, high].
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

impl Sampler for Normal {}

impl sealed::Sampler for Normal {
    type Kernel<C: Compute> = NormalKernel<C>;

    fn kernel<T: Element>(&self) -> Result<NormalKernel<T::Compute>, Error> {
        let reach = T::Compute::NORMAL_REACH;
        let [mean, stddev] = self.parameters::<T>(-reach, reach)?;
        Ok(NormalKernel { mean, stddev })
    }
}

/// mean + stddev·z.
#[derive(Clone, Copy, Debug)]
pub struct NormalKernel<C> {
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
    #[inline(always)]
    fn group(&self, words: &[C::Word; 64], out: &mut [C; 64]) {
        let (radii, angles) = words.split_at(32);
        let (cosines, sines) = out.split_at_mut(32);
        for j in 0..32 {
            let (cos, sin) = C::polar(radii[j], angles[j]);
            cosines[j] = self.mean + self.stddev * cos;
            sines[j] = self.mean + self.stddev * sin;
        }
    }
}

/// Two independent standard normals from two words.
pub trait BoxMuller: FromWord {
    /// Radius √(−2 ln u) times the cosine and the sine of the angle.
    fn polar(radius: Self::Word, angle: Self::Word) -> (Self, Self);

    /// The middle of the word's cell in (0, 1], rounded: fl(bits)·2^-n + 2^-(n+1).
    fn cell_middle(word: Self::Word) -> Self;
}

impl BoxMuller for f32 {
    #[inline(always)]
    fn polar(radius: u32, angle: u32) -> (f32, f32) {
        let r = (-2.0 * ln(Self::cell_middle(radius))).sqrt();
        let (cos, sin) = cos_sin_of_word(angle);
        (r * cos, r * sin)
    }

    #[inline(always)]
    fn cell_middle(word: u32) -> f32 {
        (word >> 1) as i32 as f32 * f32::from_bits((127 - 31) << 23) + f32::from_bits((127 - 32) << 23)
    }
}

impl BoxMuller for f64 {
    #[inline(always)]
    fn polar(radius: u64, angle: u64) -> (f64, f64) {
        let r = (-2.0 * double::ln(Self::cell_middle(radius))).sqrt();
        let (cos, sin) = double::cos_sin_of_word(angle);
        (r * cos, r * sin)
    }

    #[inline(always)]
    fn cell_middle(word: u64) -> f64 {
        (word >> 11) as i64 as f64 * f64::from_bits((1023 - 53) << 52) + f64::from_bits((1023 - 54) << 52)
    }
}

/// ln u for u in (0, 1]; ln 1 is 0.
#[inline(always)]
fn ln(u: f32) -> f32 {
    // u = 2^e·m with m in [√½, √2): 3f3504f3 is √½.
    let bits = u.to_bits() as i32;
    let exponent = (bits - 0x3f3504f3) >> 23;
    let f = f32::from_bits((bits - (exponent << 23)) as u32) - 1.0;
    let e = exponent as f32;
    let z = f * f;
    let p = horner!(f, P[0], P[1], P[2], P[3], P[4], P[5], P[6], P[7]);
    (f + (((f * z) * p + e * LO) - 0.5 * z)) + e * HI
}

/// Cosine and sine of the angle 2π·w·2^-32.
#[inline(always)]
fn cos_sin_of_word(w: u32) -> (f32, f32) {
    // The nearest quarter turn, and the rest in [-1/8, 1/8) turns, exact up to the conversion.
    let quarter = w.wrapping_add(1 << 29) >> 30;
    let t = w.wrapping_sub(quarter << 30) as i32 as f32 * f32::from_bits((127 - 32) << 23);
    let z = t * t;
    let sin = t * (S0 + horner!(z, S0LO, S[0], S[1], S[2]));
    let cos = horner!(z, 1.0, C[0], C[1], C[2], C[3]);
    let (c, s) = if quarter & 1 == 0 { (cos, sin) } else { (sin, cos) };
    let flip = |x: f32, negative: u32| f32::from_bits(x.to_bits() ^ (negative & 1) << 31);
    (flip(c, (quarter + 1) >> 1), flip(s, quarter >> 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealed::Sampler;

    #[test]
    fn extreme_words() {
        assert_eq!(f32::cell_middle(0), 2f32.powi(-32));
        assert_eq!(f64::cell_middle(0), 2f64.powi(-54));
        assert_eq!(f32::cell_middle(u32::MAX), 1.0);
        assert_eq!(f64::cell_middle(u64::MAX), 1.0);
        assert_eq!(f32::polar(u32::MAX, 5).0, 0.0);
        let (reach, zero) = f32::polar(0, 0);
        assert!(reach > 6.66 && reach < 6.67 && zero == 0.0, "{reach}");
        let (reach, _) = f64::polar(0, 0);
        assert!(reach > 8.65 && reach < 8.66, "{reach}");
        for quarter in 0..4u32 {
            let (cos, sin) = cos_sin_of_word(quarter << 30);
            let expected = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)][quarter as usize];
            assert_eq!((cos, sin), expected);
        }
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
