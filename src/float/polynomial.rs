//! Polynomials in a fixed order of operations.

/// The value of the polynomial with these coefficients, lowest order first, by Horner's rule.
macro_rules! horner {
    ($x:expr, $last:expr) => { $last };
    ($x:expr, $first:expr, $($rest:expr),+) => { $first + $x * $crate::float::polynomial::horner!($x, $($rest),+) };
}
pub(crate) use horner;
