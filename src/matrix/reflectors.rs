//! Householder reflectors in panels, drawn from the stream (`docs/stream.md`, section 8).
//!
//! G. W. Stewart, "The efficient generation of random orthogonal matrices with an application to condition
//! estimators", 1980: the reflectors that would triangularize a Gaussian matrix are those of independent Gaussian
//! vectors. Compact WY form: R. Schreiber and C. Van Loan, "A storage-efficient WY representation for products of
//! Householder transformations", 1989.

use crate::cpu::dispatch::{Width, WithFused};
use crate::cpu::execution::Execution;
use crate::cpu::fused::{Fused, square};
use crate::cpu::queue::for_each;
use crate::cpu::tuning::{PACKED_ROWS, PANEL_ROWS, SUM_BLOCKS};
use crate::error::Error;
use crate::fill::view::fill_run;
use crate::float::element::Compute;
use crate::matrix::gemm::{Row, add_transposed_product, elements, elements_mut, strip_width};
use crate::memory::{try_collect, zeros};
use crate::samplers::normal::NormalKernel;
use crate::stream::seed::Seed;
use bytemuck::Zeroable;

/// Reflectors in a panel. It decides how sums are grouped, and thus the bits: frozen.
pub(crate) const PANEL: usize = 64;

/// Terms in one block of a sum of squares: frozen as well.
const SUM_BLOCK: usize = 1024;

/// Partial sums of a block: term i is added to sum i modulo this. Frozen as well.
const SUM_LANES: usize = 16;

/// I − V·T·Vᵀ, the product of up to [`PANEL`] reflectors, the first one leftmost.
pub(crate) struct Panel<T> {
    /// Index of the first reflector. V is zero above this row; those rows are not stored.
    pub(crate) first: usize,
    /// Number of reflectors.
    pub(crate) width: usize,
    /// V, row by row with `width` columns, from row `first` on.
    pub(crate) vectors: Vec<T>,
    /// T, row by row with `width` columns, upper triangular.
    pub(crate) factor: Vec<T>,
}

/// Reflectors of vectors of length `rows`, and the signs that the columns of their product are multiplied by.
pub(crate) struct Reflectors<T> {
    pub(crate) rows: usize,
    pub(crate) panels: Vec<Panel<T>>,
    pub(crate) signs: Vec<T>,
}

impl<T: Compute> Reflectors<T> {
    /// The first `count` reflectors of a random matrix with `rows` rows.
    pub(crate) fn draw(
        seed: Seed,
        rows: usize,
        count: usize,
        execution: Execution,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<Self, Error> {
        let (normal, width) = (NormalKernel::<T>::standard(), execution.width);
        let vector_of = |k: usize| k as u64 * 64 * rows.div_ceil(64) as u64;

        let mut reflectors = Self::zeros(rows, count)?; // the largest allocation first
        let mut heads = try_collect((0..count).map(|_| Head::default()))?;
        let find = |(k, head): (usize, &mut Head<T>), stopped: &mut dyn FnMut() -> bool| {
            *head = find_head(&normal, seed, vector_of(k), rows - k, width, stopped)?;
            Ok(())
        };
        for_each(heads.iter_mut().enumerate(), execution, find, interrupted)?;

        for (sign, head) in reflectors.signs.iter_mut().zip(&heads) {
            *sign = head.sign;
        }
        let row_blocks = reflectors.panels.iter_mut().flat_map(|panel| {
            let (first, width) = (panel.first, panel.width);
            panel
                .vectors
                .chunks_mut(PANEL_ROWS * width)
                .enumerate()
                .map(move |(i, rows)| (first, width, i * PANEL_ROWS, rows))
        });
        let draw = |(first, width, start, vectors): (usize, usize, usize, &mut [T]), _: &mut dyn FnMut() -> bool| {
            let mut values = [T::default(); PANEL_ROWS];
            let rows = vectors.len() / width;
            for column in 0..width {
                // Row r of the panel holds element r − column of the vector; the rows above are zero.
                let skip = column.saturating_sub(start).min(rows);
                let values = &mut values[..rows - skip];
                fill_run(
                    &normal,
                    seed,
                    vector_of(first + column) + (start + skip - column) as u64,
                    values,
                    execution.width,
                );
                for (row, &value) in vectors[skip * width..].chunks_exact_mut(width).zip(values.iter()) {
                    row[column] = value;
                }
                if (start..start + rows).contains(&column) {
                    vectors[(column - start) * width + column] = heads[first + column].leading;
                }
            }
            Ok(())
        };
        for_each(row_blocks, execution, draw, interrupted)?;

        let scales = try_collect(heads.iter().map(|head| head.scale))?;
        let find_factor = |panel: &mut Panel<T>, stopped: &mut dyn FnMut() -> bool| {
            panel.find_factor(&scales[panel.first..][..panel.width], execution.width, stopped)
        };
        for_each(reflectors.panels.iter_mut(), execution, find_factor, interrupted)?;
        Ok(reflectors)
    }

    /// Allocates `count` reflectors of vectors of length `rows`.
    pub(crate) fn zeros(rows: usize, count: usize) -> Result<Self, Error> {
        let zeros = |len: usize| zeros(len as u64);
        let signs = zeros(count)?;
        let panel = |first: usize| {
            let width = PANEL.min(count - first);
            let len = (rows - first).checked_mul(width).ok_or(Error::Memory)?;
            Ok(Panel { first, width, vectors: zeros(len)?, factor: zeros(width * width)? })
        };
        let mut panels = Vec::new();
        panels.try_reserve_exact(count.div_ceil(PANEL)).map_err(|_| Error::Memory)?;
        for first in (0..count).step_by(PANEL) {
            panels.push(panel(first)?);
        }
        Ok(Self { rows, panels, signs })
    }
}

impl<T: Compute> Panel<T> {
    /// Computes T from V and the τ of each reflector; leaves T incomplete if it is stopped.
    pub(crate) fn find_factor(
        &mut self,
        scales: &[T],
        width: Width,
        stopped: &mut dyn FnMut() -> bool,
    ) -> Result<(), Error> {
        width.run_with_fused(FindFactor { vectors: &self.vectors, scales, factor: &mut self.factor, stopped })
    }
}

/// The numbers of a reflector I − τ·v·vᵀ that differ from the vector x it reflects.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Head<T> {
    /// v₁. The other elements of v are those of x.
    pub(crate) leading: T,
    /// τ.
    pub(crate) scale: T,
    /// The sign d of the column: x becomes d·‖x‖ times the first unit vector.
    pub(crate) sign: T,
}

