//! Allocations whose failure is an error instead of the end of the process.

use crate::error::Error;
use bytemuck::Zeroable;
#[cfg(feature = "ndarray")]
use ndarray::Array2;

/// Allocates zeros. The system zeroes large memory at the first access, so it is written only once.
pub(crate) fn zeros<T: Zeroable>(count: u64) -> Result<Vec<T>, Error> {
    let count = usize::try_from(count).map_err(|_| Error::Memory)?;
    bytemuck::allocation::try_zeroed_vec(count).map_err(|()| Error::Memory)
}

/// Allocates a matrix of zeros.
#[cfg(feature = "ndarray")]
pub(crate) fn zeros_2d<T: Zeroable>(shape: (usize, usize)) -> Result<Array2<T>, Error> {
    let count = shape.0.checked_mul(shape.1).ok_or(Error::Memory)?;
    Array2::from_shape_vec(shape, zeros(count as u64)?)
        .map_err(|error| Error::Shape(format!("shape {shape:?}: {error}")))
}

/// Collects the items into a vector.
#[cfg(feature = "ndarray")]
pub(crate) fn try_collect<T>(items: impl Iterator<Item = T>) -> Result<Vec<T>, Error> {
    let mut all = Vec::new();
    all.try_reserve_exact(items.size_hint().0).map_err(|_| Error::Memory)?;
    for item in items {
        all.try_reserve(1).map_err(|_| Error::Memory)?; // if there are more items than the hint
        all.push(item);
    }
    Ok(all)
}
