//! Initializers whose parameters, or places other than zero, depend on the shape.

#[cfg(feature = "ndarray")]
pub(crate) mod convolution;
pub(crate) mod places;
pub(crate) mod sparse;
pub(crate) mod variance_scaling;
