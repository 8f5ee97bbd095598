//! Blocks of tensors, as runs of elements in the tensor's C order.

use crate::error::Error;
use std::ops::Range;

/// A rectangular part of a tensor. The whole tensor is the largest block.
///
/// Global numbers count the elements of the tensor in C order. The elements of the block, in its own C order, form runs with
/// consecutive global numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Size and stride, in global numbers, of each dimension outside the runs.
    outer: Vec<(u64, u64)>,
    /// Number of elements in a run.
    run: u64,
    /// Global number of the first element.
    first: u64,
    /// Number of elements in the block.
    len: u64,
}

impl Block {
    /// Returns the whole tensor of `shape`.
    pub(crate) fn whole(shape: &[u64]) -> Result<Self, Error> {
        let len = elements(shape)?;
        Ok(Self::run(0, len))
    }

    /// Returns the `len` elements from global number `first` on.
    pub(crate) fn run(first: u64, len: u64) -> Self {
        Self { outer: Vec::new(), run: len, first, len }
    }

    /// Returns the block of shape `extent` that begins at `start` in the tensor of `shape`.
    pub(crate) fn new(shape: &[u64], start: &[u64], extent: &[u64]) -> Result<Self, Error> {
        elements(shape)?;
        if start.len() != shape.len() || extent.len() != shape.len() {
            let text = format!("a block of shape {extent:?} at {start:?} has not the dimensions of {shape:?}");
            return Err(Error::Block(text));
        }
        for (axis, ((&size, &start), &extent)) in shape.iter().zip(start).zip(extent).enumerate() {
            if start.checked_add(extent).is_none_or(|end| end > size) {
                let text = format!("[{start}, {start} + {extent}) is outside dimension {axis} of size {size}");
                return Err(Error::Block(text));
            }
        }
        if extent.contains(&0) {
            return Ok(Self::run(0, 0)); // the other sizes can be of any size
        }
        let len = extent.iter().product();
        let (mut run, mut first, mut stride) = (1, 0, 1);
        let mut outer = Vec::new();
        let mut whole_so_far = true;
        for ((&size, &start), &extent) in shape.iter().zip(start).zip(extent).rev() {
            first += start * stride;
            if whole_so_far {
                run *= extent;
            } else {
                outer.insert(0, (extent, stride));
            }
            whole_so_far &= extent == size;
            stride *= size;
        }
        Ok(Self { outer, run, first, len })
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Returns the elements `range` of the block as runs: global number of the first element, and length.
    pub(crate) fn runs(&self, range: Range<u64>) -> impl Iterator<Item = (u64, usize)> {
        let mut at = range.start;
        std::iter::from_fn(move || {
            if at >= range.end {
                return None;
            }
            let (mut rest, skip) = (at / self.run, at % self.run);
            let mut start = self.first + skip;
            for &(extent, stride) in self.outer.iter().rev() {
                start += rest % extent * stride;
                rest /= extent;
            }
            let count = (self.run - skip).min(range.end - at);
            at += count;
            Some((start, count as usize))
        })
    }
}

/// Returns the number of elements of `shape`; an error if it is 2^63 or more. It is 0 if any size is 0.
fn elements(shape: &[u64]) -> Result<u64, Error> {
    if shape.contains(&0) {
        return Ok(0);
    }
    let count = shape.iter().try_fold(1u64, |count, &size| count.checked_mul(size));
    count
        .filter(|&count| count < 1 << 63)
        .ok_or_else(|| Error::Shape(format!("shape {shape:?} has 2^63 elements or more")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block_in_shape() -> impl Strategy<Value = (Vec<u64>, Vec<u64>, Vec<u64>)> {
        prop::collection::vec(0u64..6, 0..5).prop_flat_map(|shape| {
            let bounds: Vec<_> = shape.iter().map(|&n| (0..=n, 0..=n)).collect();
            bounds.prop_map(move |pairs| {
                let start = pairs.iter().map(|&(a, b)| a.min(b)).collect();
                let extent = pairs.iter().map(|&(a, b)| a.max(b) - a.min(b)).collect();
                (shape.clone(), start, extent)
            })
        })
    }

    proptest! {
        #[test]
        fn runs_number_the_elements((shape, start, extent) in block_in_shape(), cut in 0.0..1.0f64) {
            let block = Block::new(&shape, &start, &extent).unwrap();
            let mut expected = vec![0u64];
            for ((&size, &start), &extent) in shape.iter().zip(&start).zip(&extent) {
                expected = expected.iter().flat_map(|&base| (start..start + extent).map(move |i| base * size + i)).collect();
            }
            let cut = (block.len() as f64 * cut) as u64;
            let numbers: Vec<u64> = (block.runs(0..cut)).chain(block.runs(cut..block.len()))
                .flat_map(|(first, count)| first..first + count as u64).collect();
            prop_assert_eq!(numbers, expected);
        }
    }

    #[test]
    fn borders() {
        let far = Block::new(&[1 << 31, 1 << 31], &[(1 << 31) - 1, 7], &[1, 2]).unwrap();
        assert_eq!(far.runs(0..2).collect::<Vec<_>>(), [((((1u64 << 31) - 1) << 31) + 7, 2)]);
        assert!(Block::whole(&[1 << 32, 1 << 31]).is_err());
        assert_eq!(Block::whole(&[1 << 62, 1 << 62, 0]).unwrap().len(), 0);
        assert_eq!(Block::new(&[1 << 62, 0, 1 << 62], &[7, 0, 5], &[1 << 61, 0, 9]).unwrap().len(), 0);
        assert!(Block::new(&[4], &[3], &[2]).unwrap_err().to_string().contains("dimension 0 of size 4"));
        assert!(Block::new(&[4], &[u64::MAX], &[2]).is_err());
        assert!(Block::new(&[4], &[0, 0], &[1, 1]).is_err());
    }
}
