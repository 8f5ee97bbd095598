//! Initializers whose parameters, or whose positions of zeros, depend on the shape.

#[cfg(feature = "ndarray")]
pub(crate) mod convolution;
pub(crate) mod places;
pub(crate) mod sparse;
pub(crate) mod variance_scaling;
