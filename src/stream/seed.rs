//! Seeds: which keystream a draw reads.

use crate::stream::chacha::ChaCha8;

/// The last 16 bytes of every key: no other use of `ChaCha8` with small integer seeds shares our stream.
pub(crate) const KEY_SUFFIX: &[u8; 16] = b"initializers v01";

/// What makes one draw differ from another: an integer seed and a stream id.
///
/// Every `i128` is a seed. The stream id is 0 unless set: draw k of a generator has stream id k, so
/// that no generator overlaps another seed.
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
    /// The same seed with another stream id.
    #[must_use]
    pub fn with_stream(self, stream: u64) -> Self {
        Self { stream, ..self }
    }

    /// The blocks that its words stand in.
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
