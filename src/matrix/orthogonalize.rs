//! The orthogonal factor of a given matrix (`docs/stream.md`, section 8).
//!
//! Blocked Householder QR (R. Schreiber and C. Van Loan, 1989), with the products and reflectors of the random matrices.
//! No bit depends on threads, tiles or vector widths.

use crate::cpu::dispatch::WithFused;
use crate::cpu::execution::Execution;
use crate::cpu::float_mode::in_standard_mode;
use crate::cpu::fused::Fused;
use crate::cpu::fused_check::check;
use crate::cpu::queue::{Poll, for_each};
use crate::error::Error;
use crate::float::element::Compute;
use crate::matrix::gemm::{
    Row, Rows, add_product, add_transposed_product, elements, elements_mut, negative_product, strip_width,
};
use crate::matrix::product::{multiply_out, threads_for};
use crate::matrix::reflectors::{Head, PANEL, Panel, Reflectors, SumSquares, block_sums, sum_blocks};
use crate::memory::{try_collect, zeros, zeros_2d};
use bytemuck::Zeroable;
use ndarray::{Array2, ArrayRef2, ArrayView2, ArrayViewMut2};
use pulp::NullaryFnOnce;
use std::slice::from_ref;

/// Returns Q of the QR factorization of `matrix` in which the diagonal of R is ≥ 0: the orthonormal columns that the
/// Gram–Schmidt process makes of its columns.
///
/// |QᵀQ − 1| ≤ (12 + √m/2)·ε, where m is the longer side. Q is orthonormal even if columns of `matrix` are linearly
/// dependent. A matrix with more columns than rows is transposed before and after.
///
/// ```
/// use initializers::orthogonalize;
/// use ndarray::array;
///
/// let q = orthogonalize(&array![[3.0, 1.0], [4.0, 2.0]])?;
/// assert!((q - array![[0.6, -0.8], [0.8, 0.6]]).iter().all(|x: &f64| x.abs() < 1e-15));
/// # Ok::<(), initializers::Error>(())
/// ```
///
/// # Errors
/// [`Error::Parameter`] if an element is NaN or infinite, [`Error::Memory`] if the reflectors cannot be allocated,
/// [`Error::Threads`] if `INITIALIZERS_NUM_THREADS` is invalid.
pub fn orthogonalize<T: Compute>(matrix: &ArrayRef2<T>) -> Result<Array2<T>, Error> {
    let mut out = zeros_2d(matrix.dim())?;
    orthogonalize_into(matrix, out.view_mut(), Execution::current(), &mut || false)?;
    Ok(out)
}

/// [`orthogonalize`] into an existing matrix of the same shape.
pub(crate) fn orthogonalize_into<T: Compute>(
    matrix: &ArrayRef2<T>,
    out: ArrayViewMut2<'_, T>,
    execution: Execution,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    if let Some(value) = matrix.iter().map(|x| x.to_f64()).find(|x| !x.is_finite()) {
        return Err(Error::Parameter { name: "matrix", condition: "made of finite numbers", value });
    }
    if matrix.is_empty() {
        return Ok(());
    }
    check(execution.width)?;
    let wide = matrix.nrows() < matrix.ncols();
    let (matrix, out) = if wide { (matrix.t(), out.reversed_axes()) } else { (matrix.view(), out) };
    let (rows, columns) = matrix.dim();
    let execution = execution.with_useful_threads(threads_for(rows, columns));
    in_standard_mode(|| {
        let reflectors = execution.width.run_with_fused(Factorize { matrix, execution, interrupted })?;
        let [rows, columns] = [0..rows, 0..columns];
        let ranges = [from_ref(&rows), from_ref(&columns)];
        multiply_out(&reflectors, T::from_f64(1.0), ranges, out, execution, interrupted)
    })
}

/// Computes the reflectors that triangularize a matrix with at least as many rows as columns.
struct Factorize<'a, 'b, T> {
    matrix: ArrayView2<'a, T>,
    execution: Execution,
    interrupted: &'b mut dyn FnMut() -> bool,
}

impl<T: Compute> WithFused for Factorize<'_, '_, T> {
    type Output = Result<Reflectors<T>, Error>;

