//! Random orthogonal matrices (`docs/stream.md`, section 8).

use crate::cpu::execution::Execution;
use crate::cpu::float_mode::in_standard_mode;
use crate::cpu::fused_check::check;
use crate::error::{Error, finite};
use crate::fill::block::Block;
use crate::float::element::{Compute, ComputeInternal, Element, fits};
use crate::float::tensor::TensorMut;
use crate::initializer::{FillElements, Initializer, Request};
use crate::matrix::product::{multiply_out, threads_for};
use crate::matrix::reflectors::Reflectors;
use crate::memory::{try_collect, zeros_2d};
use crate::stream::seed::Seed;
use ndarray::{ArrayViewMut2, ArrayViewMutD};
use std::ops::Range;
use std::slice::from_ref;

/// Random matrices with orthonormal columns (or rows, if there are more columns), times a gain.
///
/// The last dimension of a tensor is the columns of the matrix, all others, in C order, are its rows. A block of columns of a
/// tall matrix takes its share of the time; the reflectors of the whole matrix need memory for it.
///
/// The matrices are uniformly distributed (Haar measure): the distribution of Q in the QR factorization of a Gaussian matrix with
/// a positive diagonal of R. |QᵀQ − 1| ≤ (12 + √m/2)·ε, where m is the longer side and ε the machine epsilon of f32 (of f64
/// for f64 matrices). One small matrix in several million exceeds this bound, by about 1 %.
///
/// ```
/// use initializers::{Fill, Orthogonal};
/// use ndarray::Array2;
///
/// let q: Array2<f64> = Orthogonal::new(1.0)?.sample(42, (64, 16))?;
/// let error = q.t().dot(&q) - Array2::<f64>::eye(16);
/// assert!(error.iter().all(|x| x.abs() < 1e-14));
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Orthogonal {
    gain: f64,
}

impl Orthogonal {
    /// Creates orthogonal matrices times a finite `gain`.
    ///
    /// ```
    /// use initializers::Orthogonal;
    /// assert!(Orthogonal::new(f64::NAN).is_err());
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if it is not finite.
    pub fn new(gain: f64) -> Result<Self, Error> {
        Ok(Self { gain: finite("gain", gain)? })
    }

    /// Returns the gain.
    ///
    /// ```
    /// use initializers::Orthogonal;
    /// assert_eq!(Orthogonal::new(2.0)?.gain(), 2.0);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn gain(&self) -> f64 {
        self.gain
    }

    /// Fills a block of a tensor on the processor as `execution` says, and stops when `interrupted` says so.
    pub(crate) fn fill_interruptibly<T: Element>(
        self,
        seed: Seed,
        shape: &[u64],
        start: &[u64],
        mut out: ArrayViewMutD<'_, T>,
        execution: Execution,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<(), Error> {
        let extent: Vec<u64> = out.shape().iter().map(|&size| size as u64).collect();
        Block::new(shape, start, &extent)?;
        let ([lead @ .., columns], [lead_start @ .., first], [lead_extent @ .., count]) = (shape, start, &extent[..])
        else {
            return Err(Error::Shape("an orthogonal tensor must have at least 2 dimensions, received: 0".into()));
        };
        if lead.is_empty() {
            return Err(Error::Shape("an orthogonal tensor must have at least 2 dimensions, received: 1".into()));
        }
        let gain = self.gain_in::<T>()?;
        check(execution.width)?;
        if out.is_empty() {
            return Ok(()); // the other sizes can be of any size
        }
        let block = Block::new(lead, lead_start, lead_extent)?;
        let sides = [lead.iter().product(), *columns].map(usize::try_from);
        let [Ok(rows), Ok(columns)] = sides else { return Err(Error::Memory) };
        let runs = block.runs(0..block.len()).map(|(row, count)| row as usize..row as usize + count);
        let runs = try_collect(runs)?;
        let column_run = *first as usize..(first + count) as usize;
        let matrix = (block.len() as usize, *count as usize);
        let mut fill = |out: ArrayViewMut2<'_, T>| {
            in_standard_mode(|| {
                fill_runs(gain, seed, [rows, columns], &runs, column_run.clone(), out, execution, interrupted)
            })
        };
        if let Ok(out) = out.view_mut().into_dimensionality() {
            return fill(out);
        }
        if let Ok(out) = out.view_mut().into_shape_with_order(matrix) {
            return fill(out);
        }
        // There are gaps between the rows.
        let mut copy = zeros_2d(matrix)?;
        fill(copy.view_mut())?;
        out.iter_mut().zip(&copy).for_each(|(out, &value)| *out = value);
        Ok(())
    }

    /// Rounds the gain; an error if a value can be too large for T.
    pub(crate) fn gain_in<T: Element>(self) -> Result<T::Compute, Error> {
        in_standard_mode(|| {
            let gain = T::Compute::parameter(self.gain);
            // Rounding can make an element of the matrix larger than 1, by less than this.
            let reach = gain.to_f64().abs() * 1.001;
            if fits::<T>(reach) { Ok(gain) } else { Err(Error::Reach { names: "`gain`", reach, dtype: T::NAME }) }
        })
    }
}

impl Initializer for Orthogonal {}

impl FillElements for Orthogonal {
    fn fill_elements<T: Element>(&self, request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        let Request { seed, shape, start, execution, interrupted } = request;
        let whole = vec![0; shape.len()];
        self.fill_interruptibly(seed, shape, start.unwrap_or(&whole), out.into_view()?, execution, interrupted)
    }
}

/// Fills `out` with these rows, in ascending runs, and these columns of the seed's matrix.
#[expect(clippy::too_many_arguments, reason = "where, what and how")]
fn fill_runs<T: Element>(
    gain: T::Compute,
    seed: Seed,
    [rows, columns]: [usize; 2],
    row_runs: &[Range<usize>],
    column_run: Range<usize>,
    out: ArrayViewMut2<'_, T>,
    execution: Execution,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    let execution = execution.with_useful_threads(threads_for(rows, columns));
    let reflectors = Reflectors::draw(seed, rows.max(columns), rows.min(columns), execution, interrupted)?;
    let column_run = from_ref(&column_run);
    if rows >= columns {
        multiply_out(&reflectors, gain, [row_runs, column_run], out, execution, interrupted)
    } else {
        multiply_out(&reflectors, gain, [column_run, row_runs], out.reversed_axes(), execution, interrupted)
    }
}
