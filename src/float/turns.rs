//! Cosine and sine of large angles (`docs/stream.md`, section 14).

use crate::float::coefficients::{HALF_PI, TWO_OVER_PI};
use crate::float::double::{cos_sin, in_quadrant};

/// Cosine and sine of x, 0 ≤ x ≤ 2^27.
#[inline(always)]
pub(crate) fn cos_sin_of_angle(x: f64) -> (f64, f64) {
    let quarters = (x * TWO_OVER_PI).round_ties_even();
    let rest = ((x - quarters * HALF_PI[0]) - quarters * HALF_PI[1]) - quarters * HALF_PI[2];
    in_quadrant(quarters as u64, cos_sin(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_to_the_platform() {
        for i in 0..200_000u32 {
            for x in [f64::from(i), f64::from(i) * 671.0887, f64::from(i) * 1e-4] {
                let (cos, sin) = cos_sin_of_angle(x);
                assert!((cos - x.cos()).abs() < 4e-16 && (sin - x.sin()).abs() < 4e-16, "{x}");
            }
        }
        assert_eq!(cos_sin_of_angle(0.0), (1.0, 0.0));
    }
}
