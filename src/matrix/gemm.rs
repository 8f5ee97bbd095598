//! Matrix products whose bits do not depend on how they are divided (`docs/stream.md`, section 8).
//!
//! Every element of a product has one accumulator. Its terms are added in ascending order, each by one fused
//! multiply-add. Tiles, vector widths and threads only decide which accumulators are computed together.
//!
//! The right-hand matrix and the result are stored in strips, two vectors wide, whose rows are contiguous. A tile is a few
//! rows of a strip; its accumulators stay in registers.

use crate::cpu::dispatch::{WithFused, width_limit};
use crate::cpu::float_mode::in_standard_mode;
use crate::cpu::fused::Fused;
use crate::cpu::fused_check::check;
use crate::cpu::tuning::PRODUCT_DEPTH;
use crate::error::Error;
use crate::float::element::Compute;
use crate::float::lanes::Lanes;
use crate::memory::{try_collect, zeros_2d};
use ndarray::{Array2, ArrayRef2, Axis};
use pulp::NullaryFnOnce;

/// A row of a strip.
pub(crate) type Row<S, T> = [<T as Lanes>::Vector<S>; 2];

/// Number of columns of a strip.
pub(crate) const fn strip_width<S: Fused, T: Lanes>() -> usize {
    size_of::<Row<S, T>>() / size_of::<T>()
}

/// The elements of a row of a strip.
#[inline(always)]
pub(crate) fn elements<S: Fused, T: Lanes>(row: &Row<S, T>) -> &[T] {
    bytemuck::cast_slice(row.as_slice())
}

/// The elements of a row of a strip, mutable.
#[inline(always)]
pub(crate) fn elements_mut<S: Fused, T: Lanes>(row: &mut Row<S, T>) -> &mut [T] {
    bytemuck::cast_slice_mut(row.as_mut_slice())
}

/// Adds aᵀ·b to the sums: `sums[i] += Σ_k a[k, i]·b[k]`. The matrix a has `stride` columns.
#[inline(always)]
pub(crate) fn add_transposed_product<S: Fused, T: Compute>(
    simd: S,
    a: &[T],
    stride: usize,
    b: &[Row<S, T>],
    sums: &mut [Row<S, T>],
) {
    simd.vectorize(AddTransposedProduct { simd, a, stride, b, sums });
}

/// [`add_transposed_product`] as a function of its own: its tiles are large, and several callers need it.
struct AddTransposedProduct<'a, S: Fused, T: Compute> {
    simd: S,
    a: &'a [T],
    stride: usize,
    b: &'a [Row<S, T>],
    sums: &'a mut [Row<S, T>],
}

impl<S: Fused, T: Compute> NullaryFnOnce for AddTransposedProduct<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, a, stride, b, sums } = self;
        for (a, b) in a.chunks(PRODUCT_DEPTH * stride).zip(b.chunks(PRODUCT_DEPTH)) {
            let (eights, fours, ones) = tiles::<S, _>(sums);
            let mut first = 0;
            for tile in eights {
                accumulate(simd, rows_from(a, stride, first), b, tile);
                first += 8;
            }
            for tile in fours {
                accumulate(simd, rows_from(a, stride, first), b, tile);
                first += 4;
            }
            for tile in ones {
                accumulate(simd, rows_from(a, stride, first), b, tile);
                first += 1;
            }
        }
    }
}

/// `sums[i] += Σ_k a[i, k]·b[k]`: adds a·b. The matrix a has as many columns as b has rows.
#[inline(always)]
pub(crate) fn add_product<S: Fused, T: Compute>(simd: S, a: &[T], b: &[Row<S, T>], sums: &mut [Row<S, T>]) {
    simd.vectorize(AddProduct { simd, a, b, sums });
}

/// [`add_product`] in a function of its own, as [`AddTransposedProduct`].
struct AddProduct<'a, S: Fused, T: Compute> {
    simd: S,
    a: &'a [T],
    b: &'a [Row<S, T>],
    sums: &'a mut [Row<S, T>],
}

impl<S: Fused, T: Compute> NullaryFnOnce for AddProduct<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, a, b, sums } = self;
        let depth = b.len();
        let (eights, fours, ones) = tiles::<S, _>(sums);
        let (a_eights, a) = a.split_at(eights.len() * 8 * depth);
        let (a_fours, a_ones) = a.split_at(fours.len() * 4 * depth);
        for (tile, a) in eights.iter_mut().zip(a_eights.chunks_exact(8 * depth)) {
            accumulate(simd, columns_of(a, depth), b, tile);
        }
        for (tile, a) in fours.iter_mut().zip(a_fours.chunks_exact(4 * depth)) {
            accumulate(simd, columns_of(a, depth), b, tile);
        }
        for (tile, a) in ones.iter_mut().zip(a_ones.chunks_exact(depth)) {
            accumulate(simd, columns_of(a, depth), b, tile);
        }
    }
}

/// Writes −a·b: `out[i] = −Σ_k a[i, k]·b[k]`. `out` must be zero.
#[inline(always)]
pub(crate) fn negative_product<S: Fused, T: Compute>(simd: S, a: &[T], b: &[Row<S, T>], out: &mut [Row<S, T>]) {
    add_product(simd, a, b, out);
    for row in out {
        for x in elements_mut::<S, T>(row) {
            *x = -*x;
        }
    }
}

