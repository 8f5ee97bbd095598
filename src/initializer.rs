//! The traits of initializers.

use crate::cpu::execution::Execution;
use crate::error::Error;
use crate::fill::block::Block;
use crate::float::element::Element;
use crate::float::tensor::{AnyTensorMut, TensorMut};
use crate::memory::zeros;
use crate::stream::seed::Seed;
#[cfg(feature = "ndarray")]
use ndarray::{Array, IntoDimension};
use std::fmt::Debug;

/// Which part of which tensor is filled, and how.
pub(crate) struct Request<'a> {
    pub(crate) seed: Seed,
    /// The shape of the whole tensor.
    pub(crate) shape: &'a [u64],
    /// Start of the block. None: the whole tensor is filled.
    pub(crate) start: Option<&'a [u64]>,
    pub(crate) execution: Execution,
    pub(crate) interrupted: &'a mut dyn FnMut() -> bool,
}

impl Request<'_> {
    /// Returns the block of this extent; an error if it is not inside the tensor.
    pub(crate) fn block(&self, extent: &[u64]) -> Result<Block, Error> {
        match self.start {
            None => Block::whole(self.shape),
            Some(start) => Block::new(self.shape, start, extent),
        }
    }
}

/// A fill that is generic over the element type.
pub(crate) trait FillElements {
    /// Fills `out`, which has the shape of the requested block.
    fn fill_elements<T: Element>(&self, request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error>;
}

/// The private part of [`Initializer`]: a fill of any element type, behind a trait object.
pub(crate) trait InitializerInternal {
    /// Fills `out`, which has the shape of the requested block.
    fn fill_any(&self, request: Request<'_>, out: AnyTensorMut<'_>) -> Result<(), Error>;
}

impl<I: FillElements> InitializerInternal for I {
    fn fill_any(&self, request: Request<'_>, out: AnyTensorMut<'_>) -> Result<(), Error> {
        match out {
            AnyTensorMut::F64(out) => self.fill_elements(request, out),
            AnyTensorMut::F32(out) => self.fill_elements(request, out),
            AnyTensorMut::F16(out) => self.fill_elements(request, out),
            AnyTensorMut::Bf16(out) => self.fill_elements(request, out),
            AnyTensorMut::F8E4M3FN(out) => self.fill_elements(request, out),
            AnyTensorMut::F8E5M2(out) => self.fill_elements(request, out),
        }
    }
}

/// Fills tensors: a distribution, an orthogonal matrix, a constant, …
///
/// The value of an element depends on the initializer, the seed, the element type, the shape of the whole tensor and the
/// place in it. It does not depend on memory layout, block or thread. The methods are those of [`Fill`], which every
/// initializer has. A list of initializers by name is a map of `Box<dyn Initializer>`.
///
/// No other type can implement it. The supertrait `InitializerInternal` is private: fills call it, users cannot.
///
/// ```
/// use initializers::{Constant, Fill, Initializer, VarianceScaling};
///
/// let rules: [(&str, Box<dyn Initializer>); 2] =
///     [("weight", Box::new(VarianceScaling::he_normal())), ("bias", Box::new(Constant::new(0.0)))];
/// for (name, initializer) in rules {
///     println!("{name}: {initializer:?} {:?}", initializer.sample_vec::<f32>(42, &[2, 2])?);
/// }
/// # Ok::<(), initializers::Error>(())
/// ```
#[expect(private_bounds, reason = "users cannot call what the supertrait holds")]
pub trait Initializer: InitializerInternal + Debug + Send + Sync {}

/// The fills of an [`Initializer`], for every element type and kind of memory.
pub trait Fill: Initializer {
    /// Fills a whole tensor. A slice is a tensor of one dimension; [`TensorMut::new`] gives it another shape.
    ///
    /// ```
    /// use initializers::{Fill, Normal, TensorMut, VarianceScaling};
    ///
    /// let mut values = [0.0f32; 4];
    /// Normal::new(0.0, 1.0)?.fill(42, &mut values)?;
    /// assert_eq!(values, [-0.0592702, 0.96463543, 0.24825315, -0.9252834]);
    ///
    /// let mut kernel = vec![0.0f32; 784 * 10];
    /// VarianceScaling::he_normal().fill(42, TensorMut::new(&[784, 10], &mut kernel)?)?;
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Reach`] if a value can be too large for the element type, [`Error::Shape`] if the initializer has no values
    /// for the shape, [`Error::Memory`] if there is no memory for intermediate results, [`Error::Threads`] if
    /// `INITIALIZERS_NUM_THREADS` is invalid. Nothing is written.
    fn fill<'a, T: Element>(&self, seed: impl Into<Seed>, out: impl Into<TensorMut<'a, T>>) -> Result<(), Error> {
        let out = out.into();
        let shape = out.shape.clone();
        let (seed, execution) = (seed.into(), Execution::current());
        let request = Request { seed, shape: &shape, start: None, execution, interrupted: &mut || false };
        self.fill_any(request, T::erase(out))
    }

    /// Fills the block of the tensor of `shape` that begins at `start` and has the shape of `out`, with the same values as
    /// that part of the whole tensor.
    ///
    /// ```
    /// use initializers::{Fill, Normal, TensorMut};
    ///
    /// let normal = Normal::new(0.0, 1.0)?;
    /// let whole: Vec<f32> = normal.sample_vec(3, &[100, 100])?;
    /// let mut rows = vec![0.0; 10 * 100];
    /// normal.fill_block(3, &[100, 100], &[50, 0], TensorMut::new(&[10, 100], &mut rows)?)?;
    /// assert_eq!(rows, whole[5000..6000]);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Fill::fill`], [`Error::Block`] if the block is not inside the tensor, and [`Error::Shape`] if the tensor has
    /// 2^63 elements or more.
    fn fill_block<'a, T: Element>(
        &self,
        seed: impl Into<Seed>,
        shape: &[u64],
        start: &[u64],
        out: impl Into<TensorMut<'a, T>>,
    ) -> Result<(), Error> {
        self.fill_until(seed, shape, start, out, || false)
    }

