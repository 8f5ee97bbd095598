//! Seeds: they select the keystream of a draw.

use crate::stream::blake2b::Blake2b;
use crate::stream::chacha::ChaCha8;

/// Last 16 bytes of every key, so that other uses of ChaCha8 with small integer seeds have other keystreams.
pub(crate) const KEY_SUFFIX: &[u8; 16] = b"initializers v01";

/// An integer seed and a stream id. Draws with different seeds or stream ids are independent.
///
/// Every `i128` is a seed. The default stream id is 0. Draw k of a [`SeedGenerator`](crate::SeedGenerator) has stream id k,
/// so that the draws of one generator never overlap those of another.
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
    /// Returns the integer.
    ///
    /// ```
    /// assert_eq!(initializers::Seed::from(-7).value(), -7);
    /// ```
    #[must_use]
    pub fn value(self) -> i128 {
        self.value
    }

    /// Returns the stream id.
    ///
    /// ```
    /// assert_eq!(initializers::Seed::from(7).with_stream(3).stream(), 3);
    /// ```
    #[must_use]
    pub fn stream(self) -> u64 {
        self.stream
    }

    /// Returns the same seed with another stream id.
    ///
    /// ```
    /// use initializers::Seed;
    /// assert_ne!(Seed::from(7).with_stream(1), Seed::from(7).with_stream(2));
    /// ```
    #[must_use]
    pub fn with_stream(self, stream: u64) -> Self {
        Self { stream, ..self }
    }

    /// Returns the seed of a name under this seed, such as that of one weight of a model.
    ///
    /// It is the seed of `initializers.fold_in` in Python: BLAKE2b of the name, keyed by the seed (`docs/stream.md`,
    /// section 2). The stream id is kept. Two of N names share a seed with a probability of about N²/2^65.
    ///
    /// ```
    /// use initializers::Seed;
    /// assert_eq!(Seed::from(2019).fold_in("encoder.0.weight").value(), 0x7d3494db6e520518);
    /// ```
    #[must_use]
    pub fn fold_in<'a>(self, name: impl Into<PathPart<'a>>) -> Self {
        self.fold_in_path([name.into()])
    }

    /// Returns the seed of a path of names and numbers under this seed. Other parts, another order or another split of a
    /// name give unrelated seeds; `"1"` is not `1`. An empty path does not compile.
    ///
    /// ```
    /// use initializers::Seed;
    /// let path = ["encoder".into(), 0.into(), "kernel".into()];
    /// assert_eq!(Seed::from(42).fold_in_path(path).value(), 5956133714258006256);
    /// ```
    /// ```compile_fail
    /// let _ = initializers::Seed::from(42).fold_in_path([]);
    /// ```
    #[must_use]
    pub fn fold_in_path<const N: usize>(self, path: [PathPart<'_>; N]) -> Self {
        const { assert!(N > 0, "a path must have at least one part") };
        let mut digest = Blake2b::new(&self.value.to_le_bytes(), KEY_SUFFIX);
        for part in path {
            match part {
                PathPart::Text(text) => {
                    digest.update(b"s");
                    digest.update(&(text.len() as u64).to_le_bytes());
                    digest.update(text.as_bytes());
                }
                PathPart::Integer(number) => {
                    digest.update(b"i");
                    digest.update(&number.to_le_bytes());
                }
            }
        }
        Self { value: digest.finish().into(), ..self }
    }

    /// Returns the seed of a path, whose parts are encoded as in [`fold_in_path`](Self::fold_in_path).
    #[cfg(feature = "python")]
    pub(crate) fn fold_in_bytes(self, path: &[u8]) -> u64 {
        let mut digest = Blake2b::new(&self.value.to_le_bytes(), KEY_SUFFIX);
        digest.update(path);
        digest.finish()
    }

    /// Returns the keystream blocks of this seed.
    pub(crate) fn blocks(self) -> ChaCha8 {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&self.value.to_le_bytes());
        key[16..].copy_from_slice(KEY_SUFFIX);
        ChaCha8::new(key, self.stream)
    }
}

/// A part of a path of [`Seed::fold_in_path`].
///
/// ```
/// use initializers::PathPart;
/// assert_eq!(PathPart::from("kernel"), PathPart::Text("kernel"));
/// assert_ne!(PathPart::from("1"), PathPart::from(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PathPart<'a> {
    /// A name.
    Text(&'a str),
    /// A number.
    Integer(i128),
}

impl<'a> From<&'a str> for PathPart<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for PathPart<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

macro_rules! from_integer {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Seed {
            fn from(value: $integer) -> Self {
                Self { value: value as i128, stream: 0 }
            }
        }

        impl From<$integer> for PathPart<'_> {
            fn from(value: $integer) -> Self {
                Self::Integer(value as i128)
            }
        }
    )*};
}
from_integer!(i32 u32 i64 u64 i128 usize);

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of `docs/stream.md`, section 2.
    #[test]
    fn seeds_by_name_are_those_of_the_stream() {
        assert_eq!(Seed::from(2019).fold_in("encoder.0.weight").value(), 0x7d3494db6e520518);
        let path = ["größe".into(), 3.into(), (-1).into()];
        assert_eq!(Seed::from(i128::MIN).fold_in_path(path).value(), 0x0883ad9f9a69ffde);
        let seed = Seed::from(5).with_stream(9);
        assert_eq!((seed.fold_in("a").stream(), seed.fold_in("a").value()), (9, Seed::from(5).fold_in("a").value()));
    }
}
