//! The 8-bit element types. They have no arithmetic; `element.rs` has their roundings.

use bytemuck::{Pod, Zeroable};

/// 8-bit float with 4 exponent and 3 mantissa bits, without infinities; the largest value is 448 (OCP 8-bit floating point,
/// 2023). `float8_e4m3fn` in NumPy's `ml_dtypes`, PyTorch and JAX. It has no arithmetic. Equality compares bits.
///
/// ```
/// use initializers::{Element, F8E4M3FN};
///
/// let one = F8E4M3FN::round(1.03);
/// assert_eq!((one.to_bits(), one.to_f32(), one.to_string()), (0x38, 1.0, "1".to_string()));
/// assert_eq!(F8E4M3FN::from_bits(0x7e).to_f32(), 448.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct F8E4M3FN(u8);

/// 8-bit float with 5 exponent and 2 mantissa bits; the largest finite value is 57344. `float8_e5m2` in `ml_dtypes`, PyTorch
/// and JAX. It has no arithmetic. Equality compares bits.
///
/// ```
/// use initializers::{Element, F8E5M2};
///
/// let one = F8E5M2::round(1.03);
/// assert_eq!((one.to_bits(), one.to_f32(), one.to_string()), (0x3c, 1.0, "1".to_string()));
/// assert_eq!(F8E5M2::from_bits(0x7b).to_f32(), 57344.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct F8E5M2(u8);

macro_rules! bits {
    ($($float:ident)*) => {$(
        impl $float {
            /// Returns the float with this bit pattern.
            ///
            /// ```
            /// use initializers::F8E5M2;
            /// assert_eq!(F8E5M2::from_bits(0x3c).to_f32(), 1.0);
            /// ```
            #[must_use]
            pub const fn from_bits(bits: u8) -> Self {
                Self(bits)
            }

            /// Returns the bit pattern.
            ///
            /// ```
            /// use initializers::F8E5M2;
            /// assert_eq!(F8E5M2::from_bits(0x3c).to_bits(), 0x3c);
            /// ```
            #[must_use]
            pub const fn to_bits(self) -> u8 {
                self.0
            }
        }
    )*};
}
bits!(F8E4M3FN F8E5M2);
