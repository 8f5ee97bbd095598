//! Memory of a tensor or a block: elements in C order, or an `ndarray` view of any layout.

use crate::error::Error;
use crate::float::float8::{F8E4M3FN, F8E5M2};
use half::{bf16, f16};
#[cfg(feature = "ndarray")]
use ndarray::{Array, ArrayViewMut, ArrayViewMutD, Dimension};

/// Memory to fill with a tensor or a block of one: a slice with a shape, or an `ndarray` view.
///
/// Fills accept whatever converts into it: slices, arrays and vectors, each a tensor of one dimension; with the feature
/// `ndarray` also mutable views and arrays of any layout. [`TensorMut::new`] gives a slice another shape.
///
/// ```
/// use initializers::{Fill, Normal, TensorMut};
///
/// let mut kernel = vec![0.0f32; 6];
/// let tensor = TensorMut::new(&[2, 3], &mut kernel)?;
/// assert_eq!(tensor.shape(), [2, 3]);
/// Normal::new(0.0, 1.0)?.fill(42, tensor)?;
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Debug)]
pub struct TensorMut<'a, T> {
    pub(crate) shape: Vec<u64>,
    pub(crate) memory: Memory<'a, T>,
}

/// The elements of a tensor.
#[derive(Debug)]
pub(crate) enum Memory<'a, T> {
    /// In C order.
    Slice(&'a mut [T]),
    /// In any layout.
    #[cfg(feature = "ndarray")]
    View(ArrayViewMutD<'a, T>),
}

impl<'a, T> TensorMut<'a, T> {
    /// Returns the tensor of `shape` whose elements are these, in C order.
    ///
    /// ```
    /// use initializers::TensorMut;
    /// assert!(TensorMut::new(&[2, 3], &mut [0.0f32; 5]).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if `shape` has another number of elements.
    pub fn new(shape: &[u64], elements: &'a mut [T]) -> Result<Self, Error> {
        let count = shape.iter().try_fold(1u64, |count, &size| count.checked_mul(size));
        let count = if shape.contains(&0) { Some(0) } else { count };
        if count != Some(elements.len() as u64) {
            let text = format!("`elements` must be those of shape {shape:?}, received: {} elements", elements.len());
            return Err(Error::Shape(text));
        }
        Ok(Self { shape: shape.to_vec(), memory: Memory::Slice(elements) })
    }

    /// Returns the elements as a view.
    #[cfg(feature = "ndarray")]
    pub(crate) fn into_view(self) -> Result<ArrayViewMutD<'a, T>, Error> {
        match self.memory {
            Memory::View(view) => Ok(view),
            Memory::Slice(slice) => {
                let shape: Vec<usize> = self.shape.iter().map(|&size| size as usize).collect();
                ArrayViewMutD::from_shape(shape, slice)
                    .map_err(|error| Error::Shape(format!("shape {:?}: {error}", self.shape)))
            }
        }
    }

    /// Returns the shape.
    ///
    /// ```
    /// use initializers::TensorMut;
    /// assert_eq!(TensorMut::from(&mut [0.0f32; 5]).shape(), [5]);
    /// ```
    #[must_use]
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }
}

impl<T> Memory<'_, T> {
    /// Returns the same memory for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Memory<'_, T> {
        match self {
            Self::Slice(slice) => Memory::Slice(slice),
            #[cfg(feature = "ndarray")]
            Self::View(view) => Memory::View(view.view_mut()),
        }
    }

    /// Calls `act` on every element, in C order.
    pub(crate) fn for_each(&mut self, act: impl FnMut(&mut T)) {
        match self {
            Self::Slice(slice) => slice.iter_mut().for_each(act),
            #[cfg(feature = "ndarray")]
            Self::View(view) => view.iter_mut().for_each(act),
        }
    }
}

impl<'a, T> From<&'a mut [T]> for TensorMut<'a, T> {
    fn from(elements: &'a mut [T]) -> Self {
        Self { shape: vec![elements.len() as u64], memory: Memory::Slice(elements) }
    }
}

impl<'a, T> From<&'a mut Vec<T>> for TensorMut<'a, T> {
    fn from(elements: &'a mut Vec<T>) -> Self {
        Self::from(&mut elements[..])
    }
}

impl<'a, T, const N: usize> From<&'a mut [T; N]> for TensorMut<'a, T> {
    fn from(elements: &'a mut [T; N]) -> Self {
        Self::from(&mut elements[..])
    }
}

#[cfg(feature = "ndarray")]
impl<'a, T, D: Dimension> From<ArrayViewMut<'a, T, D>> for TensorMut<'a, T> {
    fn from(view: ArrayViewMut<'a, T, D>) -> Self {
        let shape = view.shape().iter().map(|&size| size as u64).collect();
        Self { shape, memory: Memory::View(view.into_dyn()) }
    }
}

#[cfg(feature = "ndarray")]
impl<'a, T, D: Dimension> From<&'a mut Array<T, D>> for TensorMut<'a, T> {
    fn from(array: &'a mut Array<T, D>) -> Self {
        Self::from(array.view_mut())
    }
}

/// A tensor of any element type, for fills behind a trait object.
#[derive(Debug)]
pub(crate) enum AnyTensorMut<'a> {
    F64(TensorMut<'a, f64>),
    F32(TensorMut<'a, f32>),
    F16(TensorMut<'a, f16>),
    Bf16(TensorMut<'a, bf16>),
    F8E4M3FN(TensorMut<'a, F8E4M3FN>),
    F8E5M2(TensorMut<'a, F8E5M2>),
}