/// Divides rows of the result into tiles of eight, four and one rows. The sums of a tile are in registers at once: 16 sums,
/// two loaded vectors and a coefficient fit into 32 registers, eight sums with them into 16.
#[inline(always)]
#[expect(clippy::type_complexity, reason = "three slices")]
fn tiles<S: Fused, R>(sums: &mut [R]) -> (&mut [[R; 8]], &mut [[R; 4]], &mut [[R; 1]]) {
    let eights = if S::REGISTERS >= 32 { sums.len() / 8 } else { 0 };
    let (head, rest) = sums.split_at_mut(8 * eights);
    let (fours, ones) = rest.as_chunks_mut();
    (head.as_chunks_mut().0, fours, ones.as_chunks_mut().0)
}

/// Columns `first` to `first` + M of a matrix with `stride` columns, row by row.
#[inline(always)]
fn rows_from<T: Copy, const M: usize>(a: &[T], stride: usize, first: usize) -> impl Iterator<Item = [T; M]> {
    a.chunks_exact(stride).map(move |row| *row[first..].first_chunk().expect("rows of whole tiles"))
}

/// The columns of the first M rows of a matrix with `width` columns.
#[inline(always)]
fn columns_of<T: Copy, const M: usize>(a: &[T], width: usize) -> impl Iterator<Item = [T; M]> {
    let rows: [&[T]; M] = std::array::from_fn(|i| &a[i * width..][..width]);
    (0..width).map(move |k| std::array::from_fn(|i| rows[i][k]))
}

/// The innermost loop: adds each row of b times M coefficients to the M sums.
#[inline(always)]
fn accumulate<S: Fused, T: Compute, const M: usize>(
    simd: S,
    coefficients: impl Iterator<Item = [T; M]>,
    b: &[Row<S, T>],
    sums: &mut [Row<S, T>; M],
) {
    let mut local = *sums;
    for (coefficients, b) in coefficients.zip(b) {
        for (sum, &coefficient) in local.iter_mut().zip(&coefficients) {
            let coefficient = T::splat(simd, coefficient);
            *sum =
                [T::fused_vectors(simd, coefficient, b[0], sum[0]), T::fused_vectors(simd, coefficient, b[1], sum[1])];
        }
    }
    *sums = local;
}

/// A cache line: no vector lies across two of them.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Memory for rows of strips, initially zero.
pub(crate) struct Rows {
    lines: Vec<Line>,
}

impl Rows {
    /// Allocates `count` rows.
    pub(crate) fn new<S: Fused, T: Lanes>(count: usize) -> Result<Self, Error> {
        let bytes = count.checked_mul(size_of::<Row<S, T>>()).ok_or(Error::Memory)?;
        let lines = bytemuck::allocation::try_zeroed_vec(bytes.div_ceil(size_of::<Line>()));
        Ok(Self { lines: lines.map_err(|()| Error::Memory)? })
    }

    /// All rows.
    #[inline(always)]
    pub(crate) fn as_mut<S: Fused, T: Lanes>(&mut self) -> &mut [Row<S, T>] {
        bytemuck::cast_slice_mut(&mut self.lines)
    }
}

/// Returns a·b, for convolution kernels. `a` must have as many columns as `b` has rows, at least one.
pub(crate) fn multiply<T: Compute>(a: &ArrayRef2<T>, b: &ArrayRef2<T>) -> Result<Array2<T>, Error> {
    let width = width_limit();
    check(width)?;
    let mut out = zeros_2d((a.nrows(), b.ncols()))?;
    let a = try_collect(a.iter().copied())?;
    in_standard_mode(|| width.run_with_fused(Multiply { a: &a, b, out: &mut out }))?;
    Ok(out)
}

struct Multiply<'a, T> {
    a: &'a [T],
    b: &'a ArrayRef2<T>,
    out: &'a mut Array2<T>,
}

impl<T: Compute> WithFused for Multiply<'_, T> {
    type Output = Result<(), Error>;

    #[inline(always)]
    fn call<S: Fused>(self, simd: S) -> Result<(), Error> {
        let (rows, depth) = (self.out.nrows(), self.b.nrows());
        let width = strip_width::<S, T>();
        let chunks = self.b.axis_chunks_iter(Axis(1), width).zip(self.out.axis_chunks_iter_mut(Axis(1), width));
        for (b, mut out) in chunks {
            let mut memory = Rows::new::<S, T>(depth.saturating_add(rows))?;
            let (strip, sums) = memory.as_mut::<S, T>()[..depth + rows].split_at_mut(depth);
            for (row, b) in strip.iter_mut().zip(b.rows()) {
                elements_mut::<S, T>(row).iter_mut().zip(b).for_each(|(x, &b)| *x = b);
            }
            add_product(simd, self.a, strip, sums);
            for (row, mut out) in sums.iter().zip(out.rows_mut()) {
                out.iter_mut().zip(elements::<S, T>(row)).for_each(|(out, &x)| *out = x);
            }
        }
        Ok(())
    }
}
