//! Initializes the weights of neural networks reproducibly.
//!
//! Seeded samplers fill tensors in parallel. The value of an element depends only on the stream version, the
//! distribution, the seed, the element type, the shape and the position. The bits are the same on every processor, with any
//! number of threads, and for whole tensors and blocks of them. `docs/stream.md` in the repository is the complete
//! definition.
//!
//! ```
//! use initializers::{Normal, Sampler, TruncatedNormal};
//! use ndarray::{Array1, Array2};
//!
//! // Fill an existing array.
//! let mut kernel = Array2::<f32>::zeros((784, 256));
//! TruncatedNormal::new(0.0, 0.05)?.fill(42, kernel.view_mut())?;
//!
//! // Allocate a new one. Values of f16, bf16 and float8 are the f32 values, rounded once.
//! let wide: Array1<f32> = Normal::new(0.0, 0.05)?.sample(42, 1000)?;
//! let half: Array1<half::bf16> = Normal::new(0.0, 0.05)?.sample(42, 1000)?;
//! assert_eq!(half, wide.mapv(half::bf16::from_f32));
//! # Ok::<(), initializers::Error>(())
//! ```
//!
//! # Where is what
//!
//! A module imports only from modules above it in this table; `make lint` checks that.
//!
//! | module | content |
//! |---|---|
//! | `error`, `memory` | [`Error`]; allocations whose failure is an error |
//! | `cpu` | the processor: [`Width`] and its vectors, threads, work queues, the floating-point mode, tuning numbers |
//! | `stream` | [`Seed`], [`Stream`], the ChaCha8 keystream |
//! | `float` | [`Element`] types and their roundings; [`Compute`] types and their elementary functions |
//! | `fill` | blocks of tensors, and memory of any layout, from groups of 64 elements |
//! | `samplers` | [`Sampler`]; one distribution a file, with its formula |
//! | `matrix` | matrix products, [`Orthogonal`], [`orthogonalize`] |
//! | `roots` | [`unit_roots`] |
//! | `python` | the extension module `initializers._core` (feature `python`) |

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests compare with the C library"))]

mod cpu;
#[cfg(doctest)]
mod doctests;
mod error;
mod fill;
mod float;
mod matrix;
mod memory;
#[cfg(feature = "python")]
mod python;
mod roots;
mod samplers;
mod stream;
#[cfg(test)]
mod tests;

pub use cpu::dispatch::Width;
pub use cpu::threads::{num_threads, set_num_threads};
pub use error::Error;
pub use float::element::{Compute, Element, F8E4M3FN, F8E5M2};
pub use matrix::orthogonal::Orthogonal;
pub use matrix::orthogonalize::orthogonalize;
pub use roots::unit_roots;
pub use samplers::Sampler;
pub use samplers::constant::fill_constant;
pub use samplers::normal::Normal;
pub use samplers::truncated_normal::TruncatedNormal;
pub use samplers::uniform::Uniform;
pub use stream::seed::Seed;
pub use stream::words::{STREAM_VERSION, Stream};