impl<T: Compute> Head<T> {
    /// Computes them from x₁ and the sum of the squares of the other elements.
    #[inline(always)]
    pub(crate) fn new(x: T, squares: f64) -> Self {
        let x_64 = x.to_f64();
        let sign = if x_64 < 0.0 { -1.0 } else { 1.0 };
        if squares == 0.0 {
            return Self { leading: x, scale: T::default(), sign: T::from_f64(sign) };
        }
        let leading = T::from_f64(x_64 + sign * (squares + square(x_64)).sqrt());
        let leading_64 = leading.to_f64();
        let scale = T::from_f64(2.0 / (squares + square(leading_64)));
        Self { leading, scale, sign: T::from_f64(-sign) }
    }
}

/// Normals of a vector that are drawn together.
const NORMALS: usize = SUM_BLOCKS * SUM_BLOCK;

/// Computes the head of the reflector whose `len` normals begin at element `first`; a wrong head if it is stopped.
fn find_head<T: Compute>(
    normal: &NormalKernel<T>,
    seed: Seed,
    first: u64,
    len: usize,
    width: Width,
    stopped: &mut dyn FnMut() -> bool,
) -> Result<Head<T>, Error> {
    let mut leading = [T::default()];
    fill_run(normal, seed, first, &mut leading, width);
    let mut sums = block_sums(len - 1)?;
    let mut values = [T::default(); NORMALS];
    for start in (1..len).step_by(NORMALS) {
        if stopped() {
            break;
        }
        let values = &mut values[..NORMALS.min(len - start)];
        fill_run(normal, seed, first + start as u64, values, width);
        width.run_with_fused(SumSquares { terms: values, sums: &mut sums });
    }
    Ok(Head::new(leading[0], sum_blocks(sums)))
}

/// Allocates the block sums of `terms` terms.
pub(crate) fn block_sums(terms: usize) -> Result<Vec<f64>, Error> {
    let mut sums = Vec::new();
    sums.try_reserve_exact(terms.div_ceil(SUM_BLOCK)).map_err(|_| Error::Memory)?;
    Ok(sums)
}

/// Appends the sum of squares of each block of terms to `sums`, which [`block_sums`] allocated.
pub(crate) struct SumSquares<'a, T> {
    pub(crate) terms: &'a [T],
    pub(crate) sums: &'a mut Vec<f64>,
}

impl<T: Compute> WithFused for SumSquares<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call<S: Fused>(self, simd: S) {
        for block in self.terms.chunks(SUM_BLOCK) {
            let mut lanes = PartialSums::<S>::zeroed();
            let (whole, rest) = block.as_chunks();
            for terms in whole {
                lanes.add_squares(simd, terms);
            }
            if !rest.is_empty() {
                let mut terms = [T::default(); SUM_LANES]; // squares of zeros change no sum
                terms[..rest.len()].copy_from_slice(rest);
                lanes.add_squares(simd, &terms);
            }
            self.sums.push(fold(lanes.elements()));
        }
    }
}

