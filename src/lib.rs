//! Initializes the weights of neural networks reproducibly.
//!
//! Seeded initializers fill tensors in parallel. The value of an element depends only on the stream version, the
//! initializer, the seed, the element type, the shape and the position. The bits are the same on every processor, with any
//! number of threads, for whole tensors and blocks of them, and in the Python package of the same name. `docs/stream.md` in
//! the repository is the complete definition.
//!
//! ```
//! use initializers::{Fill, Normal, Seed, TensorMut, VarianceScaling};
//!
//! // Fill existing memory. A weight's seed belongs to its name.
//! let mut kernel = vec![0.0f32; 784 * 256];
//! let seed = Seed::from(42).fold_in("encoder.0.weight");
//! VarianceScaling::he_normal().fill(seed, TensorMut::new(&[784, 256], &mut kernel)?)?;
//!
//! // Allocate new memory. Values of f16, bf16 and float8 are the f32 values, rounded once.
//! let wide: Vec<f32> = Normal::new(0.0, 0.05)?.sample_vec(42, &[1000])?;
//! let half: Vec<half::bf16> = Normal::new(0.0, 0.05)?.sample_vec(42, &[1000])?;
//! assert!(half.iter().zip(&wide).all(|(&half, &wide)| half == half::bf16::from_f32(wide)));
//! # Ok::<(), initializers::Error>(())
//! ```
//!
//! # Initializers
//!
//! Everything that implements [`Initializer`] has the fills of [`Fill`], also behind a `Box<dyn Initializer>`.
//!
//! | initializer | values |
//! |---|---|
//! | [`Uniform`] | uniform in [minval, maxval) |
//! | [`Normal`] | normal |
//! | [`TruncatedNormal`] | normal, truncated at ±2 standard deviations or any other bounds |
//! | [`VarianceScaling`] | Glorot, He, LeCun: uniform or normal, of a variance by [`Fans`] |
//! | [`Orthogonal`] | orthogonal matrices of Haar's distribution |
//! | [`DeltaOrthogonal`], [`ConvolutionOrthogonal`] | convolution kernels that preserve norms |
//! | [`Sparse`] | normal, with a share of zeros in every column |
//! | [`Dirac`], [`Identity`] | kernels and matrices that pass their input through |
//! | [`TimeStepBias`], [`LogOfUniform`], [`RingRadius`], [`S4d`], [`Hippo`] | parameters of state space models and linear recurrences |
//! | [`Sinusoidal`], [`Rotary`], [`LstmBias`] | positions of Transformers, biases of LSTMs |
//! | [`Constant`] | one number |
//!
//! [`orthogonalize`] is the orthogonal factor of a given matrix, [`unit_roots`] are roots of unity, [`fill_constant`] fills
//! memory of any type.
//!
//! # Seeds
//!
//! Every integer is a [`Seed`]. One seed gives related values in different tensors, so each weight needs its own:
//! [`Seed::fold_in`] makes it from the weight's name, [`SeedGenerator`] from the number of the draw.
//!
//! # Other distributions
//!
//! The distributions here do not implement `rand::Distribution`: there, a value belongs to a place in a sequence of calls;
//! here, to a place in a tensor. [`Stream`] is the bridge in the other direction: it is a `rand_core` generator, so every
//! distribution of `rand_distr` draws from it.
//!
//! # Features
//!
//! | feature | content |
//! |---|---|
//! | `ndarray` (default) | fills of views in any memory layout, [`Fill::sample`]; [`Orthogonal`] and the kernels made of it |
//! | `recipe` | `Recipe`: the files of the Python package, which give the same bits; digests of weights |
//! | `serde` | values read and written: seeds, initializers, fans, specs; reading checks as constructors do |
//! | `lapack`, `python` | tests against LAPACK; the extension module of the Python package |
//!
//! # Where is what
//!
//! A module imports only from modules above it in this table; `make lint` checks that.
//!
//! | module | content |
//! |---|---|
//! | `error`, `memory` | [`Error`]; allocations whose failure is an error |
//! | `cpu` | the processor: [`Width`] and its vectors, threads, work queues, the floating-point mode, tuning numbers |
//! | `stream` | [`Seed`], [`SeedGenerator`], [`Stream`], the ChaCha8 keystream |
//! | `float` | [`Element`] types and their roundings; [`Compute`] types and their elementary functions; [`TensorMut`] |
//! | `fans` | [`Fans`], [`Convention`] |
//! | `fill` | blocks of tensors, and memory of any layout, from groups of 64 elements |
//! | `initializer` | [`Initializer`] and [`Fill`] |
//! | `samplers` | one distribution a file, with its formula |
//! | `matrix` | matrix products, [`Orthogonal`], [`orthogonalize`] |
//! | `families` | [`VarianceScaling`], [`Sparse`], [`Dirac`], [`Identity`], convolution kernels; tables such as [`Rotary`] |
//! | `roots` | [`unit_roots`] |
//! | `pattern`, `recipe` | regular expressions; recipes (feature `recipe`) |
//! | `serialization` | values read and written with `serde` (feature `serde`) |
//! | `python` | the extension module `initializers._core` (feature `python`) |

