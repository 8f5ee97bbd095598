//! Distributions, one file each: its parameters and its formula.

pub(crate) mod constant;
pub(crate) mod normal;
pub(crate) mod truncated_normal;
pub(crate) mod uniform;

use crate::cpu::execution::Execution;
use crate::cpu::float_mode::in_standard_mode;
use crate::error::Error;
use crate::fill::block::Block;
use crate::fill::groups::Kernel;
use crate::fill::view::fill_view;
use crate::float::element::{Compute, Element};
use crate::memory::zeros;
use crate::stream::seed::Seed;
use ndarray::{Array, ArrayViewMut, ArrayViewMut1, Dimension, IntoDimension};

/// The private part of [`Sampler`]: a distribution whose parameters can be rounded for an element type.
pub(crate) trait SamplerInternal {
    /// The rounded parameters and the formula.
    type Kernel<C: Compute>: Kernel<C>;

    /// Rounds the parameters to the computing type; an error if a value can be too large for T.
    fn kernel<T: Element>(&self) -> Result<Self::Kernel<T::Compute>, Error>;
}

/// A distribution that fills tensors.
///
/// The value of an element depends on the seed, the distribution, the element type and the index of the element in the C
/// order of the whole tensor. It does not depend on memory layout, block or thread.
///
/// No other type can implement it. The supertrait `SamplerInternal` is private: fills call it, users cannot.
#[expect(private_bounds, reason = "users cannot call what the supertrait holds")]
pub trait Sampler: SamplerInternal {
    /// Fills a whole tensor, in any memory layout.
    ///
    /// # Errors
    /// [`Error::Reach`] if a value can be too large for the element type, [`Error::Threads`] if `INITIALIZERS_NUM_THREADS` is
    /// invalid. Nothing is written.
    fn fill<T: Element, D: Dimension>(&self, seed: impl Into<Seed>, out: ArrayViewMut<'_, T, D>) -> Result<(), Error> {
        let shape: Vec<u64> = out.shape().iter().map(|&size| size as u64).collect();
        let block = Block::whole(&shape)?;
        fill_interruptibly(self, seed.into(), &block, out, Execution::current(), &mut || false)
    }

    /// Fills the block of the tensor of `shape` that begins at `start` and has the shape of `out`, with the same values as
    /// that slice of the whole tensor.
    ///
    /// ```
    /// use initializers::{Normal, Sampler};
    /// use ndarray::{Array2, s};
    ///
    /// let normal = Normal::new(0.0, 1.0)?;
    /// let whole: Array2<f32> = normal.sample(3, (100, 100))?;
    /// let mut rows = Array2::<f32>::zeros((10, 100));
    /// normal.fill_block(3, &[100, 100], &[50, 0], rows.view_mut())?;
    /// assert_eq!(rows, whole.slice(s![50..60, ..]));
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Sampler::fill`], [`Error::Block`] if the block is not inside the tensor, and [`Error::Shape`] if the tensor has
    /// 2^63 elements or more.
    fn fill_block<T: Element, D: Dimension>(
        &self,
        seed: impl Into<Seed>,
        shape: &[u64],
        start: &[u64],
        out: ArrayViewMut<'_, T, D>,
    ) -> Result<(), Error> {
        let extent: Vec<u64> = out.shape().iter().map(|&size| size as u64).collect();
        let block = Block::new(shape, start, &extent)?;
        fill_interruptibly(self, seed.into(), &block, out, Execution::current(), &mut || false)
    }

    /// Allocates and fills a tensor of `shape`.
    ///
    /// # Errors
    /// As [`Sampler::fill`], [`Error::Memory`] if the tensor cannot be allocated, and [`Error::Shape`] if `ndarray` does not
    /// allow the shape. (It limits the product of all sizes other than 0.)
    fn sample<T: Element, S: IntoDimension>(&self, seed: impl Into<Seed>, shape: S) -> Result<Array<T, S::Dim>, Error> {
        let shape = shape.into_dimension();
        let sizes: Vec<u64> = shape.slice().iter().map(|&size| size as u64).collect();
        let block = Block::whole(&sizes)?;
        let mut values = zeros(block.len())?;
        let out = ArrayViewMut1::from(&mut values);
        fill_interruptibly(self, seed.into(), &block, out, Execution::current(), &mut || false)?;
        Array::from_shape_vec(shape, values).map_err(|error| Error::Shape(format!("shape {sizes:?}: {error}")))
    }
}

/// [`Sampler::fill_block`] that uses the processor as `execution` says, and stops when `interrupted` says so.
pub(crate) fn fill_interruptibly<T: Element, D: Dimension>(
    sampler: &(impl SamplerInternal + ?Sized),
    seed: Seed,
    block: &Block,
    out: ArrayViewMut<'_, T, D>,
    execution: Execution,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    in_standard_mode(|| fill_view(&sampler.kernel::<T>()?, seed, block, out, execution, interrupted))
}