/// [`SUM_LANES`] partial sums, in at most eight vectors.
struct PartialSums<S: Fused>([S::F64s; 8]);

impl<S: Fused> PartialSums<S> {
    const COUNT: usize = SUM_LANES * size_of::<f64>() / size_of::<S::F64s>();

    #[inline(always)]
    fn zeroed() -> Self {
        Self([S::F64s::zeroed(); 8])
    }

    #[inline(always)]
    fn add_squares<T: Compute>(&mut self, simd: S, terms: &[T; SUM_LANES]) {
        let mut factors = Self::zeroed();
        let elements: &mut [f64] = bytemuck::cast_slice_mut(&mut factors.0[..Self::COUNT]);
        for (element, term) in elements.iter_mut().zip(terms) {
            *element = term.to_f64();
        }
        for (sum, factor) in self.0[..Self::COUNT].iter_mut().zip(factors.0) {
            *sum = simd.fused_f64s(factor, factor, *sum);
        }
    }

    #[inline(always)]
    fn elements(&self) -> [f64; SUM_LANES] {
        *bytemuck::cast_slice(&self.0[..Self::COUNT]).first_chunk().expect("all of them")
    }
}

/// Adds the sums of blocks, in blocks again, until one sum is left.
pub(crate) fn sum_blocks(mut sums: Vec<f64>) -> f64 {
    while sums.len() > 1 {
        let blocks = sums.len().div_ceil(SUM_BLOCK);
        for block in 0..blocks {
            let mut lanes = [0.0; SUM_LANES];
            for (i, sum) in sums[block * SUM_BLOCK..].iter().take(SUM_BLOCK).enumerate() {
                lanes[i % SUM_LANES] += sum;
            }
            sums[block] = fold(lanes);
        }
        sums.truncate(blocks);
    }
    sums.first().copied().unwrap_or(0.0)
}

fn fold(mut lanes: [f64; SUM_LANES]) -> f64 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
    }
    lanes[0]
}

/// Computes T of a panel from V and τ.
struct FindFactor<'a, T> {
    vectors: &'a [T],
    scales: &'a [T],
    factor: &'a mut [T],
    stopped: &'a mut dyn FnMut() -> bool,
}

impl<T: Compute> WithFused for FindFactor<'_, T> {
    type Output = Result<(), Error>;

    #[inline(always)]
    fn call<S: Fused>(self, simd: S) -> Result<(), Error> {
        let width = self.scales.len();
        let mut gram = zeros((width * width) as u64)?;
        find_gram(simd, self.vectors, width, &mut gram, self.stopped);
        let mut column = [T::default(); PANEL];
        for i in 0..width {
            // column[l] = Σ_{l ≤ s < i} T[l, s]·gram[s, i]
            let column = &mut column[..i];
            column.fill(T::default());
            for s in 0..i {
                for (l, sum) in column[..=s].iter_mut().enumerate() {
                    *sum = T::fused(simd, self.factor[l * width + s], gram[s * width + i], *sum);
                }
            }
            for (l, &sum) in column.iter().enumerate() {
                self.factor[l * width + i] = -(self.scales[i] * sum);
            }
            self.factor[i * width + i] = self.scales[i];
        }
        Ok(())
    }
}

/// Computes the upper triangle of Vᵀ·V; partial sums if it is stopped.
#[inline(always)]
fn find_gram<S: Fused, T: Compute>(
    simd: S,
    vectors: &[T],
    width: usize,
    gram: &mut [T],
    stopped: &mut dyn FnMut() -> bool,
) {
    let strip = strip_width::<S, T>();
    for start in (0..width).step_by(strip) {
        let end = width.min(start + strip);
        let mut sums = [<Row<S, T>>::zeroed(); PANEL];
        for block in vectors.chunks(PACKED_ROWS * width) {
            if stopped() {
                return;
            }
            let mut packed = [<Row<S, T>>::zeroed(); PACKED_ROWS];
            for (packed, row) in packed.iter_mut().zip(block.chunks_exact(width)) {
                elements_mut::<S, T>(packed)[..end - start].copy_from_slice(&row[start..end]);
            }
            add_transposed_product(simd, block, width, &packed, &mut sums[..end]);
        }
        for (row, sums) in gram.chunks_exact_mut(width).zip(&sums[..end]) {
            row[start..end].copy_from_slice(&elements::<S, T>(sums)[..end - start]);
        }
    }
}
