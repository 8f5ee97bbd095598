//! One file a distribution: its formula.

pub(crate) mod constant;
pub(crate) mod normal;
pub(crate) mod truncated_normal;
pub(crate) mod uniform;
