//! ln, sine and cosine in f64 by `+ − × ÷` in a fixed order (`docs/stream.md`, section 6).
//!
//! The forms and coefficients of fdlibm (Sun Microsystems, 1993: `e_log.c`, `k_sin.c`, and `k_cos.c` in the
//! branch-free form of FreeBSD's msun), never fused, so that every processor gives the same bits.

use crate::cpu::float_mode::in_standard_mode;
use crate::error::Error;
use crate::fill::groups::zeros;
use crate::float::coefficients::{COS, L, LN2HI, LN2LO, SIN, U};

/// The value of the polynomial with these coefficients, lowest order first, by Horner's rule.
macro_rules! horner {
    ($x:expr, $last:expr) => { $last };
    ($x:expr, $first:expr, $($rest:expr),+) => { $first + $x * $crate::float::double::horner!($x, $($rest),+) };
}
pub(crate) use horner;

/// 2π, rounded to f64.
const TAU: f64 = std::f64::consts::TAU;

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
fn cos_sin(x: f64) -> (f64, f64) {
    let z = x * x;
    let sin = x + (z * x) * (SIN[0] + z * horner!(z, SIN[1], SIN[2], SIN[3], SIN[4], SIN[5]));
    let half = 0.5 * z;
    let w = 1.0 - half;
    let cos = w + (((1.0 - w) - half) + z * (z * horner!(z, COS[0], COS[1], COS[2], COS[3], COS[4], COS[5])));
    (cos, sin)
}

/// Cosine and sine in the quadrant `quarter` (modulo 4) from those of the remaining angle.
#[inline(always)]
fn in_quadrant(quarter: u64, (cos, sin): (f64, f64)) -> (f64, f64) {
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

/// Cosines and sines of 2π·r/n for r = 0, 1, … n − 1, without −0.
///
/// The angle is reduced exactly, in integers: 4r = q·n + rest, |rest| ≤ n/2 (q even at ±n/2), is the
/// quadrant q and the angle (rest·(π/2))/n.
///
/// # Errors
/// [`Error::Parameter`] when n is above 2^53, [`Error::Memory`] when there is no memory for 2·n numbers.
pub fn unit_roots(n: u64) -> Result<(Vec<f64>, Vec<f64>), Error> {
    if n > 1 << 53 {
        return Err(Error::Parameter { name: "n", condition: "an integer <= 2^53", value: n as f64 });
    }
    let (mut cosines, mut sines): (Vec<f64>, Vec<f64>) = (zeros(n)?, zeros(n)?);
    let root = |r: u64| {
        let (r, n) = (r as i128, n as i128);
        let nearest = (8 * r + n) / (2 * n);
        let tie = (8 * r + n) % (2 * n) == 0;
        let quarter = if tie { nearest & !1 } else { nearest };
        let rest = 4 * r - quarter * n;
        let (cos, sin) = in_quadrant(quarter as u64, cos_sin(rest as f64 * (TAU / 4.0) / n as f64));
        (cos + 0.0, sin + 0.0)
    };
    in_standard_mode(|| {
        for ((r, cos), sin) in (0..n).zip(&mut cosines).zip(&mut sines) {
            (*cos, *sin) = root(r);
        }
    });
    Ok((cosines, sines))
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

    #[test]
    fn too_many_roots_are_an_error() {
        assert_eq!(unit_roots(1 << 50), Err(Error::Memory));
        for n in [(1 << 53) + 1, 1 << 60, u64::MAX] {
            assert!(unit_roots(n).unwrap_err().to_string().starts_with("`n` must be an integer <= 2^53"));
        }
        assert_eq!(unit_roots(0), Ok((vec![], vec![])));
    }

    #[test]
    fn roots_of_unity_are_exact_where_they_can_be() {
        for n in [1, 2, 3, 4, 5, 8, 12, 1000] {
            let (cos, sin) = unit_roots(n).unwrap();
            assert_eq!((cos[0], sin[0]), (1.0, 0.0));
            assert!(cos.iter().chain(&sin).all(|x| x.to_bits() != 1 << 63));
            if n % 4 == 0 {
                let q = (n / 4) as usize;
                assert_eq!(
                    (cos[q], sin[q], cos[2 * q], sin[2 * q], cos[3 * q], sin[3 * q]),
                    (0.0, 1.0, -1.0, 0.0, 0.0, -1.0)
                );
            }
            for r in 1..n as usize {
                assert!((cos[r] * cos[r] + sin[r] * sin[r] - 1.0).abs() < 4e-16);
                assert_eq!(cos[r].to_bits(), cos[n as usize - r].to_bits(), "{r}/{n}");
            }
        }
    }
}
