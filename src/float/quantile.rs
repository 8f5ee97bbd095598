//! The upper tail of the standard normal distribution and its inverse, in f64 (`docs/stream.md`, section 6).

use crate::cpu::dispatch::{Width, WithVectors};
use crate::cpu::vectors::Vectors;
use crate::float::coefficients::{A, B, CC, D, E, F, SPLIT};
use crate::float::element::ComputeInternal;
use crate::float::polynomial::horner;
use crate::stream::words::GROUP;

/// A rational function of degree 7 over 7, lowest order first.
struct Rational {
    numerator: [f64; 8],
    denominator: [f64; 8],
}

/// AS241's rational function for z/q in 0.180625 − q², where q = ½ − p is at most 0.425.
const CENTRAL: Rational = Rational { numerator: A, denominator: B };

/// AS241's rational function for z in r − 1.6, where r = √(−ln p) is at most 5.
const NEAR: Rational = Rational { numerator: CC, denominator: D };

/// AS241's rational function for z in r − 5, where r is above 5.
const FAR: Rational = Rational { numerator: E, denominator: F };

/// Returns z of one element from q = ½ − p and √(−ln p), which is above 5 for p below e^-25, one of 7·10^10.
///
/// Every lane of a vector selects its own argument and coefficients, so that there is one function and no branch.
#[inline(always)]
fn rational<const BEYOND_5: bool>(q: f64, root: f64) -> f64 {
    let choose = |central: f64, near: f64, far: f64| {
        let tail = if BEYOND_5 && root > 5.0 { far } else { near };
        if q <= SPLIT { central } else { tail }
    };
    let r = choose(0.180625 - q * q, root - 1.6, root - 5.0);
    macro_rules! polynomial {
        ($part:ident, $($i:literal)+) => {
            horner!(r, $(choose(CENTRAL.$part[$i], NEAR.$part[$i], FAR.$part[$i])),+)
        };
    }
    choose(q, 1.0, 1.0) * polynomial!(numerator, 0 1 2 3 4 5 6 7) / polynomial!(denominator, 0 1 2 3 4 5 6 7)
}

/// For a group of elements, writes the z that a standard normal exceeds with probability p, 0 < p ≤ ½; q = ½ − p.
///
/// M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", 1988, PPND16.
pub(crate) fn upper_quantiles(width: Width, p: &[f64; GROUP], q: &[f64; GROUP], z: &mut [f64; GROUP]) {
    width.run_with_vectors(UpperQuantiles { p, q, z });
}

/// [`upper_quantiles`] as a function of its own for each width: it is large, and several kernels call it.
struct UpperQuantiles<'a> {
    p: &'a [f64; GROUP],
    q: &'a [f64; GROUP],
    z: &'a mut [f64; GROUP],
}

impl WithVectors for UpperQuantiles<'_> {
    type Output = ();

    /// There are two loops because the processor overlaps several iterations of a short one.
    #[inline(always)]
    fn call<V: Vectors>(self, _: V) {
        let Self { p, q, z } = self;
        let (mut roots, mut beyond_5) = ([0.0; GROUP], false);
        for (root, &p) in roots.iter_mut().zip(p) {
            *root = (-<f64 as ComputeInternal>::ln(p)).sqrt();
            beyond_5 |= *root > 5.0;
        }
        let elements = z.iter_mut().zip(q.iter().zip(&roots));
        if beyond_5 {
            elements.for_each(|(z, (&q, &root))| *z = rational::<true>(q, root));
        } else {
            elements.for_each(|(z, (&q, &root))| *z = rational::<false>(q, root));
        }
    }
}

/// [`upper_quantiles`] of one element.
fn upper_quantile(p: f64) -> f64 {
    rational::<true>(0.5 - p, (-<f64 as ComputeInternal>::ln(p)).sqrt())
}

/// Returns the probability that a standard normal exceeds t ≥ 0: the inverse of [`upper_quantile`], by bisecting the bits of p.
///
/// The quantile is not monotone to the last bit, so this loop is the definition.
pub(crate) fn upper_tail(t: f64) -> f64 {
    if t == 0.0 {
        return 0.5;
    }
    let (mut low, mut high) = (0, 0.5f64.to_bits());
    while high - low > 1 && t < f64::INFINITY {
        let middle = low + (high - low) / 2;
        if upper_quantile(f64::from_bits(middle)) >= t {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::from_bits(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_quantiles() {
        // The check values of AS241's own paper, and tables of the normal distribution.
        for (p, z) in [(0.25, 0.6744897501960817), (0.001, 3.090232306167814), (1e-20, 9.262340089798408)] {
            assert!((upper_quantile(p) - z).abs() <= 2e-15 * z, "{p}");
        }
        assert_eq!(upper_quantile(0.5), 0.0);
    }

    #[test]
    fn upper_tail_inverts() {
        assert_eq!((upper_tail(0.0), upper_tail(f64::INFINITY), upper_tail(1e6)), (0.5, 0.0, 0.0));
        for t in [1e-9, 0.1, 1.0, 1.2815515655446004, 2.0, 5.0, 8.0, 20.0, 36.9] {
            let p = upper_tail(t);
            assert!((upper_quantile(p) - t).abs() <= 4e-16 * t.max(1.0), "{t}");
        }
        assert!((upper_tail(2.0) - 0.022750131948179212).abs() < 1e-17);
    }
}
