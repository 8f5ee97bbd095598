//! Sparse matrices (`docs/stream.md`, section 9).

use crate::cpu::float_mode::in_standard_mode;
use crate::error::Error;
use crate::float::element::Element;
use crate::float::tensor::TensorMut;
use crate::initializer::{FillElements, Initializer, Request};
use crate::memory::zeros;
use crate::samplers::Sampler;
use crate::samplers::normal::Normal;
use crate::stream::words::Stream;
use rand_core::Rng;

/// A normal matrix with a share of zeros in every column, at random rows.
///
/// J. Martens (2010), Deep learning via Hessian-free optimization; `torch.nn.init.sparse_`. A block takes the time and the
/// memory of its columns.
///
/// ```
/// use initializers::{Fill, Sparse};
///
/// let matrix: Vec<f32> = Sparse::new(0.7, 0.01)?.sample_vec(1, &[10, 4])?;
/// assert_eq!(matrix.iter().filter(|&&x| x == 0.0).count(), 28);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sparse {
    sparsity: f64,
    normal: Normal,
}

impl Sparse {
    /// Creates matrices with ⌈`sparsity`·rows⌉ zeros in a column, `sparsity` in [0, 1], and a finite `stddev` ≥ 0.
    ///
    /// ```
    /// use initializers::Sparse;
    /// assert!(Sparse::new(1.5, 0.01).is_err());
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if one is out of its range.
    pub fn new(sparsity: f64, stddev: f64) -> Result<Self, Error> {
        if !(0.0..=1.0).contains(&sparsity) {
            return Err(Error::Parameter { name: "sparsity", condition: "a number in [0, 1]", value: sparsity });
        }
        Ok(Self { sparsity, normal: Normal::new(0.0, stddev)? })
    }

    /// Returns the share of zeros.
    ///
    /// ```
    /// use initializers::Sparse;
    /// assert_eq!(Sparse::new(0.7, 0.01)?.sparsity(), 0.7);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn sparsity(&self) -> f64 {
        self.sparsity
    }

    /// Returns the standard deviation of the other elements.
    ///
    /// ```
    /// use initializers::Sparse;
    /// assert_eq!(Sparse::new(0.7, 0.01)?.stddev(), 0.01);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn stddev(&self) -> f64 {
        self.normal.stddev()
    }
}

impl Initializer for Sparse {}

impl FillElements for Sparse {
    fn fill_elements<T: Element>(&self, request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        let &[rows, columns] = request.shape else {
            let text = format!("a sparse matrix must have 2 dimensions, received: {:?}", request.shape);
            return Err(Error::Shape(text));
        };
        request.block(&out.shape)?;
        in_standard_mode(|| self.normal.kernel::<T>())?;
        let (first_row, first_column) = request.start.map_or((0, 0), |start| (start[0], start[1]));
        let (height, width) = (out.shape[0], out.shape[1]);
        let count = in_standard_mode(|| (self.sparsity * rows as f64).ceil()) as u64;
        if count == 0 || height * width == 0 {
            return self.normal.fill_elements(request, out);
        }
        // Allocated first, so that too little memory is an error before anything is written.
        let (mut is_zero, mut column_words) = (zeros::<u8>(height * width)?, zeros::<[u64; 2]>(rows)?);
        let mut words = zeros::<u32>(rows.checked_mul(width).ok_or(Error::Memory)?)?;
        let mut stream = Stream::new(request.seed.fold_in_path(["initializers".into(), "mask".into(), 0.into()]));
        for (row, words) in (0..rows).zip(words.chunks_exact_mut(width as usize)) {
            stream.seek(row as u128 * columns as u128 + first_column as u128);
            words.fill_with(|| stream.next_u32());
        }
        for column in 0..width {
            for ((row, word), words) in (0..rows).zip(&mut column_words).zip(words.chunks_exact(width as usize)) {
                *word = [words[column as usize].into(), row];
            }
            // Equal words are ordered by row.
            let words = &mut column_words[..];
            let chosen = if count < rows { words.select_nth_unstable(count as usize).0 } else { words };
            for row in chosen.iter().map(|word| word[1]).filter(|row| (first_row..first_row + height).contains(row)) {
                is_zero[((row - first_row) * width + column) as usize] = 1;
            }
        }
        let TensorMut { shape, mut memory } = out;
        self.normal.fill_elements(request, TensorMut { shape, memory: memory.reborrow() })?;
        let mut is_zero = is_zero.iter();
        memory.for_each(|value| {
            if is_zero.next() == Some(&1) {
                *value = T::default();
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fill;

    #[test]
    fn blocks_are_parts_of_the_whole() {
        let sparse = Sparse::new(0.35, 0.1).unwrap();
        let whole: Vec<f32> = sparse.sample_vec(5, &[20, 7]).unwrap();
        for column in 0..7 {
            assert_eq!((0..20).filter(|row| whole[row * 7 + column] == 0.0).count(), 7);
        }
        let mut block = [9.0f32; 11 * 3];
        sparse.fill_block(5, &[20, 7], &[4, 2], TensorMut::new(&[11, 3], &mut block).unwrap()).unwrap();
        let part: Vec<f32> = (4..15).flat_map(|row| whole[row * 7 + 2..row * 7 + 5].to_vec()).collect();
        assert_eq!(block[..], part);
        assert!(Sparse::new(1.0, 1.0).unwrap().sample_vec::<f32>(5, &[3, 2]).unwrap().iter().all(|&x| x == 0.0));
    }

    #[test]
    fn bad_requests() {
        assert!(Sparse::new(1.1, 1.0).unwrap_err().to_string().starts_with("`sparsity` must be a number in [0, 1]"));
        assert!(Sparse::new(f64::NAN, 1.0).is_err() && Sparse::new(0.5, -1.0).is_err());
        let error = Sparse::new(0.5, 1.0).unwrap().sample_vec::<f32>(1, &[4]).unwrap_err();
        assert!(error.to_string().contains("2 dimensions"));
    }
}
