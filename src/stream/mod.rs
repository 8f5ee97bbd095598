//! The keystream of a seed.

pub(crate) mod chacha;
pub(crate) mod seed;
pub(crate) mod words;
