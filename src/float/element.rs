//! The element types of tensors, and the rounding of computed values to them.
//!
//! Values of float16, bfloat16 and the two float8 types are f32 values, rounded once, to nearest even, with integer
//! operations (`docs/stream.md`, section 3). No flag of the processor and no library influences them.

use crate::cpu::dispatch::Width;
use crate::float::float8::{F8E4M3FN, F8E5M2};
use crate::float::lanes::Lanes;
use crate::float::tensor::{AnyTensorMut, TensorMut};
use crate::stream::words::{GROUP, Word};
use bytemuck::Pod;
use half::{bf16, f16};
use std::fmt;
use std::ops::{Add, Mul, Neg, Sub};

/// The element type of a tensor: f32, f64, [`half::f16`], [`half::bf16`], [`F8E4M3FN`] or [`F8E5M2`].
///
/// ```
/// use initializers::{Element, F8E5M2};
///
/// fn name<T: Element>(_: &[T]) -> &'static str {
///     T::NAME
/// }
/// assert_eq!(name(&[F8E5M2::default()]), "float8_e5m2");
/// ```
///
/// No other type can implement it. The supertrait `ElementInternal` is private: samplers call it, users cannot.
#[expect(private_bounds, reason = "users cannot call what the supertrait holds")]
pub trait Element: Pod + Default + Send + Sync + ElementInternal {
    /// The type that values are computed in: f64 for f64, f32 for all others.
    ///
    /// ```
    /// use initializers::Element;
    /// let wide: <half::f16 as Element>::Compute = 1.0f32;
    /// ```
    type Compute: Compute;
    /// The type's name in NumPy, `ml_dtypes`, PyTorch and JAX.
    ///
    /// ```
    /// use initializers::Element;
    /// assert_eq!(<half::bf16 as Element>::NAME, "bfloat16");
    /// ```
    const NAME: &'static str;

    /// Rounds to the nearest value of this type, ties to even. Values that are too large become infinite, or NaN in a type
    /// without infinity. A NaN becomes the quiet NaN with its sign and no payload.
    ///
    /// ```
    /// use half::bf16;
    /// use initializers::Element;
    /// assert_eq!(<bf16 as Element>::round(1.0 + 1.0 / 256.0), bf16::ONE);
    /// ```
    #[must_use]
    fn round(value: Self::Compute) -> Self;

    /// Converts to the computing type, exactly.
    ///
    /// ```
    /// use initializers::Element;
    /// assert_eq!(half::f16::ONE.widen(), 1.0f32);
    /// ```
    #[must_use]
    fn widen(self) -> Self::Compute;

    /// Returns the largest value below this finite one.
    ///
    /// ```
    /// use initializers::Element;
    /// assert_eq!(Element::next_down(half::bf16::ONE).widen(), 1.0 - 1.0 / 256.0);
    /// ```
    #[must_use]
    fn next_down(self) -> Self;
}

/// The private part of [`Element`].
pub(crate) trait ElementInternal: Sized {
    /// Returns the tensor as one of any element type.
    fn erase(tensor: TensorMut<'_, Self>) -> AnyTensorMut<'_>;

    /// Returns the slice itself if `Self` is the computing type, so that samplers write into it without rounding.
    fn as_compute(_slice: &mut [Self]) -> Option<&mut [Self::Compute]>
    where
        Self: Element,
    {
        None
    }
}

/// A type that values are computed in: f32 or f64.
///
/// ```
/// use initializers::Compute;
///
/// fn third<C: Compute>() -> C {
///     C::from_f64(1.0 / 3.0)
/// }
/// assert_eq!(third::<f32>(), 1.0 / 3.0);
/// ```
///
/// No other type can implement it. The supertrait `ComputeInternal` is private: samplers call it, users cannot.
#[expect(private_bounds, reason = "users cannot call what the supertrait holds")]
pub trait Compute:
    Element<Compute = Self>
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
    + ComputeInternal
{
    /// Rounds to the nearest value of this type.
    ///
    /// ```
    /// assert_eq!(<f32 as initializers::Compute>::from_f64(0.1), 0.1);
    /// ```
    #[must_use]
    fn from_f64(value: f64) -> Self;

    /// Converts to f64, exactly.
    ///
    /// ```
    /// assert_eq!(initializers::Compute::to_f64(0.5f32), 0.5);
    /// ```
    #[must_use]
    fn to_f64(self) -> f64;
}

/// The private part of [`Compute`]: the elementary functions of its precision, and its vectors.
///
/// The functions use `+ − × ÷` and the square root in a fixed order: `single.rs` has those of f32, `double.rs` those of f64.
pub(crate) trait ComputeInternal: Lanes {
    /// One element is computed from one word of the stream: u32 for f32, u64 for f64.
    type Word: Word;

