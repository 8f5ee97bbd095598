//! What can be wrong with a request.

use std::fmt;

/// Why a sampler, a block or a fill was refused. Nothing was written.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A parameter breaks its condition.
    Parameter {
        /// The parameter.
        name: &'static str,
        /// What it has to be.
        condition: &'static str,
        /// What was received.
        value: f64,
    },
    /// The values that these parameters can give do not all fit the element type.
    Reach {
        /// The parameters, in words.
        names: &'static str,
        /// The largest magnitude asked for.
        reach: f64,
        /// The element type.
        dtype: &'static str,
    },
    /// A block that is not inside its tensor, or a tensor of 2^63 elements or more.
    Block(String),
    /// `INITIALIZERS_NUM_THREADS` or a thread count is not an integer in [1, 1024].
    Threads(String),
    /// There is no memory for a new tensor, or for what the computation needs beside the output.
    Memory,
    /// This platform does not compute as the IEEE standard says: matrices would have other bits than elsewhere.
    Platform(String),
    /// The caller's interrupt check asked to stop; what was written until then stays written.
    Interrupted,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter { name, condition, value } => write!(f, "`{name}` must be {condition}, received: {value}"),
            Self::Reach { names, reach, dtype } => {
                write!(f, "{names} must give values that are finite in {dtype}, received values up to {reach:e}")
            }
            Self::Block(text) | Self::Threads(text) | Self::Platform(text) => f.write_str(text),
            Self::Memory => f.write_str("not enough memory"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for Error {}

/// `value` when it is finite, else the error that names it.
pub(crate) fn finite(name: &'static str, value: f64) -> Result<f64, Error> {
    if value.is_finite() { Ok(value) } else { Err(Error::Parameter { name, condition: "a finite number", value }) }
}
