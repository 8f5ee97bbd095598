//! Element types by name.

use crate::error::Error;
use crate::float::element::Element;
use crate::float::float8::{F8E4M3FN, F8E5M2};
use crate::recipe::data::Data;
use crate::recipe::show::{hint, quote, show};
use half::{bf16, f16};

/// All dtypes of the Python package.
const NUMBERS: [&str; 17] = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "float8_e4m3fn",
    "float8_e5m2",
    "complex64",
    "complex128",
];

/// Other names of them, in Python and NumPy.
const SPELLINGS: [(&str, &str); 20] = [
    ("int", "int32"),
    ("float", "float32"),
    ("complex", "complex64"),
    ("half", "float16"),
    ("single", "float32"),
    ("double", "float64"),
    ("b1", "bool"),
    ("i1", "int8"),
    ("i2", "int16"),
    ("i4", "int32"),
    ("i8", "int64"),
    ("u1", "uint8"),
    ("u2", "uint16"),
    ("u4", "uint32"),
    ("u8", "uint64"),
    ("f2", "float16"),
    ("f4", "float32"),
    ("f8", "float64"),
    ("c8", "complex64"),
    ("c16", "complex128"),
];

/// Names of other libraries, which are too short to resemble them.
const ABBREVIATIONS: [(&str, &str); 10] = [
    ("bf16", "bfloat16"),
    ("e4m3", "float8_e4m3fn"),
    ("e5m2", "float8_e5m2"),
    ("f16", "float16"),
    ("f32", "float32"),
    ("f64", "float64"),
    ("fp16", "float16"),
    ("fp32", "float32"),
    ("fp64", "float64"),
    ("fp8", "float8_e4m3fn"),
];

/// The element type of a weight.
///
/// ```
/// use initializers::Dtype;
/// assert_eq!(Dtype::from_name("bfloat16")?, Dtype::BFloat16);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
    /// `u8`: 0 or 1.
    Bool,
    /// `i8`.
    Int8,
    /// `i16`.
    Int16,
    /// `i32`.
    Int32,
    /// `i64`.
    Int64,
    /// `u8`.
    UInt8,
    /// `u16`.
    UInt16,
    /// `u32`.
    UInt32,
    /// `u64`.
    UInt64,
}

impl Dtype {
    pub(crate) const FLOATS: [Self; 6] =
        [Self::Float32, Self::Float64, Self::Float16, Self::BFloat16, Self::Float8E4M3FN, Self::Float8E5M2];

    const EXACT: [Self; 9] = [
        Self::Bool,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::UInt8,
        Self::UInt16,
        Self::UInt32,
        Self::UInt64,
    ];

    /// Returns the dtype of a name of NumPy's.
    ///
    /// # Errors
    /// [`Error::Recipe`] if there is none of that name.
    ///
    /// ```
    /// let error = initializers::Dtype::from_name("flaot32").unwrap_err();
    /// assert!(error.to_string().contains("(did you mean 'float32'?)"));
    /// ```
    pub fn from_name(name: &str) -> Result<Self, Error> {
        let [native, foreign] = if cfg!(target_endian = "little") { ['<', '>'] } else { ['>', '<'] };
        let find = |text: &str| SPELLINGS.iter().find(|(spelling, _)| *spelling == text).map(|(_, known)| *known);
        let known = find(name.strip_prefix([native, '|']).unwrap_or(name)).unwrap_or(name);
        if let Some(dtype) = Self::FLOATS.into_iter().chain(Self::EXACT).find(|dtype| dtype.name() == known) {
            return Ok(dtype);
        }
        let received = show(quote(name));
        if NUMBERS.contains(&known) {
            let text = format!("`dtype` must not be complex in the Rust crate, received: {received}");
            return Err(Error::Recipe(text));
        }
        if name.strip_prefix(foreign).is_some_and(|rest| find(rest).is_some()) {
            return Err(Error::Recipe(format!("`dtype` must have the machine's byte order, received: {received}")));
        }
        let short = ABBREVIATIONS.iter().find(|(short, _)| *short == name.to_lowercase());
        let near = short.map_or_else(|| hint(name, NUMBERS), |(_, known)| format!(" (did you mean {}?)", quote(known)));
        let listed = NUMBERS.join(", ");
        Err(Error::Recipe(format!("`dtype` must be one of those listed, received: {received}{near}; known: {listed}")))
    }

    /// Reads a dtype of a file.
    pub(crate) fn read(data: Data) -> Result<Self, Error> {
        match data {
            Data::Text(name) => Self::from_name(&name),
            other => {
                let text = format!("`dtype` must be a dtype, a type or a name, received: {}", show(other));
                Err(Error::Recipe(text))
            }
        }
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
            Self::Bool => "bool",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::UInt8 => "uint8",
            Self::UInt16 => "uint16",
            Self::UInt32 => "uint32",
            Self::UInt64 => "uint64",
        }
    }

    /// Returns the bytes of an element.
    ///
    /// ```
    /// assert_eq!(initializers::Dtype::BFloat16.item_size(), 2);
    /// ```
    #[must_use]
    pub fn item_size(self) -> u64 {
        match self {
            Self::Float64 | Self::Int64 | Self::UInt64 => 8,
            Self::Float32 | Self::Int32 | Self::UInt32 => 4,
            Self::Float16 | Self::BFloat16 | Self::Int16 | Self::UInt16 => 2,
            Self::Float8E4M3FN | Self::Float8E5M2 | Self::Bool | Self::Int8 | Self::UInt8 => 1,
        }
    }

    /// Returns whether it is a float.
    pub(crate) fn is_float(self) -> bool {
        Self::FLOATS.contains(&self)
    }
}
