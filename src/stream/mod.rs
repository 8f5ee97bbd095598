//! The keystream of a seed.

pub(crate) mod chacha;
pub(crate) mod words;