    /// As [`Fill::fill_block`], until `stop` returns true. The caller's thread asks it about every 50 ms, so short fills
    /// never ask; nor do platforms without a clock.
    ///
    /// ```
    /// use initializers::{Error, Fill, Normal};
    /// use std::time::{Duration, Instant};
    ///
    /// let (mut values, started) = (vec![0.0f32; 1000], Instant::now());
    /// let late = || started.elapsed() > Duration::from_secs(1);
    /// let filled = Normal::new(0.0, 1.0)?.fill_until(42, &[1000], &[0], &mut values, late);
    /// assert!(matches!(filled, Ok(()) | Err(Error::Interrupted)));
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Fill::fill_block`]; [`Error::Interrupted`] if `stop` returned true: part of `out` may have been written.
    fn fill_until<'a, T: Element>(
        &self,
        seed: impl Into<Seed>,
        shape: &[u64],
        start: &[u64],
        out: impl Into<TensorMut<'a, T>>,
        mut stop: impl FnMut() -> bool,
    ) -> Result<(), Error> {
        let (seed, execution) = (seed.into(), Execution::current());
        let request = Request { seed, shape, start: Some(start), execution, interrupted: &mut stop };
        self.fill_any(request, T::erase(out.into()))
    }

    /// Allocates and fills a tensor of `shape`; returns its elements in C order.
    ///
    /// ```
    /// use initializers::{Fill, Uniform};
    ///
    /// let values: Vec<half::bf16> = Uniform::new(-1.0, 1.0)?.sample_vec(42, &[2, 2])?;
    /// assert_eq!(values.len(), 4);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Fill::fill`], and [`Error::Memory`] if the tensor cannot be allocated.
    fn sample_vec<T: Element>(&self, seed: impl Into<Seed>, shape: &[u64]) -> Result<Vec<T>, Error> {
        let mut values = zeros(Block::whole(shape)?.len())?;
        self.fill(seed, TensorMut::new(shape, &mut values)?)?;
        Ok(values)
    }

    /// Allocates and fills an array of `shape`.
    ///
    /// ```
    /// use initializers::{Fill, TruncatedNormal};
    /// use ndarray::Array2;
    ///
    /// let kernel: Array2<f32> = TruncatedNormal::new(0.0, 0.05)?.sample(42, (784, 256))?;
    /// assert!(kernel.iter().all(|x| x.abs() <= 0.1));
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Fill::fill`], [`Error::Memory`] if the array cannot be allocated, and [`Error::Shape`] if `ndarray` does not
    /// allow the shape. (It limits the product of all sizes other than 0.)
    #[cfg(feature = "ndarray")]
    fn sample<T: Element, S: IntoDimension>(&self, seed: impl Into<Seed>, shape: S) -> Result<Array<T, S::Dim>, Error> {
        use ndarray::Dimension;
        let shape = shape.into_dimension();
        let sizes: Vec<u64> = shape.slice().iter().map(|&size| size as u64).collect();
        let values = self.sample_vec(seed, &sizes)?;
        Array::from_shape_vec(shape, values).map_err(|error| Error::Shape(format!("shape {sizes:?}: {error}")))
    }
}

impl<I: Initializer + ?Sized> Fill for I {}
