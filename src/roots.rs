//! Roots of unity.

use crate::cpu::float_mode::in_standard_mode;
use crate::error::Error;
use crate::float::double::{TAU, cos_sin, in_quadrant};
use crate::memory::zeros;

/// Returns the cosines and the sines of 2π·r/n for r = 0, 1, … n − 1, without −0.
///
/// The angle is reduced exactly, in integers: 4r = q·n + rest with |rest| ≤ n/2 (q even at ±n/2) gives the quadrant q and
/// the angle (rest·(π/2))/n.
///
/// ```
/// let (cosines, sines) = initializers::unit_roots(4)?;
/// assert_eq!((cosines, sines), (vec![1.0, 0.0, -1.0, 0.0], vec![0.0, 1.0, 0.0, -1.0]));
/// # Ok::<(), initializers::Error>(())
/// ```
///
/// # Errors
/// [`Error::Parameter`] if n is above 2^53, [`Error::Memory`] if 2·n numbers cannot be allocated.
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
