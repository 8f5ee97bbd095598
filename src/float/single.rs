//! The functions of f32 by `+ − × ÷` and the square root in a fixed order (`docs/stream.md`, sections 4 to 6).
//!
//! The coefficients are fitted by `tools/fit_coefficients.py`. Nothing is fused, so that every processor gives the same bits.

use crate::cpu::dispatch::Width;
use crate::float::coefficients::{C, HI, LO, P, P2, Q2, S, S0, S0LO};
use crate::float::element::{Compute, ComputeInternal, Element, ElementInternal};
use crate::float::polynomial::horner;
use crate::float::tensor::{AnyTensorMut, TensorMut};
use crate::stream::words::GROUP;

impl Element for f32 {
    type Compute = Self;
    const NAME: &'static str = "float32";

    #[inline(always)]
    fn round(value: Self) -> Self {
        value
    }

    fn widen(self) -> Self {
        self
    }

    fn next_down(self) -> Self {
        Self::next_down(self)
    }
}

impl ElementInternal for f32 {
    fn erase(tensor: TensorMut<'_, Self>) -> AnyTensorMut<'_> {
        AnyTensorMut::F32(tensor)
    }

    fn as_compute(slice: &mut [Self]) -> Option<&mut [Self]> {
        Some(slice)
    }
}

impl Compute for f32 {
    fn from_f64(value: f64) -> Self {
        value as Self
    }

    fn to_f64(self) -> f64 {
        self as f64
    }
}

impl ComputeInternal for f32 {
    type Word = u32;
    const NORMAL_REACH: f64 = 6.67;

    fn parameter(value: f64) -> Self {
        Self::from_f64(value) + 0.0
    }

    #[inline(always)]
    fn unit(word: u32) -> Self {
        (word >> 8) as i32 as f32 * f32::from_bits((127 - 24) << 23)
    }

    #[inline(always)]
    fn cell_middle(word: u32) -> Self {
        (word >> 1) as i32 as f32 * f32::from_bits((127 - 31) << 23) + f32::from_bits((127 - 32) << 23)
    }

    #[inline(always)]
    fn open_unit(word: u32) -> f64 {
        (word as f64 * 2.0 + 1.0) * f64::from_bits((1023 - 33) << 52)
    }

    #[inline(always)]
    fn ln(x: Self) -> Self {
        // x = 2^e·m with m in [√½, √2): 3f3504f3 is √½.
        let bits = x.to_bits() as i32;
        let exponent = (bits - 0x3f3504f3) >> 23;
        let f = f32::from_bits((bits - (exponent << 23)) as u32) - 1.0;
        let e = exponent as f32;
        let z = f * f;
        let p = horner!(f, P[0], P[1], P[2], P[3], P[4], P[5], P[6], P[7]);
        (f + (((f * z) * p + e * LO) - 0.5 * z)) + e * HI
    }

    #[inline(always)]
    fn sqrt(x: Self) -> Self {
        x.sqrt()
    }

    #[inline(always)]
    fn cos_sin(word: u32) -> (Self, Self) {
        // The nearest quarter turn, and the rest in [-1/8, 1/8) turns, exact up to the conversion.
        let quarter = word.wrapping_add(1 << 29) >> 30;
        let t = word.wrapping_sub(quarter << 30) as i32 as f32 * f32::from_bits((127 - 32) << 23);
        let z = t * t;
        let sin = t * (S0 + horner!(z, S0LO, S[0], S[1], S[2]));
        let cos = horner!(z, 1.0, C[0], C[1], C[2], C[3]);
        let (c, s) = if quarter & 1 == 0 { (cos, sin) } else { (sin, cos) };
        let flip = |x: f32, negative: u32| f32::from_bits(x.to_bits() ^ (negative & 1) << 31);
        (flip(c, (quarter + 1) >> 1), flip(s, quarter >> 1))
    }

    #[inline(always)]
    fn quantiles_within_2(_: Width, words: &[u32; GROUP], out: &mut [Self; GROUP], finish: impl Fn(Self) -> Self) {
        for (out, &word) in out.iter_mut().zip(words) {
            let x = Self::cell_middle(word);
            let v = 1.0 - x * x;
            let p = horner!(v, P2[0], P2[1], P2[2], P2[3], P2[4]);
            let q = horner!(v, Q2[0], Q2[1], Q2[2], Q2[3], Q2[4]);
            *out = finish(f32::from_bits((x * (p / q)).to_bits() ^ word << 31));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_words() {
        assert_eq!((f32::unit(0), f32::unit(u32::MAX)), (0.0, 1.0 - 2f32.powi(-24)));
        assert_eq!((f32::cell_middle(0), f32::cell_middle(u32::MAX)), (2f32.powi(-32), 1.0));
        for quarter in 0..4u32 {
            let expected = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)][quarter as usize];
            assert_eq!(f32::cos_sin(quarter << 30), expected);
        }
    }

    #[test]
    fn quantiles_stay_inside() {
        for word in [0, 1, 2, 3, u32::MAX, u32::MAX - 1, 1 << 31] {
            let mut z = [0.0; GROUP];
            f32::quantiles_within_2(Width::Baseline, &[word; GROUP], &mut z, |z| z);
            let z = z[GROUP - 1];
            assert!(z.abs() < 2.0 && (z > 0.0) == (word & 1 == 0), "{word:#x}: {z}");
        }
    }
}
