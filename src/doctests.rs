//! Compiled by `cargo test --doc` alone: users of the crate cannot call the private parts of its traits.
//!
//! Each example is wrong in one place, and right with the public function that the comment beside it names.
//!
//! Functions of words:
//! ```compile_fail,E0624
//! fn f<C: initializers::Compute>(x: C) -> C {
//!     C::sqrt(x) // C::from_f64(2.0)
//! }
//! ```
//! ```compile_fail,E0624
//! fn f<C: initializers::Compute>(word: C::Word) {} // C
//! ```
//! ```compile_fail,E0624
//! fn f<C: initializers::Compute>() -> C {
//!     C::parameter(1.0) // C::from_f64(1.0)
//! }
//! ```
//! ```
//! fn f<C: initializers::Compute>(x: C) -> C {
//!     C::from_f64(x.to_f64())
//! }
//! ```
//! Vectors:
//! ```compile_fail,E0624
//! fn f<C: initializers::Compute>(x: C::Vector<pulp::x86::V3>) {} // C
//! ```
//! Slices of the computing type:
//! ```compile_fail,E0624
//! fn f<T: initializers::Element>(slice: &mut [T]) -> bool {
//!     T::as_compute(slice).is_some() // T::NAME == "float32"
//! }
//! ```
//! ```
//! fn f<T: initializers::Element>(slice: &mut [T]) -> bool {
//!     T::NAME == "float32"
//! }
//! ```
//! Kernels:
//! ```compile_fail,E0599
//! use initializers::{Fill, Normal};
//! let kernel = Normal::new(0.0, 1.0).unwrap().kernel::<f32>(); // sample::<f32, _>(1, 2)
//! ```
//! ```
//! use initializers::{Fill, Normal};
//! let values = Normal::new(0.0, 1.0).unwrap().sample::<f32, _>(1, 2);
//! ```
//! Fills behind trait objects:
//! ```compile_fail,E0624
//! fn f(initializer: &dyn initializers::Initializer) {
//!     let _ = initializer.fill_any(todo!(), todo!()); // Fill::sample::<f32, _>(initializer, 1, 2)
//! }
//! ```
//! ```
//! fn f(initializer: &dyn initializers::Initializer) {
//!     let _ = initializers::Fill::sample::<f32, _>(initializer, 1, 2);
//! }
//! ```
//! Implementations:
//! ```compile_fail,E0277
//! #[derive(Debug)]
//! struct Mine;
//! impl initializers::Initializer for Mine {}
//! ```
