//! The Rust part of `benches/orthogonal.py`: reads one request a line and prints a number for each.
//!
//!     peak                              peak float32 operations per second of all threads together
//!     float32 ROWS COLUMNS              time of LAPACK in seconds (feature `lapack`)

use pulp::{Simd, WithSimd};
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::Instant;

/// Independent chains of multiply-adds, enough to keep both units of a core busy. The number counts the steps.
struct Chains(u64);

impl WithSimd for Chains {
    type Output = u64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> u64 {
        let factor = simd.splat_f32s(black_box(0.999));
        let mut sums = [simd.splat_f32s(black_box(1.0)); 12];
        for _ in 0..self.0 {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(*sum, factor, factor);
            }
        }
        black_box(sums);
        self.0 * 12 * 2 * S::F32_LANES as u64
    }
}

fn peak() -> f64 {
    let threads = initializers::num_threads().expect("a number of threads");
    let measure = || {
        let start = Instant::now();
        let run = || pulp::Arch::new().dispatch(Chains(20_000_000));
        let operations: u64 = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            workers.into_iter().map(|worker| worker.join().expect("a worker")).sum()
        });
        operations as f64 / start.elapsed().as_secs_f64()
    };
    (0..5).map(|_| measure()).fold(0.0, f64::max)
}

#[cfg(feature = "lapack")]
fn lapack<A>(rows: usize, columns: usize) -> f64
where
    A: ndarray_linalg::Lapack + ndarray_linalg::Scalar<Real = A> + initializers::Element + PartialOrd,
{
    use initializers::{Fill, Normal};
    use ndarray::Array2;
    use ndarray_linalg::QR;

    let start = Instant::now();
    let shape = (rows.max(columns), rows.min(columns));
    let gaussian: Array2<A> = Normal::new(0.0, 1.0).expect("valid").sample(1, shape).expect("valid");
    let (mut q, r) = gaussian.qr().expect("a factorization");
    for (mut column, &diagonal) in q.columns_mut().into_iter().zip(r.diag()) {
        if diagonal < A::zero() {
            column.mapv_inplace(|x| -x);
        }
    }
    black_box(if rows < columns { q.reversed_axes() } else { q });
    start.elapsed().as_secs_f64()
}

#[cfg(not(feature = "lapack"))]
#[expect(clippy::extra_unused_type_parameters, reason = "as the one above")]
fn lapack<A>(_: usize, _: usize) -> f64 {
    f64::NAN
}

fn main() {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["peak"] => peak(),
            [dtype, rows, columns] => {
                let (rows, columns) = (rows.parse().expect("rows"), columns.parse().expect("columns"));
                if dtype == "float64" { lapack::<f64>(rows, columns) } else { lapack::<f32>(rows, columns) }
            }
            _ => panic!("a request: {line}"),
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{answer}").and_then(|()| out.flush()).expect("a reader");
    }
}