    #[inline(always)]
    fn call<S: Fused>(self, simd: S) -> Self::Output {
        let Self { matrix, execution, interrupted } = self;
        let (rows, columns) = matrix.dim();
        let width = strip_width::<S, T>();
        let mut reflectors = Reflectors::zeros(rows, columns)?;
        let mut memory = Rows::new::<S, T>(rows.checked_mul(columns.div_ceil(width)).ok_or(Error::Memory)?)?;
        let strips = memory.as_mut::<S, T>();
        let scales = scales(&matrix)?;
        for (i, strip) in strips.chunks_exact_mut(rows).take(columns.div_ceil(width)).enumerate() {
            for (row, source) in strip.iter_mut().zip(matrix.rows()) {
                let columns = source.iter().zip(&scales).skip(i * width);
                for (x, (&value, scale)) in elements_mut::<S, T>(row).iter_mut().zip(columns) {
                    *x = value * scale[0] * scale[1];
                }
            }
        }
        for panel in &mut reflectors.panels {
            let strips_here = panel.width.div_ceil(width);
            let (here, later) = strips[panel.first / width * rows..].split_at_mut(strips_here * rows);
            let mut poll = Poll::new(interrupted);
            let mut scales = [T::default(); PANEL];
            let scales = &mut scales[..panel.width];
            for (number, scale) in scales.iter_mut().enumerate() {
                if poll.is_stopped() {
                    return Err(Error::Interrupted);
                }
                let head = simd.vectorize(Reflect { simd, strips: here, rows, first: panel.first, number })?;
                reflectors.signs[panel.first + number] = head.sign;
                *scale = head.scale;
            }
            copy_vectors::<S, T>(here, rows, panel);
            panel.find_factor(scales, execution.width, &mut || poll.is_stopped())?;
            if poll.is_stopped() {
                return Err(Error::Interrupted);
            }
            let (w, panel) = (panel.width, &*panel);
            let factor_transposed = try_collect((0..w * w).map(|i| panel.factor[i % w * w + i / w]))?;
            let update = |strip: &mut [Row<S, T>], _: &mut dyn FnMut() -> bool| {
                simd.vectorize(Update { simd, panel, factor_transposed: &factor_transposed, strip });
                Ok(())
            };
            for_each(later.chunks_exact_mut(rows), execution, update, interrupted)?;
        }
        Ok(reflectors)
    }
}

/// Computes reflector `number` of a panel from its column and applies it to the later columns of the panel.
struct Reflect<'a, S: Fused, T: Compute> {
    simd: S,
    /// The columns of the panel.
    strips: &'a mut [Row<S, T>],
    rows: usize,
    first: usize,
    number: usize,
}

impl<S: Fused, T: Compute> NullaryFnOnce for Reflect<'_, S, T> {
    type Output = Result<Head<T>, Error>;

    #[inline(always)]
    fn call(self) -> Result<Head<T>, Error> {
        let Self { simd, strips, rows, first, number } = self;
        let width = strip_width::<S, T>();
        let (mut strips, place) = (strips.chunks_exact_mut(rows).skip(number / width).peekable(), number % width);
        let column = strips.peek_mut().expect("the strip of the column");
        let mut vector = try_collect(column[first + number..].iter().map(|row| elements::<S, T>(row)[place]))?;
        let head_of = |vector: &[T]| {
            let mut sums = block_sums(vector.len() - 1)?;
            SumSquares { terms: &vector[1..], sums: &mut sums }.call(simd);
            Ok(Head::new(vector[0], sum_blocks(sums)))
        };
        let mut head = head_of(&vector)?;
        if head.scale.to_f64() >= LARGE_SCALE {
            let largest = vector.iter().fold(0.0f64, |largest, x| largest.max(x.to_f64().abs()));
            let scale = powers_to_one::<T>(largest);
            for (x, row) in vector.iter_mut().zip(&mut column[first + number..]) {
                *x = *x * scale[0] * scale[1];
                elements_mut::<S, T>(row)[place] = *x;
            }
            head = head_of(&vector)?;
        }
        vector[0] = head.leading;
        elements_mut::<S, T>(&mut column[first + number])[place] = head.leading;
        // In the first strip, the columns up to this one are not changed.
        let mut done = place + 1;
        for strip in strips {
            let below = &mut strip[first + number..];
            let mut products = [<Row<S, T>>::zeroed()];
            add_transposed_product(simd, &vector, 1, below, &mut products);
            for (j, product) in elements_mut::<S, T>(&mut products[0]).iter_mut().enumerate() {
                *product = if j < done { T::default() } else { -(head.scale * *product) };
            }
            add_product(simd, &vector, &products, below);
            done = 0;
        }
        Ok(head)
    }
}

