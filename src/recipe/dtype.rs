//! Element types by name.

use crate::error::Error;
use crate::float::element::Element;
use crate::float::float8::{F8E4M3FN, F8E5M2};
use half::{bf16, f16};

/// The element type of a weight.
///
/// ```
/// use initializers::Dtype;
/// assert_eq!(Dtype::from_name("bfloat16")?, Dtype::BFloat16);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// `f32`.
    Float32,
    /// `f64`.
    Float64,
    /// `half::f16`.
    Float16,
    /// `half::bf16`.
    BFloat16,
    /// `F8E4M3FN`.
    Float8E4M3FN,
    /// `F8E5M2`.
    Float8E5M2,
}

impl Dtype {
    const ALL: [Self; 6] =
        [Self::Float32, Self::Float64, Self::Float16, Self::BFloat16, Self::Float8E4M3FN, Self::Float8E5M2];

    /// Returns the dtype of that name.
    ///
    /// # Errors
    /// [`Error::Recipe`] if there is none of that name: a recipe in Rust fills floats only.
    ///
    /// ```
    /// assert!(initializers::Dtype::from_name("int64").is_err());
    /// ```
    pub fn from_name(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::Recipe(format!("`dtype` must be one of {names}, received: '{name}'"))
        })
    }

    /// Returns the name, as in NumPy's `ml_dtypes`.
    ///
    /// ```
    /// assert_eq!(initializers::Dtype::Float8E5M2.name(), "float8_e5m2");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => f32::NAME,
            Self::Float64 => f64::NAME,
            Self::Float16 => <f16 as Element>::NAME,
            Self::BFloat16 => <bf16 as Element>::NAME,
            Self::Float8E4M3FN => F8E4M3FN::NAME,
            Self::Float8E5M2 => F8E5M2::NAME,
        }
    }

    /// Returns the bytes of an element.
    pub(crate) fn item_size(self) -> u64 {
        match self {
            Self::Float64 => 8,
            Self::Float32 => 4,
            Self::Float16 | Self::BFloat16 => 2,
            Self::Float8E4M3FN | Self::Float8E5M2 => 1,
        }
    }
}
