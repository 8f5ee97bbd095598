//! Matrix products and orthogonal matrices.

pub(crate) mod gemm;
pub(crate) mod orthogonal;
pub(crate) mod orthogonalize;
pub(crate) mod product;
pub(crate) mod reflectors;
