//! Compares orthogonal matrices with LAPACK's (feature `lapack`).

use initializers::{Fill, Normal, Orthogonal, orthogonalize};
use ndarray::{Array2, ArrayRef2};
use ndarray_linalg::{Lapack, QR, Scalar};

/// Returns LAPACK's orthogonal factor, with the diagonal of R made positive.
fn factor<A: Lapack + Scalar<Real = A> + PartialOrd>(matrix: &Array2<A>) -> Array2<A> {
    if matrix.nrows() < matrix.ncols() {
        return factor(&matrix.t().to_owned()).t().to_owned();
    }
    let (mut q, r) = matrix.qr().unwrap();
    for (mut column, diagonal) in q.columns_mut().into_iter().zip(r.diag()) {
        if *diagonal < A::zero() {
            column.mapv_inplace(|x| -x);
        }
    }
    q
}

fn assert_close<A: Lapack + Scalar<Real = A>>(left: &ArrayRef2<A>, right: &ArrayRef2<A>, limit: f64) {
    for (index, &x) in left.indexed_iter() {
        let difference = (x - right[index]).abs().to_f64().unwrap();
        assert!(difference <= limit, "{index:?} of {:?}: {difference}", left.dim());
    }
}

/// A well-conditioned matrix, so that the factors of two algorithms differ by a few roundings only.
fn matrix(rows: usize, columns: usize) -> Array2<f64> {
    let mut matrix: Array2<f64> = Normal::new(0.0, 1.0).unwrap().sample(9, (rows, columns)).unwrap();
    matrix.diag_mut().mapv_inplace(|x| x + 3.0 * ((rows + columns) as f64).sqrt());
    matrix
}

const SHAPES: [(usize, usize); 8] = [(1, 1), (3, 3), (7, 4), (4, 7), (64, 64), (150, 129), (90, 200), (1000, 70)];

#[test]
fn orthogonalize_returns_the_factor_of_lapack() {
    for (rows, columns) in SHAPES {
        let wide = matrix(rows, columns);
        assert_close(&orthogonalize(&wide).unwrap(), &factor(&wide), 1e-13);
        let narrow = wide.mapv(|x| x as f32);
        assert_close(&orthogonalize(&narrow).unwrap(), &factor(&narrow), 1e-4);
    }
}

/// Q of the stream against LAPACK's Q of a Gaussian matrix with those reflectors: Q times an upper triangle whose
/// diagonal has the lengths of the reflectors' vectors, and normals above it.
#[test]
fn random_matrices_are_the_factors_of_gaussian_ones() {
    for (rows, columns) in [(1, 1), (2, 2), (5, 3), (30, 30), (70, 66)] {
        let q: Array2<f64> = Orthogonal::new(1.0).unwrap().sample(4, (rows, columns)).unwrap();
        let mut r: Array2<f64> = Normal::new(0.0, 1.0).unwrap().sample(5, (columns, columns)).unwrap();
        for k in 0..columns {
            let mut x = vec![0.0; rows - k];
            let start = (k * 64 * rows.div_ceil(64)) as u64;
            let view = ndarray::ArrayViewMut1::from(&mut x);
            Normal::new(0.0, 1.0).unwrap().fill_block(4, &[start + (rows - k) as u64], &[start], view).unwrap();
            (k + 1..columns).for_each(|i| r[[i, k]] = 0.0);
            r[[k, k]] = x.iter().map(|x| x * x).sum::<f64>().sqrt();
        }
        let gaussian = q.dot(&r);
        let condition = 1e4; // an upper bound for these matrices
        assert_close(&q, &factor(&gaussian), 1e-15 * condition);
        // Its first column is the first vector of the stream itself.
        let mut first = vec![0.0; rows];
        Normal::new(0.0, 1.0)
            .unwrap()
            .fill_block(4, &[rows as u64], &[0], ndarray::ArrayViewMut1::from(&mut first))
            .unwrap();
        for (x, y) in gaussian.column(0).iter().zip(&first) {
            assert!((x - y).abs() < 1e-13, "{x} {y}");
        }
    }
}