/// Copies V of a panel from its columns, which hold R above V.
fn copy_vectors<S: Fused, T: Compute>(strips: &[Row<S, T>], rows: usize, panel: &mut Panel<T>) {
    let width = strip_width::<S, T>();
    for (strip, start) in strips.chunks_exact(rows).zip((0..panel.width).step_by(width)) {
        let end = panel.width.min(start + width);
        for (r, row) in strip[panel.first..].iter().enumerate() {
            let end = end.min(r + 1).max(start);
            panel.vectors[r * panel.width..][start..end].copy_from_slice(&elements::<S, T>(row)[..end - start]);
        }
    }
}

/// Applies the reflectors of a panel, the first one first, to later columns.
struct Update<'a, S: Fused, T: Compute> {
    simd: S,
    panel: &'a Panel<T>,
    factor_transposed: &'a [T],
    strip: &'a mut [Row<S, T>],
}

impl<S: Fused, T: Compute> NullaryFnOnce for Update<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, panel, factor_transposed, strip } = self;
        let below = &mut strip[panel.first..];
        let mut products = [<Row<S, T>>::zeroed(); PANEL];
        let mut factors = [<Row<S, T>>::zeroed(); PANEL];
        let (products, factors) = (&mut products[..panel.width], &mut factors[..panel.width]);
        add_transposed_product(simd, &panel.vectors, panel.width, below, products);
        negative_product(simd, factor_transposed, products, factors);
        add_product(simd, &panel.vectors, factors, below);
    }
}

/// A vector whose τ is this large is scaled first: it is the small remainder of a column that depends on those before it,
/// and its τ, or products with τ, could overflow. Scaling by a power of two changes no other bit of the result.
const LARGE_SCALE: f64 = (1u64 << 40) as f64;

/// For each column, the powers of two that scale its largest magnitude into [1, 2). No square overflows then, and Q does not
/// change.
fn scales<T: Compute>(matrix: &ArrayView2<'_, T>) -> Result<Vec<[T; 2]>, Error> {
    let mut largest: Vec<f64> = zeros(matrix.ncols() as u64)?;
    for row in matrix.rows() {
        for (largest, x) in largest.iter_mut().zip(row) {
            *largest = largest.max(x.to_f64().abs());
        }
    }
    try_collect(largest.into_iter().map(powers_to_one))
}

