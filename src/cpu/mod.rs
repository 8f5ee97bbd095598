//! The processor: vectors, threads and the floating-point mode. Knows nothing of random numbers.

pub(crate) mod dispatch;
pub(crate) mod execution;
pub(crate) mod float_mode;
pub(crate) mod fused;
pub(crate) mod fused_check;
pub(crate) mod queue;
pub(crate) mod threads;
pub(crate) mod tuning;
pub(crate) mod vectors;
