//! The keystream of a seed.

pub(crate) mod blake2b;
pub(crate) mod chacha;
pub(crate) mod generator;
pub(crate) mod seed;
pub(crate) mod words;