#![cfg_attr(not(feature = "ndarray"), allow(dead_code, reason = "the vectors of matrices"))]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests compare with the C library"))]

mod cpu;
#[cfg(all(doctest, feature = "ndarray"))]
mod doctests;
mod error;
mod families;
mod fans;
mod fill;
mod float;
mod initializer;
#[cfg(feature = "ndarray")]
mod matrix;
mod memory;
#[cfg(any(feature = "python", feature = "recipe"))]
mod pattern;
#[cfg(feature = "python")]
mod python;
#[cfg(feature = "recipe")]
mod recipe;
mod roots;
mod samplers;
#[cfg(feature = "serde")]
mod serialization;
mod stream;
#[cfg(all(test, feature = "ndarray"))]
mod tests;

pub use cpu::dispatch::{Width, set_width_limit, width_limit};
pub use cpu::threads::{num_threads, set_num_threads};
pub use error::Error;
#[cfg(feature = "ndarray")]
pub use families::convolution::{ConvolutionOrthogonal, DeltaOrthogonal};
pub use families::lstm_bias::LstmBias;
pub use families::places::{Dirac, Identity};
pub use families::positions::{Rotary, RotaryPart, Sinusoidal};
pub use families::sparse::Sparse;
pub use families::state_space::{Hippo, HippoPart, S4d, S4dPart};
pub use families::variance_scaling::{Mode, ScaledDistribution, VarianceScaling};
pub use fans::{Convention, Fans};
pub use float::element::{Compute, Element};
pub use float::float8::{F8E4M3FN, F8E5M2};
pub use float::tensor::TensorMut;
pub use initializer::{Fill, Initializer};
#[cfg(feature = "ndarray")]
pub use matrix::orthogonal::Orthogonal;
#[cfg(feature = "ndarray")]
pub use matrix::orthogonalize::orthogonalize;
#[cfg(feature = "recipe")]
pub use recipe::Recipe;
#[cfg(feature = "recipe")]
pub use recipe::digest::Digest;
#[cfg(feature = "recipe")]
pub use recipe::dtype::Dtype;
#[cfg(feature = "recipe")]
pub use recipe::element::WeightElement;
#[cfg(feature = "recipe")]
pub use recipe::plan::Plan;
#[cfg(feature = "recipe")]
pub use recipe::rule::Rule;
#[cfg(feature = "recipe")]
pub use recipe::spec::Spec;
#[cfg(feature = "recipe")]
pub use recipe::weight::Weight;
pub use roots::unit_roots;
pub use samplers::constant::{Constant, fill_constant};
pub use samplers::log_of_uniform::LogOfUniform;
pub use samplers::normal::Normal;
pub use samplers::ring_radius::RingRadius;
pub use samplers::time_step_bias::TimeStepBias;
pub use samplers::truncated_normal::TruncatedNormal;
pub use samplers::uniform::Uniform;
pub use stream::generator::SeedGenerator;
pub use stream::seed::{PathPart, Seed};
pub use stream::words::{STREAM_VERSION, Stream};

// The crates whose types are in this crate's API.
pub use half;
#[cfg(feature = "ndarray")]
pub use ndarray;
pub use rand_core;
