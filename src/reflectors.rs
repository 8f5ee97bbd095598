//! Householder reflectors in panels, drawn from the stream (`docs/stream.md`, section 11).
//!
//! G. W. Stewart, "The efficient generation of random orthogonal matrices with an application to condition
//! estimators", 1980: the reflectors that would triangularise a Gaussian matrix are those of independent Gaussian
//! vectors. Compact WY form: R. Schreiber and C. Van Loan, "A storage-efficient WY representation for products of
//! Householder transformations", 1989.

use crate::error::Error;
use crate::fill::{fill_run, zeros};
use crate::float::Compute;
use crate::gemm::{Row, add_transposed_product, elements, elements_mut, strip_width};
use crate::normal::NormalKernel;
use crate::parallel::for_each;
use crate::simd::dispatch;
use crate::stream::Seed;
use bytemuck::Zeroable;
use pulp::{Simd, WithSimd};

/// Reflectors in a panel. It decides how sums are grouped, and so the bits: it never changes.
pub(crate) const PANEL: usize = 64;

/// Terms of a sum of squares in one block of it: part of the definition as well.
const BLOCK: usize = 1024;

/// Blocks of normals drawn at once: the values stay in the second-level cache.
const PIECE: usize = 8 * BLOCK;

/// Rows of a panel that are drawn together.
const ROWS: usize = 2048;

/// I − V·T·Vᵀ, the product of up to [`PANEL`] reflectors, the first one leftmost.
pub(crate) struct Panel<T> {
    /// Number of its first reflector; above that row V is zero, and not stored.
    pub(crate) first: usize,
    /// How many reflectors.
    pub(crate) width: usize,
    /// V row by row, `width` columns, from row `first` on.
    pub(crate) vectors: Vec<T>,
    /// T row by row, `width` columns, upper triangular.
    pub(crate) factor: Vec<T>,
}

/// Reflectors of vectors of length `rows`, and the signs that columns are multiplied by in the end.
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
        threads: usize,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<Self, Error> {
        let normal = NormalKernel::<T>::standard();
        let vector_of = |k: usize| k as u64 * 64 * rows.div_ceil(64) as u64;

        let mut reflectors = Self::zeros(rows, count)?; // the largest piece of memory first
        let mut heads = vec![Head::default(); count];
        let find = |(k, head): (usize, &mut Head<T>)| {
            *head = find_head(&normal, seed, vector_of(k), rows - k);
        };
        for_each(heads.iter_mut().enumerate(), threads, |item, _| find(item), interrupted)?;

        for (sign, head) in reflectors.signs.iter_mut().zip(&heads) {
            *sign = head.sign;
        }
        let parts = reflectors.panels.iter_mut().flat_map(|panel| {
            let (first, width) = (panel.first, panel.width);
            panel.vectors.chunks_mut(ROWS * width).enumerate().map(move |(i, part)| (first, width, i * ROWS, part))
        });
        let draw = |(first, width, start, part): (usize, usize, usize, &mut [T])| {
            let mut values = [T::default(); ROWS];
            let rows = part.len() / width;
            for column in 0..width {
                // Row r of the panel has element r − column of the vector; above it is zero.
                let skip = column.saturating_sub(start).min(rows);
                let values = &mut values[..rows - skip];
                fill_run(&normal, seed, vector_of(first + column) + (start + skip - column) as u64, values);
                for (row, &value) in part[skip * width..].chunks_exact_mut(width).zip(values.iter()) {
                    row[column] = value;
                }
                if (start..start + rows).contains(&column) {
                    part[(column - start) * width + column] = heads[first + column].leading;
                }
            }
        };
        for_each(parts, threads, |part, _| draw(part), interrupted)?;

        let scales: Vec<T> = heads.iter().map(|head| head.scale).collect();
        let factor = |panel: &mut Panel<T>| panel.find_factor(&scales[panel.first..][..panel.width]);
        for_each(reflectors.panels.iter_mut(), threads, |panel, _| factor(panel), interrupted)?;
        Ok(reflectors)
    }

    /// Room for `count` reflectors of vectors of length `rows`.
    pub(crate) fn zeros(rows: usize, count: usize) -> Result<Self, Error> {
        let zeros = |len: usize| zeros(len as u64);
        let signs = zeros(count)?;
        let panel = |first: usize| {
            let width = PANEL.min(count - first);
            let len = (rows - first).checked_mul(width).ok_or(Error::Memory)?;
            Ok(Panel { first, width, vectors: zeros(len)?, factor: zeros(width * width)? })
        };
        let panels = (0..count).step_by(PANEL).map(panel).collect::<Result<_, _>>()?;
        Ok(Self { rows, panels, signs })
    }
}

