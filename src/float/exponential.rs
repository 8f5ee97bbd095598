//! The exponential function of f64 and what follows from it, by `+ − × ÷` in a fixed order (`docs/stream.md`, section 14).

use crate::float::coefficients::{EXP, LN2HI, LN2LO, LOG2E};
use crate::float::element::ComputeInternal;
use crate::float::polynomial::horner;

/// The natural logarithm of a positive normal x.
#[inline(always)]
pub(crate) fn ln(x: f64) -> f64 {
    ComputeInternal::ln(x)
}

/// e^x for |x| ≤ 700, in the form and with the coefficients of fdlibm (`e_exp.c`, Sun Microsystems, 1993).
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    let n = (x * LOG2E).round_ties_even();
    let (high, low) = (x - n * LN2HI, n * LN2LO);
    let r = high - low;
    let t = r * r;
    let c = r - t * horner!(t, EXP[0], EXP[1], EXP[2], EXP[3], EXP[4]);
    let y = 1.0 - ((low - (r * c) / (2.0 - c)) - high);
    y * f64::from_bits(((n as i64 + 1023) as u64) << 52)
}

/// e^x − 1 for |x| ≤ 700, without cancellation (W. Kahan; in N. J. Higham, 2002, Accuracy and Stability of Numerical Algorithms).
#[inline(always)]
pub(crate) fn exp_minus_1(x: f64) -> f64 {
    let u = exp(x);
    let v = u - 1.0;
    if v == 0.0 {
        x
    } else if v == -1.0 {
        -1.0
    } else {
        v * (x / ln(u))
    }
}

/// The number whose softplus, ln(1 + e^y), is the positive normal x.
#[inline(always)]
pub(crate) fn inverse_softplus(x: f64) -> f64 {
    if x > 40.0 { x } else { x + ln(-exp_minus_1(-x)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_to_the_platform() {
        for i in -70_000..=70_000 {
            let x = f64::from(i) * 0.01;
            assert!((exp(x) / x.exp() - 1.0).abs() <= 3e-16, "exp {x}");
            let small = f64::from(i) * 1e-6;
            let expected = small.exp_m1();
            assert!((exp_minus_1(small) - expected).abs() <= 1e-15 * expected.abs(), "expm1 {small}");
        }
        assert_eq!((exp(0.0), exp(-0.0), exp_minus_1(0.0), exp_minus_1(-50.0)), (1.0, 1.0, 0.0, -1.0));
    }

    #[test]
    fn softplus_of_the_inverse_is_the_number() {
        for i in 1..10_000 {
            let x = f64::from(i) * 0.005;
            let y = inverse_softplus(x);
            let softplus = if y > 40.0 { y } else { y.exp().ln_1p() };
            assert!((softplus / x - 1.0).abs() < 4e-15, "{x}");
        }
        assert_eq!(inverse_softplus(1e-300), ln(1e-300));
    }
}
