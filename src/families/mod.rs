//! Initializers whose parameters, positions of zeros or values depend on the shape.

#[cfg(feature = "ndarray")]
pub(crate) mod convolution;
pub(crate) mod lstm_bias;
pub(crate) mod places;
pub(crate) mod positions;
pub(crate) mod sparse;
pub(crate) mod state_space;
pub(crate) mod table;
pub(crate) mod variance_scaling;
