//! From words to a filled tensor.

pub(crate) mod block;
pub(crate) mod groups;
pub(crate) mod view;
