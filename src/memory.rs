//! Memory whose lack is an error, not the end of the process.

use crate::error::Error;
use bytemuck::Zeroable;
use ndarray::Array2;

/// Memory that the system zeroes when it is touched first, so that it is written once.
pub(crate) fn zeros<T: Zeroable>(count: u64) -> Result<Vec<T>, Error> {
    let count = usize::try_from(count).map_err(|_| Error::Memory)?;
    bytemuck::allocation::try_zeroed_vec(count).map_err(|()| Error::Memory)
}

/// A matrix of zeros of that shape.
pub(crate) fn zeros_2d<T: Zeroable>(shape: (usize, usize)) -> Result<Array2<T>, Error> {
    let count = shape.0.checked_mul(shape.1).ok_or(Error::Memory)?;
    Array2::from_shape_vec(shape, zeros(count as u64)?)
        .map_err(|error| Error::Block(format!("shape {shape:?}: {error}")))
}

/// The items in memory that is asked for, so that a lack of it is an error.
pub(crate) fn try_collect<T>(items: impl Iterator<Item = T>) -> Result<Vec<T>, Error> {
    let mut all = Vec::new();
    all.try_reserve_exact(items.size_hint().0).map_err(|_| Error::Memory)?;
    for item in items {
        all.try_reserve(1).map_err(|_| Error::Memory)?; // where there are more than was hinted
        all.push(item);
    }
    Ok(all)
}
