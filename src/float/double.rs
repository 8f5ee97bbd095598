//! The functions of f64 by `+ − × ÷` and the square root in a fixed order (`docs/stream.md`, sections 4 to 6).
//!
//! Logarithm, sine and cosine have the forms and coefficients of fdlibm (Sun Microsystems, 1993: `e_log.c`, `k_sin.c`, and `k_cos.c` in the
//! branch-free form of FreeBSD's msun), never fused, so that every processor gives the same bits.

use crate::cpu::dispatch::Width;
use crate::float::coefficients::{COS, INSIDE, L, LN2HI, LN2LO, SIN, U};
use crate::float::element::{Compute, ComputeInternal, Element, ElementInternal};
use crate::float::polynomial::horner;
use crate::float::quantile::upper_quantiles;
use crate::float::tensor::{AnyTensorMut, TensorMut};
use crate::stream::words::GROUP;

/// 2π, rounded to f64.
pub(crate) const TAU: f64 = std::f64::consts::TAU;

/// Cosine and sine of x, |x| ≤ π/4.
#[inline(always)]
pub(crate) fn cos_sin(x: f64) -> (f64, f64) {
    let z = x * x;
    let sin = x + (z * x) * (SIN[0] + z * horner!(z, SIN[1], SIN[2], SIN[3], SIN[4], SIN[5]));
    let half = 0.5 * z;
    let w = 1.0 - half;
    let cos = w + (((1.0 - w) - half) + z * (z * horner!(z, COS[0], COS[1], COS[2], COS[3], COS[4], COS[5])));
    (cos, sin)
}

/// Cosine and sine in the quadrant `quarter` (modulo 4) from those of the remaining angle.
#[inline(always)]
pub(crate) fn in_quadrant(quarter: u64, (cos, sin): (f64, f64)) -> (f64, f64) {
    let (c, s) = if quarter & 1 == 0 { (cos, sin) } else { (sin, cos) };
    let flip = |x: f64, negative: u64| f64::from_bits(x.to_bits() ^ (negative & 1) << 63);
    (flip(c, (quarter + 1) >> 1), flip(s, quarter >> 1))
}

impl Element for f64 {
    type Compute = Self;
    const NAME: &'static str = "float64";

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

impl ElementInternal for f64 {
    fn erase(tensor: TensorMut<'_, Self>) -> AnyTensorMut<'_> {
        AnyTensorMut::F64(tensor)
    }

    fn as_compute(slice: &mut [Self]) -> Option<&mut [Self]> {
        Some(slice)
    }
}

impl Compute for f64 {
    fn from_f64(value: f64) -> Self {
        value
    }

    fn to_f64(self) -> f64 {
        self
    }
}

impl ComputeInternal for f64 {
    type Word = u64;
    const NORMAL_REACH: f64 = 8.66;

    fn parameter(value: f64) -> Self {
        Self::from_f64(value) + 0.0
    }

    #[inline(always)]
    fn unit(word: u64) -> Self {
        (word >> 11) as i64 as f64 * f64::from_bits((1023 - 53) << 52)
    }

    #[inline(always)]
    fn cell_middle(word: u64) -> Self {
        (word >> 11) as i64 as f64 * f64::from_bits((1023 - 53) << 52) + f64::from_bits((1023 - 54) << 52)
    }

    #[inline(always)]
    fn open_unit(word: u64) -> f64 {
        ((word >> 12) as i64 as f64 * 2.0 + 1.0) * f64::from_bits((1023 - 53) << 52)
    }

    /// For any positive normal x.
    #[inline(always)]
    fn ln(x: Self) -> Self {
        // x = 2^k·m with m in [√½, √2): 3fe6a09e667f3bcd is √½.
        let bits = x.to_bits() as i64;
        let exponent = (bits - 0x3fe6a09e667f3bcd) >> 52;
        let f = f64::from_bits((bits - (exponent << 52)) as u64) - 1.0;
        let k = exponent as i32 as f64;
        let s = f / (2.0 + f);
        let z = s * s;
        let r = z * horner!(z, L[0], L[1], L[2], L[3], L[4], L[5], L[6]);
        let half_square = 0.5 * f * f;
        k * LN2HI - ((half_square - (s * (half_square + r) + k * LN2LO)) - f)
    }

    #[inline(always)]
    fn sqrt(x: Self) -> Self {
        x.sqrt()
    }

    #[inline(always)]
    fn cos_sin(word: u64) -> (Self, Self) {
        let quarter = word.wrapping_add(1 << 61) >> 62;
        let rest = word.wrapping_sub(quarter << 62) as i64;
        in_quadrant(quarter, cos_sin(rest as f64 * U))
    }

    #[inline(always)]
    fn quantiles_within_2(width: Width, words: &[u64; GROUP], out: &mut [Self; GROUP], finish: impl Fn(Self) -> Self) {
        // x in (0, 1] is this part of the way from the median to the bound.
        let (mut p, mut q, mut z) = ([0.0; GROUP], [0.0; GROUP], [0.0; GROUP]);
        for ((p, q), &word) in p.iter_mut().zip(&mut q).zip(words) {
            *q = Self::cell_middle(word) * INSIDE;
            *p = 0.5 - *q;
        }
        upper_quantiles(width, &p, &q, &mut z);
        for ((out, z), &word) in out.iter_mut().zip(z).zip(words) {
            let below_2 = if z < 2.0 { z } else { 2.0f64.next_down() };
            *out = finish(f64::from_bits(below_2.to_bits() ^ word << 63));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_to_the_platform() {
        for i in 1..100_000u64 {
            let x = i as f64 * 1e-5;
            assert!((ComputeInternal::ln(x) - x.ln()).abs() <= 1e-15 * x.ln().abs().max(1e-16), "ln {x}");
            let w = i.wrapping_mul(0x9e3779b97f4a7c15);
            let angle = w as f64 * 2f64.powi(-64) * TAU;
            let (cos, sin) = f64::cos_sin(w);
            assert!((cos - angle.cos()).abs() < 2e-15 && (sin - angle.sin()).abs() < 2e-15, "angle {angle}");
        }
    }

    #[test]
    fn extreme_words() {
        assert_eq!((f64::unit(0), f64::unit(u64::MAX)), (0.0, 1.0 - 2f64.powi(-53)));
        assert_eq!((f64::cell_middle(0), f64::cell_middle(u64::MAX)), (2f64.powi(-54), 1.0));
    }

    #[test]
    fn quantiles_stay_inside() {
        for word in [0, 1, u64::MAX, u64::MAX - 1, 1 << 63] {
            let mut z = [0.0; GROUP];
            f64::quantiles_within_2(Width::Baseline, &[word; GROUP], &mut z, |z| z);
            let z = z[GROUP - 1];
            assert!(z.abs() < 2.0 && (z > 0.0) == (word & 1 == 0), "{word:#x}: {z}");
        }
    }
}
