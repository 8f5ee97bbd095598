//! The errors of this crate.

use std::fmt;

/// Reason why a request was refused. Nothing was written, unless the variant says otherwise.
///
/// ```
/// let error = initializers::Normal::new(0.0, -1.0).unwrap_err();
/// assert_eq!(error.to_string(), "`stddev` must be a finite number >= 0, received: -1");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A parameter does not meet its condition.
    Parameter {
        /// Name of the parameter.
        name: &'static str,
        /// The condition: the parameter must be this.
        condition: &'static str,
        /// The value received.
        value: f64,
    },
    /// Some values of the distribution are too large for the element type.
    Reach {
        /// Names of the parameters.
        names: &'static str,
        /// The largest magnitude that a value can have.
        reach: f64,
        /// Name of the element type.
        dtype: &'static str,
    },
    /// A block is not inside its tensor.
    Block(String),
    /// No tensor can have this shape: it has 2^63 elements or more, `ndarray` does not allow it, or it has fewer than two
    /// dimensions for an orthogonal matrix.
    Shape(String),
    /// Axes that are not different axes of a shape.
    Axes(String),
    /// A recipe is malformed, or does not fit a model.
    Recipe(String),
    /// `INITIALIZERS_NUM_THREADS` or a number of threads is not an integer in [1, 1024].
    Threads(String),
    /// Memory for a new tensor, or for intermediate results, cannot be allocated.
    Memory,
    /// This platform does not round multiply-adds as IEEE 754 requires: matrices would have other bits than elsewhere.
    Platform(String),
    /// The caller's interrupt check asked to stop. Part of the output may have been written.
    Interrupted,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter { name, condition, value } => write!(f, "`{name}` must be {condition}, received: {value}"),
            Self::Reach { names, reach, dtype } => {
                write!(f, "{names} must give values that are finite in {dtype}, received values up to {reach:e}")
            }
            Self::Block(text)
            | Self::Shape(text)
            | Self::Axes(text)
            | Self::Recipe(text)
            | Self::Threads(text)
            | Self::Platform(text) => f.write_str(text),
            Self::Memory => f.write_str("not enough memory"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for Error {}

/// Returns a finite `value`; an error that names it otherwise.
pub(crate) fn finite(name: &'static str, value: f64) -> Result<f64, Error> {
    if value.is_finite() { Ok(value) } else { Err(Error::Parameter { name, condition: "a finite number", value }) }
}