    /// A bound that no standard normal of this type reaches (6.66 and 8.65 are reached).
    const NORMAL_REACH: f64;

    /// A parameter of a sampler: rounded once, −0 replaced by +0.
    fn parameter(value: f64) -> Self;

    /// The upper bits of a word as a fraction: one of the multiples of 2^-24 (f64: 2^-53) in [0, 1).
    fn unit(word: Self::Word) -> Self;

    /// The middle of the word's cell in (0, 1], rounded: fl(bits)·2^-n + 2^-(n+1).
    fn cell_middle(word: Self::Word) -> Self;

    /// A fraction u in (0, 1), in f64: u and 1 − u are exact.
    fn open_unit(word: Self::Word) -> f64;

    /// The natural logarithm of x, for x in (0, 1].
    fn ln(x: Self) -> Self;

    /// The square root of x, correctly rounded.
    fn sqrt(x: Self) -> Self;

    /// The cosine and the sine of the angle 2π·word·2^-n, where n is the number of bits of a word.
    fn cos_sin(word: Self::Word) -> (Self, Self);

    /// Writes `finish(z)` for standard normals z between −2 and 2, one for each word; |z| < 2 always. `width` is that of the
    /// caller's vectors.
    fn quantiles_within_2(
        width: Width,
        words: &[Self::Word; GROUP],
        out: &mut [Self; GROUP],
        finish: impl Fn(Self) -> Self,
    );
}

/// Returns whether `value` rounds to a finite value of `T`.
pub(crate) fn fits<T: Element>(value: f64) -> bool {
    T::round(T::Compute::from_f64(value)).widen().to_f64().is_finite()
}

macro_rules! rounded_type {
    ($float:ident, $any:ident, $bits:ident, $name:literal, $round:expr, $widen:expr, $from:expr, $to:expr) => {
        impl Element for $float {
            type Compute = f32;
            const NAME: &'static str = $name;

            #[inline(always)]
            fn round(value: f32) -> Self {
                $from($round(value.to_bits()) as $bits)
            }

            fn widen(self) -> f32 {
                $widen($to(self) as u32)
            }

            fn next_down(self) -> Self {
                const SIGN: $bits = 1 << ($bits::BITS - 1);
                let bits: $bits = $to(self);
                $from(match bits {
                    0 | SIGN => SIGN | 1,
                    _ if bits & SIGN == 0 => bits - 1,
                    _ => bits + 1,
                })
            }
        }

        impl ElementInternal for $float {
            fn erase(tensor: TensorMut<'_, Self>) -> AnyTensorMut<'_> {
                AnyTensorMut::$any(tensor)
            }
        }
    };
}
rounded_type!(f16, F16, u16, "float16", round_small::<5, 10>, widen_small::<5, 10>, f16::from_bits, f16::to_bits);
rounded_type!(
    bf16,
    Bf16,
    u16,
    "bfloat16",
    round_bf16,
    |bits| f32::from_bits(bits << 16),
    bf16::from_bits,
    bf16::to_bits
);

macro_rules! float8 {
    ($float:ident, $name:literal, $exponent:literal, $mantissa:literal) => {
        rounded_type!(
            $float,
            $float,
            u8,
            $name,
            round_small::<$exponent, $mantissa>,
            widen_small::<$exponent, $mantissa>,
            $float::from_bits,
            $float::to_bits
        );

        impl $float {
            /// Converts to f32, exactly.
            ///
            /// ```
            /// use initializers::F8E4M3FN;
            /// assert_eq!(F8E4M3FN::from_bits(0x38).to_f32(), 1.0);
            /// ```
            #[must_use]
            pub fn to_f32(self) -> f32 {
                self.widen()
            }
        }

        impl fmt::Display for $float {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.to_f32().fmt(f)
            }
        }
    };
}
float8!(F8E4M3FN, "float8_e4m3fn", 4, 3);
float8!(F8E5M2, "float8_e5m2", 5, 2);

/// Rounds f32 bits to their upper half, to nearest even.
#[inline(always)]
fn round_bf16(bits: u32) -> u32 {
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    if is_nan(bits) { bits >> 16 & 0x8000 | 0x7fc0 } else { rounded }
}

/// Returns whether f32 bits are those of a NaN.
#[inline(always)]
fn is_nan(bits: u32) -> bool {
    bits & 0x7fff_ffff > 0x7f80_0000
}

/// Rounds f32 bits to a sign, `EXPONENT` and `MANTISSA` bits, to nearest even.
#[inline(always)]
fn round_small<const EXPONENT: u32, const MANTISSA: u32>(bits: u32) -> u32 {
    let bias = (1 << (EXPONENT - 1)) - 1;
    let cut = 23 - MANTISSA;
    let magnitude = bits & 0x7fff_ffff;
    // Normal: round at the cut, with a carry into the exponent, then move the exponent to its new bias.
    let rounded = magnitude + ((1 << (cut - 1)) - 1) + (magnitude >> cut & 1);
    let normal = rounded.wrapping_sub((127 - bias) << 23) >> cut;
    // Subnormal: add the power of two whose last place is the smallest subnormal. The addition rounds.
    let place = f32::from_bits((127 + 24 - bias - MANTISSA) << 23);
    let subnormal = (f32::from_bits(magnitude) + place).to_bits().wrapping_sub(place.to_bits());
    let value = if magnitude < (128 - bias) << 23 { subnormal } else { normal };
    let value = value.min(overflow::<EXPONENT, MANTISSA>());
    bits >> 31 << (EXPONENT + MANTISSA) | if is_nan(bits) { nan::<EXPONENT, MANTISSA>() } else { value }
}

/// The quiet NaN of a type with `EXPONENT` and `MANTISSA` bits.
const fn nan<const EXPONENT: u32, const MANTISSA: u32>() -> u32 {
    overflow::<EXPONENT, MANTISSA>() | 1 << (MANTISSA - 1)
}

/// The infinity of a type with `EXPONENT` and `MANTISSA` bits; for float8_e4m3fn, which has none, its NaN.
const fn overflow<const EXPONENT: u32, const MANTISSA: u32>() -> u32 {
    if EXPONENT == 4 { 0x7f } else { ((1 << EXPONENT) - 1) << MANTISSA }
}

/// Converts the result of [`round_small`] to f32.
fn widen_small<const EXPONENT: u32, const MANTISSA: u32>(bits: u32) -> f32 {
    let bias = (1 << (EXPONENT - 1)) - 1;
    let magnitude = bits & ((1 << (EXPONENT + MANTISSA)) - 1);
    let value = if magnitude > overflow::<EXPONENT, MANTISSA>() || magnitude == nan::<EXPONENT, MANTISSA>() {
        f32::NAN
    } else if magnitude == overflow::<EXPONENT, MANTISSA>() {
        f32::INFINITY
    } else if magnitude >> MANTISSA == 0 {
        magnitude as f32 * f32::from_bits((128 - bias - MANTISSA) << 23)
    } else {
        f32::from_bits((magnitude << (23 - MANTISSA)) + ((127 - bias) << 23))
    };
    if bits >> (EXPONENT + MANTISSA) == 1 { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Debug;

    /// Rounds every value of a small type, and every midpoint between two of them and its neighbors.
    fn check_rounding<T: Element<Compute = f32> + PartialEq + Debug>(finite: impl Iterator<Item = T>) {
        let mut values: Vec<T> = finite.collect();
        values.sort_by(|a, b| a.widen().total_cmp(&b.widen()));
        for value in &values {
            assert!(T::round(value.widen()) == *value, "{value:?} is not itself");
        }
        for pair in values.windows(2) {
            let (low, high) = (pair[0], pair[1]);
            if low.widen() == high.widen() {
                continue; // -0 and +0
            }
            assert!(high.next_down().widen() == low.widen(), "below {high:?}");
            let middle = f64::midpoint(low.widen() as f64, high.widen() as f64) as f32;
            assert!(T::round(middle.next_down()).widen() == low.widen(), "below the middle of {low:?} {high:?}");
            assert!(T::round(middle.next_up()).widen() == high.widen(), "above the middle of {low:?} {high:?}");
            let last_byte = if cfg!(target_endian = "big") { size_of::<T>() - 1 } else { 0 };
            let even = if bytemuck::bytes_of(&low)[last_byte] & 1 == 0 { low } else { high };
            assert!(T::round(middle).widen() == even.widen(), "the middle of {low:?} {high:?}");
        }
    }

    #[test]
    fn rounding_is_to_nearest_even() {
        check_rounding((0..=u16::MAX).map(f16::from_bits).filter(|x| x.is_finite()));
        check_rounding((0..=u16::MAX).map(bf16::from_bits).filter(|x| x.is_finite()));
        check_rounding((0..=u8::MAX).map(F8E4M3FN::from_bits).filter(|x| x.to_bits() & 0x7f != 0x7f));
        check_rounding((0..=u8::MAX).map(F8E5M2::from_bits).filter(|x| x.to_bits() & 0x7c != 0x7c));
    }

    #[test]
    fn nans_become_quiet_ones() {
        for bits in [0x7fc0_0000u32, 0x7f80_0001, 0x7fff_ffff, 0x7fbf_ffff] {
            for sign in [0, 1 << 31] {
                let nan = f32::from_bits(bits | sign);
                let small_sign = (sign >> 16) as u16;
                assert_eq!(<f16 as Element>::round(nan).to_bits(), small_sign | 0x7e00, "{bits:x}");
                assert_eq!(<bf16 as Element>::round(nan).to_bits(), small_sign | 0x7fc0, "{bits:x}");
                assert_eq!(F8E4M3FN::round(nan).to_bits(), (small_sign >> 8) as u8 | 0x7f, "{bits:x}");
                assert_eq!(F8E5M2::round(nan).to_bits(), (small_sign >> 8) as u8 | 0x7e, "{bits:x}");
                assert!(<f16 as Element>::round(nan).widen().is_nan() && F8E5M2::round(nan).widen().is_nan());
                assert!(F8E4M3FN::round(nan).widen().is_nan() && <bf16 as Element>::round(nan).widen().is_nan());
            }
        }
        assert_eq!(F8E5M2::round(f32::INFINITY).to_bits(), 0x7c);
        assert_eq!(F8E4M3FN::round(-f32::INFINITY).to_bits(), 0xff);
    }

    #[test]
    fn the_largest_values() {
        assert!(fits::<f16>(65519.996) && !fits::<f16>(65520.0) && !fits::<f16>(1e300));
        assert!(fits::<F8E4M3FN>(464.0) && !fits::<F8E4M3FN>(464.0001));
        assert!(fits::<F8E5M2>(61439.9) && !fits::<F8E5M2>(-61440.0));
        assert!(fits::<bf16>(3.389e38) && !fits::<bf16>(3.4e38));
        assert!(fits::<f32>(3.4e38) && !fits::<f32>(3.5e38));
    }

    proptest! {
        #[test]
        fn half_agrees(bits: u32) {
            let x = f32::from_bits(bits);
            prop_assume!(!x.is_nan());
            prop_assert_eq!(<f16 as Element>::round(x), f16::from_f32(x));
            prop_assert_eq!(<bf16 as Element>::round(x), bf16::from_f32(x));
        }
    }
}