/// Two powers of two whose product scales a magnitude into [1, 2); 1 for 0. (A single power could be out of range.)
fn powers_to_one<T: Compute>(magnitude: f64) -> [T; 2] {
    if magnitude == 0.0 {
        return [T::from_f64(1.0); 2];
    }
    let power_of = |n: i64| f64::from_bits(((1023 + n) as u64) << 52);
    // Subnormal numbers are scaled first, so that the exponent field holds the size.
    let (magnitude, moved) =
        if magnitude < f64::MIN_POSITIVE { (magnitude * power_of(54), 54) } else { (magnitude, 0) };
    let power = 1023 + moved - (magnitude.to_bits() >> 52) as i64;
    [power / 2, power - power / 2].map(|half| T::from_f64(power_of(half)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fill, Normal};

    fn check<T: Compute>(matrix: &Array2<T>, epsilon: f64) {
        let q = orthogonalize(matrix).unwrap();
        let wide = matrix.nrows() < matrix.ncols();
        let [q, a] = [&q, matrix].map(|x| if wide { x.t().mapv(T::to_f64) } else { x.mapv(T::to_f64) });
        let limit = (12.0 + (q.nrows() as f64).sqrt() / 2.0) * epsilon;
        let error = q.t().dot(&q) - Array2::<f64>::eye(q.ncols());
        assert!(error.iter().all(|x| x.abs() <= limit), "{:?}", q.dim());
        // R = QᵀA is upper triangular with a diagonal ≥ 0.
        let r = q.t().dot(&a);
        for ((i, j), &x) in r.indexed_iter() {
            let size = a.column(j).dot(&a.column(j)).sqrt() * limit;
            assert!(if i > j { x.abs() <= size } else { i < j || x >= -size }, "R[{i}, {j}] = {x} of {:?}", q.dim());
        }
    }

    #[test]
    fn factors_are_orthogonal_and_triangular() {
        for (rows, columns) in
            [(1, 1), (2, 1), (3, 3), (5, 4), (64, 64), (65, 65), (130, 67), (70, 200), (1, 9), (300, 129)]
        {
            let matrix = Normal::new(0.0, 1.0).unwrap();
            check::<f64>(&matrix.sample(rows as u64, (rows, columns)).unwrap(), f64::EPSILON);
            check::<f32>(&matrix.sample(rows as u64, (rows, columns)).unwrap(), f32::EPSILON as f64);
        }
    }

    #[test]
    fn dependent_and_extreme_columns() {
        let zeros = Array2::<f64>::zeros((7, 5));
        assert_eq!(orthogonalize(&zeros).unwrap(), Array2::<f64>::eye(7).slice_axis(ndarray::Axis(1), (0..5).into()));
        let mut ones = Array2::<f32>::ones((100, 80));
        check(&ones, f32::EPSILON as f64);
        ones.column_mut(3).fill(0.0);
        check(&ones, f32::EPSILON as f64);
        let matrix: Array2<f64> = Normal::new(0.0, 1.0).unwrap().sample(5, (90, 70)).unwrap();
        let q = orthogonalize(&matrix).unwrap();
        for scale in [f64::MAX / 8.0, 2f64.powi(-1000), 2f64.powi(-300), 2f64.powi(700)] {
            let scale = f64::from_bits(scale.to_bits() & !((1 << 52) - 1));
            let mut scaled = matrix.clone();
            scaled.column_mut(1).mapv_inplace(|x| x * scale);
            assert_eq!(orthogonalize(&scaled).unwrap(), q, "{scale}");
        }
        let tiny = matrix.mapv(|x| x as f32 * f32::from_bits(1 << 12));
        check(&tiny, f32::EPSILON as f64);
    }

    /// The remainder of the second column is so small that τ would overflow.
    #[test]
    fn nearly_dependent_columns() {
        let column = [1e-30, 464.0, 1.0, 3.4e38, 65504.0f32];
        check(&Array2::from_shape_fn((5, 3), |(i, j)| if i == 2 * j { 1.0 } else { column[i] }), f32::EPSILON as f64);
        let column = [1e-250, 464.0, 1.0, 1.7e308, 1e4];
        check(&Array2::from_shape_fn((5, 3), |(i, j)| if i == 2 * j { 1.0 } else { column[i] }), f64::EPSILON);
    }

    #[test]
    fn bad_matrices() {
        for bad in [f32::NAN, f32::INFINITY] {
            let error = orthogonalize(&ndarray::arr2(&[[1.0], [bad]])).unwrap_err();
            assert!(error.to_string().contains("`matrix`"));
        }
        assert_eq!(orthogonalize(&Array2::<f32>::zeros((0, 3))).unwrap().dim(), (0, 3));
    }

    #[test]
    fn a_matrix_too_large_for_memory_is_an_error() {
        let one = ndarray::arr2(&[[1.0f32]]);
        let huge = one.broadcast((1 << 31, 1 << 31)).unwrap();
        assert_eq!(orthogonalize(&huge).unwrap_err(), Error::Memory);
    }

    #[test]
    fn one_tall_panel_can_be_interrupted() {
        let matrix: Array2<f32> = Normal::new(0.0, 1.0).unwrap().sample(1, (100_000, 64)).unwrap();
        let mut out = Array2::zeros(matrix.dim());
        let mut asked = 0;
        let result = orthogonalize_into(&matrix, out.view_mut(), Execution::current(), &mut || {
            asked += 1;
            true
        });
        assert_eq!((result, asked), (Err(Error::Interrupted), 1));
        assert!(out.iter().all(|&x| x == 0.0), "written before the panel was factorized");
    }
}
