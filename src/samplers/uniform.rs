//! Uniform values in [minval, maxval) (`docs/stream.md`, section 4).

use crate::cpu::dispatch::Width;
use crate::error::{Error, finite};
use crate::fill::groups::{Kernel, for_each_group};
use crate::float::element::{Compute, ComputeInternal, Element, fits};
use crate::initializer::Initializer;
use crate::samplers::Sampler;
use crate::stream::words::GROUP;

/// The uniform distribution on [minval, maxval).
///
/// The value is `minval + (maxval − minval)·u`, each operation rounded once, where u is one of the 2^24 multiples of 2^-24 in
/// [0, 1) (f64: 2^53 multiples of 2^-53). A result that rounds to `maxval` becomes the largest value of the element type below
/// `maxval`. If both bounds round to the same value, all values are equal to it.
///
/// ```
/// use initializers::{Fill, Uniform};
///
/// let mut values = [0.0f32; 4];
/// Uniform::new(-0.05, 0.05)?.fill(1, &mut values)?;
/// assert!(values.iter().all(|x| (-0.05..0.05).contains(x)));
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uniform {
    minval: f64,
    maxval: f64,
}

impl Uniform {
    /// Creates the uniform distribution on [minval, maxval), minval ≤ maxval, both finite.
    ///
    /// ```
    /// use initializers::{Error, Uniform};
    /// assert!(matches!(Uniform::new(1.0, -1.0), Err(Error::Parameter { name: "maxval", .. })));
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if a bound is not finite or `maxval` is below `minval`.
    pub fn new(minval: f64, maxval: f64) -> Result<Self, Error> {
        finite("minval", minval)?;
        finite("maxval", maxval)?;
        if maxval < minval {
            return Err(Error::Parameter { name: "maxval", condition: "a number >= `minval`", value: maxval });
        }
        Ok(Self { minval, maxval })
    }

    /// Returns the lower bound, which is a possible value.
    ///
    /// ```
    /// use initializers::Uniform;
    /// assert_eq!(Uniform::new(-0.5, 0.5)?.minval(), -0.5);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn minval(&self) -> f64 {
        self.minval
    }

    /// Returns the upper bound, which no value reaches.
    ///
    /// ```
    /// use initializers::Uniform;
    /// assert_eq!(Uniform::new(-0.5, 0.5)?.maxval(), 0.5);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn maxval(&self) -> f64 {
        self.maxval
    }
}

impl Initializer for Uniform {}

impl Sampler for Uniform {
    type Kernel<C: Compute> = UniformKernel<C>;

    fn kernel<T: Element>(&self) -> Result<UniformKernel<T::Compute>, Error> {
        let low = T::Compute::parameter(self.minval);
        let high = T::Compute::parameter(self.maxval);
        let range = high - low;
        if !(fits::<T>(low.to_f64()) && fits::<T>(high.to_f64())) {
            let reach = self.minval.abs().max(self.maxval.abs());
            return Err(Error::Reach { names: "`minval` and `maxval`", reach, dtype: T::NAME });
        }
        if !range.to_f64().is_finite() {
            let reach = self.maxval - self.minval;
            return Err(Error::Reach { names: "`maxval` - `minval`", reach, dtype: T::Compute::NAME });
        }
        let (first, end) = (T::round(low), T::round(high));
        // Clamping before the rounding to T gives the same result as clamping after it: rounding is monotone.
        let last = if first.widen() < end.widen() { end.next_down() } else { first };
        Ok(UniformKernel { low, range, last: last.widen() })
    }
}

/// low + range·u, at most `last`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UniformKernel<C> {
    pub(crate) low: C,
    pub(crate) range: C,
    pub(crate) last: C,
}

impl<C: Compute> Kernel<C> for UniformKernel<C> {
    fn groups(&self, width: Width, words: &[[C::Word; GROUP]], out: &mut [[C; GROUP]]) {
        let Self { low, range, last } = *self;
        for_each_group::<C>(
            width,
            words,
            out,
            #[inline(always)]
            |words, out| {
                for (out, &word) in out.iter_mut().zip(words) {
                    let value = low + range * C::unit(word);
                    *out = if value < last { value } else { last };
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float::float8::F8E4M3FN;
    use half::bf16;

    #[test]
    fn the_ends() {
        let drawn = |kernel: UniformKernel<f32>, word| {
            let mut out = [[0.0; GROUP]];
            kernel.groups(Width::Baseline, &[[word; GROUP]], &mut out);
            out[0][GROUP - 1]
        };
        let cut = Uniform::new(1.0, 1.0 + 2f64.powi(-22)).unwrap();
        assert_eq!(drawn(cut.kernel::<f32>().unwrap(), u32::MAX), 1.0f32 + f32::EPSILON);
        let bf16s = Uniform::new(-1.0, 1.0).unwrap();
        assert_eq!(drawn(bf16s.kernel::<bf16>().unwrap(), u32::MAX), 1.0 - 2f32.powi(-8));
        // Equal after rounding: every value is that one, with the sign of an underflowed negative.
        let tiny = Uniform::new(-1e-9, -1e-10).unwrap();
        let value = F8E4M3FN::round(drawn(tiny.kernel::<F8E4M3FN>().unwrap(), 7));
        assert_eq!(value.widen().to_bits(), (-0.0f32).to_bits());
        assert_eq!(drawn(Uniform::new(-0.0, 0.0).unwrap().kernel::<f32>().unwrap(), 7).to_bits(), 0);
    }

    #[test]
    fn bad_parameters() {
        assert!(Uniform::new(0.0, f64::NAN).is_err() && Uniform::new(f64::NEG_INFINITY, 0.0).is_err());
        assert!(Uniform::new(1.0, 0.5).unwrap_err().to_string().contains("`maxval`"));
        let error = Uniform::new(-3e38, 3e38).unwrap().kernel::<f32>().unwrap_err();
        let expected = "`maxval` - `minval` must give values that are finite in float32, received values up to 6e38";
        assert_eq!(error.to_string(), expected);
        let error = Uniform::new(-4e38, 3e38).unwrap().kernel::<f32>().unwrap_err();
        assert!(
            error.to_string().starts_with("`minval` and `maxval` must") && error.to_string().ends_with("up to 4e38")
        );
        assert!(Uniform::new(0.0, 70000.0).unwrap().kernel::<half::f16>().is_err());
    }
}
