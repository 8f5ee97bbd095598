//! ln, sine and cosine in f64 by `+ − × ÷` in a fixed order (`docs/stream.md`, section 6).
//!
//! The forms and coefficients of fdlibm (Sun Microsystems, 1993: `e_log.c`, `k_sin.c`, and `k_cos.c` in the
//! branch-free form of FreeBSD's msun), never fused, so that every processor gives the same bits.

use crate::float::coefficients::{COS, L, LN2HI, LN2LO, SIN, U};

/// The value of the polynomial with these coefficients, lowest order first, by Horner's rule.
macro_rules! horner {
    ($x:expr, $last:expr) => { $last };
    ($x:expr, $first:expr, $($rest:expr),+) => { $first + $x * $crate::float::double::horner!($x, $($rest),+) };
}
pub(crate) use horner;

/// 2π, rounded to f64.
pub(crate) const TAU: f64 = std::f64::consts::TAU;

/// ln x for a positive normal x.
#[inline(always)]
pub(crate) fn ln(x: f64) -> f64 {
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

/// Cosine and sine of the angle 2π·w·2⁻⁶⁴.
#[inline(always)]
pub(crate) fn cos_sin_of_word(w: u64) -> (f64, f64) {
    let quarter = w.wrapping_add(1 << 61) >> 62;
    let rest = w.wrapping_sub(quarter << 62) as i64;
    in_quadrant(quarter, cos_sin(rest as f64 * U))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_to_the_platform() {
        for i in 1..100_000u64 {
            let x = i as f64 * 1e-5;
            assert!((ln(x) - x.ln()).abs() <= 1e-15 * x.ln().abs().max(1e-16), "ln {x}");
            let w = i.wrapping_mul(0x9e3779b97f4a7c15);
            let angle = w as f64 * 2f64.powi(-64) * TAU;
            let (cos, sin) = cos_sin_of_word(w);
            assert!((cos - angle.cos()).abs() < 2e-15 && (sin - angle.sin()).abs() < 2e-15, "angle {angle}");
        }
    }
}
