//! Digests of named weights (`docs/stream.md`, section 11).

use sha2::{Digest as _, Sha256};

/// The SHA-256 of named weights, in the order in which they are added: that of Python's `initializers.digest`.
///
/// It covers names, dtypes, shapes and every bit of the values.
///
/// ```
/// use initializers::Digest;
///
/// let mut digest = Digest::new();
/// let bytes: Vec<u8> = [1.5f32, -0.25, 0.0, 7.0, -1.0, 0.5].iter().flat_map(|x| x.to_le_bytes()).collect();
/// digest.add("dense/kernel", "float32", &[2, 3], [&bytes[..]]);
/// assert!(digest.finish().starts_with("48637f14e13ede67f57badde36461f30"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// Creates the digest of no weights.
    ///
    /// ```
    /// assert!(initializers::Digest::new().finish().starts_with("e3b0c442"));
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a weight: its name, the name of its dtype, its shape, and the bytes of its elements in C order, each least
    /// significant byte first. The bytes may come in any number of parts, of `shape`'s size in total.
    ///
    /// ```
    /// use initializers::Digest;
    ///
    /// let (mut whole, mut parts) = (Digest::new(), Digest::new());
    /// whole.add("bias", "float32", &[1], [&[0, 0, 0, 64]]);
    /// parts.add("bias", "float32", &[1], [&[0, 0], &[0, 64]]);
    /// assert_eq!(whole.finish(), parts.finish());
    /// ```
    pub fn add<B: AsRef<[u8]>>(
        &mut self,
        name: &str,
        dtype: &str,
        shape: &[u64],
        parts: impl IntoIterator<Item = B, IntoIter: Clone>,
    ) {
        let parts = parts.into_iter();
        let bytes = parts.clone().map(|part| part.as_ref().len() as u64).sum();
        self.begin(name, dtype, shape, bytes);
        parts.for_each(|part| self.update(part.as_ref()));
    }

    /// Adds all of a weight but its bytes, of which there will be so many.
    pub(crate) fn begin(&mut self, name: &str, dtype: &str, shape: &[u64], bytes: u64) {
        let shape: Vec<u8> = shape.iter().flat_map(|size| size.to_le_bytes()).collect();
        for part in [name.as_bytes(), dtype.as_bytes(), &shape] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
        self.0.update(bytes.to_le_bytes());
    }

    /// Adds the next bytes of a weight.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the digest: 64 hexadecimal digits.
    ///
    /// ```
    /// assert_eq!(initializers::Digest::new().finish().len(), 64);
    /// ```
    #[must_use]
    pub fn finish(self) -> String {
        let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[digit as usize]));
        self.0.finalize().iter().flat_map(digits).collect()
    }
}
