//! Tensors whose elements are a function of their place (`docs/stream.md`, section 16).

use crate::cpu::float_mode::in_standard_mode;
use crate::error::Error;
use crate::float::element::Element;
use crate::float::rounding::round_once;
use crate::float::tensor::TensorMut;
use crate::initializer::Request;
use crate::memory::zeros;

/// After this many elements the caller is asked whether to stop.
const BETWEEN_STOPS: u64 = 1 << 16;

/// A function of the place, in f64.
pub(crate) trait Table {
    /// Returns the parameter that values too large for a type are blamed on.
    fn name(&self) -> &'static str {
        "`shape`"
    }

    /// Returns a bound of the values' magnitudes that one of them reaches; an error for a shape without values.
    fn reach(&self, shape: &[u64]) -> Result<f64, Error>;

    /// Returns what the values of a column, an index of the last axis, have in common.
    fn column(&self, _shape: &[u64], column: u64) -> f64 {
        column as f64
    }

    /// Returns the value at a place.
    fn value(&self, shape: &[u64], place: &[u64], column: f64) -> f64;
}

/// Fills a block of a tensor with the values of a table, rounded once. Compiled once for a type, not for each table.
pub(crate) fn fill_table<T: Element>(
    table: &dyn Table,
    request: Request<'_>,
    out: TensorMut<'_, T>,
) -> Result<(), Error> {
    let shape = request.shape;
    let extent = out.shape.clone();
    request.block(&extent)?;
    round_once::<T>(table.name(), table.reach(shape)?)?;
    let mut place: Vec<u64> = request.start.map_or_else(|| vec![0; extent.len()], <[u64]>::to_vec);
    let start = place.clone();
    let (first, count) = (start.last().copied().unwrap_or(0), extent.last().copied().unwrap_or(1));
    if extent.contains(&0) {
        return Ok(());
    }
    in_standard_mode(|| {
        let mut columns = zeros::<f64>(count)?;
        for (column, number) in columns.iter_mut().zip(first..) {
            *column = table.column(shape, number);
        }
        let (mut memory, interrupted) = (out.memory, request.interrupted);
        let (mut made, mut result) = (0, Ok(()));
        memory.for_each(|element| {
            if result.is_err() {
                return;
            }
            made += 1;
            if made % BETWEEN_STOPS == 0 && interrupted() {
                result = Err(Error::Interrupted);
                return;
            }
            let column = place.last().map_or(0, |last| last - first);
            let value = table.value(shape, &place, columns[column as usize]) + 0.0; // + 0.0 turns −0 into 0
            match round_once(table.name(), value) {
                Ok(rounded) => *element = rounded,
                Err(error) => result = Err(error),
            }
            for axis in (0..place.len()).rev() {
                place[axis] += 1;
                if place[axis] < start[axis] + extent[axis] {
                    break;
                }
                place[axis] = start[axis];
            }
        });
        result
    })
}

/// Returns the sizes of the last axes; an error for fewer axes.
pub(crate) fn last_axes<const COUNT: usize>(subject: &str, shape: &[u64]) -> Result<[u64; COUNT], Error> {
    shape.last_chunk::<COUNT>().copied().ok_or_else(|| {
        let dimensions = if COUNT == 1 { "dimension" } else { "dimensions" };
        Error::Shape(format!("`shape` must have {COUNT} or more {dimensions} for {subject}, received: {shape:?}"))
    })
}
