//! Seeds: they select the keystream of a draw.

use crate::stream::chacha::ChaCha8;

/// Last 16 bytes of every key, so that other uses of ChaCha8 with small integer seeds have other keystreams.
pub(crate) const KEY_SUFFIX: &[u8; 16] = b"initializers v01";

/// An integer seed and a stream id. Draws with different seeds or stream ids are independent.
///
/// Every `i128` is a seed. The default stream id is 0. Draw k of a generator has stream id k, so that the draws of one
/// generator never overlap those of another.
///
/// ```
/// use initializers::Seed;
/// assert_eq!(Seed::from(7), Seed::from(7).with_stream(0));
/// assert_ne!(Seed::from(7), Seed::from(7).with_stream(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seed {
    pub(crate) value: i128,
    pub(crate) stream: u64,
}

impl Seed {
    /// Returns the same seed with another stream id.
    #[must_use]
    pub fn with_stream(self, stream: u64) -> Self {
        Self { stream, ..self }
    }

    /// Returns the keystream blocks of this seed.
    pub(crate) fn blocks(self) -> ChaCha8 {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&self.value.to_le_bytes());
        key[16..].copy_from_slice(KEY_SUFFIX);
        ChaCha8::new(key, self.stream)
    }
}

macro_rules! seed_from {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Seed {
            fn from(value: $integer) -> Self {
                Self { value: value as i128, stream: 0 }
            }
        }
    )*};
}
seed_from!(i32 u32 i64 u64 i128);
