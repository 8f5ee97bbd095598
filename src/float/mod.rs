//! Floating-point types and the functions that samplers compute with.

pub(crate) mod coefficients;
pub(crate) mod double;
pub(crate) mod element;
pub(crate) mod exponential;
pub(crate) mod float8;
pub(crate) mod lanes;
pub(crate) mod polynomial;
pub(crate) mod quantile;
pub(crate) mod rounding;
pub(crate) mod single;
pub(crate) mod tensor;
pub(crate) mod turns;
