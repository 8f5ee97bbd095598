//! Orthogonal matrices, and orthogonal factors of given matrices.

use crate::random::parameter;
use crate::random::{Random, same, untouched};
use half::{bf16, f16};
use initializers::{Compute, Element, Error, F8E4M3FN, F8E5M2, Fill, Orthogonal, Width, orthogonalize};
use ndarray::{Array2, ArrayD, Slice, s};

pub(crate) fn case(random: &mut Random, widths: &[Width]) {
    match random.below(8) {
        0 | 1 => drawn::<f32>(random, widths),
        2 => drawn::<f64>(random, widths),
        3 => drawn::<f16>(random, widths),
        4 => drawn::<bf16>(random, widths),
        5 => drawn::<F8E4M3FN>(random, widths),
        6 => drawn::<F8E5M2>(random, widths),
        _ => {
            if random.one_in(2) {
                factor::<f32>(random, widths);
            } else {
                factor::<f64>(random, widths);
            }
        }
    }
}

/// The shape of a matrix: usually small, sometimes with several panels and threads.
fn sizes(random: &mut Random) -> [usize; 2] {
    if random.one_in(1 << 12) {
        initializers::set_num_threads(random.within(1..=5)).unwrap();
        return [random.within(60..=200), random.within(60..=200)];
    }
    [random.within(0..=7), random.within(0..=7)]
}

/// Asserts that QᵀQ is the identity within the documented bound, whose constant is measured: docs/orthogonal.md.
fn check_orthogonal<T: Compute>(q: &Array2<T>, gain: f64, context: impl Fn() -> String) {
    let q = if q.nrows() < q.ncols() { q.t() } else { q.view() };
    let epsilon = if size_of::<T>() == 4 { f32::EPSILON as f64 } else { f64::EPSILON };
    let limit = (12.0 + (q.nrows() as f64).sqrt() / 2.0) * epsilon;
    let q = q.mapv(|x| x.to_f64() / gain);
    let error = q.t().dot(&q) - Array2::<f64>::eye(q.ncols());
    assert!(error.iter().all(|x| x.abs() <= limit), "not orthogonal: {q} {}", context());
}

fn drawn<T: Element>(random: &mut Random, widths: &[Width]) {
    let gain = if random.one_in(4) { random.float() } else { random.ordinary() };
    let sampler = match Orthogonal::new(gain) {
        Ok(sampler) => sampler,
        Err(error) => return assert!(!gain.is_finite(), "{error}: gain {gain}"),
    };
    let (seed, ..) = random.seed();
    let [rows, columns] = sizes(random);
    let context = || format!("gain {gain} {} {seed:?} {rows} × {columns}", T::NAME);
    random.set_width(widths);
    let whole = match sampler.sample::<T, _>(seed, (rows, columns)) {
        Ok(whole) => whole,
        Err(Error::Reach { .. }) => return assert!(gain.abs() > 400.0, "refused: {}", context()),
        Err(error) => panic!("{error}: {}", context()),
    };
    assert!(whole.iter().all(|x| x.widen().to_f64().is_finite()), "not finite: {}", context());
    // Where the rounding of the product does not matter.
    if (0.1..100.0).contains(&gain.abs()) && size_of::<T>() == size_of::<T::Compute>() {
        let factor = parameter::<T::Compute>(gain).to_f64();
        // One rounding by the gain in addition to the bound on Q.
        check_orthogonal(&whole.mapv(Element::widen), factor, context);
    }
    // As a tensor whose rows extend over two axes, if possible; then a block of it, on another vector width.
    let split = if rows % 2 == 0 { vec![2, rows / 2, columns] } else { vec![rows, columns] };
    let tensor = whole.view().into_shape_with_order(&split[..]).unwrap();
    let (mut start, mut extent) = (vec![], vec![]);
    for &n in &split {
        start.push(random.within(0..=n));
        extent.push(random.within(0..=n - start[start.len() - 1]));
    }
    let slices = |axis: ndarray::AxisDescription| {
        let first = start[axis.axis.index()] as isize;
        Slice::new(first, Some(first + extent[axis.axis.index()] as isize), 1)
    };
    let expected: Vec<T> = tensor.slice_each_axis(slices).iter().copied().collect();
    random.set_width(widths);
    let mut out = ArrayD::from_elem(&extent[..], untouched::<T>());
    let [shape, start] = [&split, &start].map(|sizes| sizes.iter().map(|&n| n as u64).collect::<Vec<u64>>());
    sampler.fill_block(seed, &shape, &start, out.view_mut()).unwrap();
    assert!(same(&out.iter().copied().collect::<Vec<T>>(), &expected), "{start:?} + {extent:?}: {}", context());
    // Invalid requests, among them matrices too large for any memory.
    let mut one = ArrayD::from_elem(vec![1; random.within(0..=3)], untouched::<T>());
    let shape: Vec<u64> = (0..random.below(4)).map(|_| 1 << random.within(28..=62)).collect();
    let start: Vec<u64> = (0..random.below(4)).map(|_| random.size()).collect();
    let result = sampler.fill_block(seed, &shape, &start, one.view_mut());
    assert!(result.is_err() && one.iter().all(|x| same(&[*x], &[untouched::<T>()])), "{shape:?} {start:?}");
}

fn factor<T: Compute>(random: &mut Random, widths: &[Width]) {
    let [rows, columns] = sizes(random);
    let hostile = random.one_in(4);
    let number = |random: &mut Random| T::from_f64(if hostile { random.float() } else { random.ordinary() });
    let mut memory = Array2::from_shape_simple_fn((rows * 2, columns), || number(random));
    if columns > 1 && random.one_in(4) {
        let (a, b) = memory.multi_slice_mut((s![.., 0], s![.., columns - 1]));
        b.into_iter().zip(a).for_each(|(b, a)| *b = *a); // dependent columns
    }
    let matrix = memory.slice(s![..;2, ..]);
    random.set_width(widths);
    let result = orthogonalize(&matrix);
    let context = || format!("factor of {:?}", matrix.mapv(Compute::to_f64));
    if matrix.iter().any(|x| !x.to_f64().is_finite()) {
        assert!(matches!(result, Err(Error::Parameter { name: "matrix", .. })), "{}", context());
        return;
    }
    let q = result.unwrap();
    check_orthogonal(&q, 1.0, context);
    random.set_width(widths);
    let again = orthogonalize(&matrix.to_owned()).unwrap();
    assert!(again.iter().zip(&q).all(|(a, b)| same(&[*a], &[*b])), "by another width: {}", context());
}