impl<T: Compute> Panel<T> {
    /// Makes T of V and τ.
    pub(crate) fn find_factor(&mut self, scales: &[T]) {
        dispatch(FindFactor { vectors: &self.vectors, scales, factor: &mut self.factor });
    }
}

/// What a reflector I − τ·v·vᵀ needs beside the vector x that it is made from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Head<T> {
    /// v₁; the other elements of v are those of x.
    pub(crate) leading: T,
    /// τ.
    pub(crate) scale: T,
    /// The sign d of the column: x becomes d·‖x‖ times the first unit vector.
    pub(crate) sign: T,
}

impl<T: Compute> Head<T> {
    /// From x₁ and the sum of the squares of the other elements.
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

/// x², rounded once, by the instruction that emulators get right (`docs/reproducibility.md`, "s390x and qemu").
#[inline(always)]
fn square(x: f64) -> f64 {
    x.mul_add(x, 0.0)
}

/// The head of the reflector whose `len` normals begin at element `first` of the stream.
fn find_head<T: Compute>(normal: &NormalKernel<T>, seed: Seed, first: u64, len: usize) -> Head<T> {
    let mut leading = [T::default()];
    fill_run(normal, seed, first, &mut leading);
    let mut sums = Vec::with_capacity((len - 1).div_ceil(BLOCK));
    let mut values = [T::default(); PIECE];
    for start in (1..len).step_by(PIECE) {
        let values = &mut values[..PIECE.min(len - start)];
        fill_run(normal, seed, first + start as u64, values);
        dispatch(SumSquares { terms: values, sums: &mut sums });
    }
    Head::new(leading[0], sum_blocks(sums))
}

/// Sums of the squares of the terms, block by block.
pub(crate) struct SumSquares<'a, T> {
    pub(crate) terms: &'a [T],
    pub(crate) sums: &'a mut Vec<f64>,
}

impl<T: Compute> WithSimd for SumSquares<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for block in self.terms.chunks(BLOCK) {
            let mut lanes = [0.0; 16];
            for terms in block.chunks(16) {
                for (lane, term) in lanes.iter_mut().zip(terms) {
                    let term = term.to_f64();
                    *lane = term.mul_add(term, *lane);
                }
            }
            self.sums.push(fold(lanes));
        }
    }
}

/// The sum of the sums of blocks, in blocks again, until one is left.
pub(crate) fn sum_blocks(mut sums: Vec<f64>) -> f64 {
    while sums.len() > 1 {
        let add = |block: &[f64]| {
            let mut lanes = [0.0; 16];
            for (i, sum) in block.iter().enumerate() {
                lanes[i % 16] += sum;
            }
            fold(lanes)
        };
        sums = sums.chunks(BLOCK).map(add).collect();
    }
    sums.first().copied().unwrap_or(0.0)
}

fn fold(mut lanes: [f64; 16]) -> f64 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
    }
    lanes[0]
}

/// T of a panel from V and τ.
struct FindFactor<'a, T> {
    vectors: &'a [T],
    scales: &'a [T],
    factor: &'a mut [T],
}

impl<T: Compute> WithSimd for FindFactor<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.scales.len();
        let mut gram = vec![T::default(); width * width];
        find_gram(simd, self.vectors, width, &mut gram);
        let mut column = [T::default(); PANEL];
        for i in 0..width {
            // column[l] = Σ_{l ≤ s < i} T[l, s]·gram[s, i]
            let column = &mut column[..i];
            column.fill(T::default());
            for s in 0..i {
                for (l, sum) in column[..=s].iter_mut().enumerate() {
                    *sum = self.factor[l * width + s].fused(gram[s * width + i], *sum);
                }
            }
            for (l, &sum) in column.iter().enumerate() {
                self.factor[l * width + i] = -(self.scales[i] * sum);
            }
            self.factor[i * width + i] = self.scales[i];
        }
    }
}

/// Rows of V that are laid out as a strip together.
const PACKED: usize = 128;

/// The upper triangle of Vᵀ·V.
#[inline(always)]
fn find_gram<S: Simd, T: Compute>(simd: S, vectors: &[T], width: usize, gram: &mut [T]) {
    let strip = strip_width::<S, T>();
    for start in (0..width).step_by(strip) {
        let end = width.min(start + strip);
        let mut sums = [<Row<S, T>>::zeroed(); PANEL];
        for block in vectors.chunks(PACKED * width) {
            let mut packed = [<Row<S, T>>::zeroed(); PACKED];
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
