//! Uniform, normal and truncated normal blocks.

use crate::random::parameter;
use crate::random::{Random, same, untouched};
use half::{bf16, f16};
use initializers::{
    Compute, Element, Error, F8E4M3FN, F8E5M2, Fill, Initializer, Normal, TruncatedNormal, Uniform, Width,
};
use ndarray::{ArrayD, ArrayViewMut1, Axis, Slice};

/// The distribution that the values must have.
#[derive(Clone, Copy, Debug)]
enum Law {
    Uniform([f64; 2]),
    Normal([f64; 2]),
    Truncated([f64; 2], [f64; 2]),
}

pub(crate) fn case(random: &mut Random, widths: &[Width]) {
    let [a, b] = [random.float(), random.float()];
    match random.below(3) {
        0 => {
            let (sampler, valid) = (Uniform::new(a, b), a.is_finite() && b.is_finite() && a <= b);
            assert_eq!(sampler.is_ok(), valid, "Uniform::new({a}, {b})");
            if let Ok(sampler) = sampler {
                any_type(random, widths, &sampler, Law::Uniform([a, b]));
            }
        }
        1 => {
            let (sampler, valid) = (Normal::new(a, b), a.is_finite() && b.is_finite() && b >= 0.0);
            assert_eq!(sampler.is_ok(), valid, "Normal::new({a}, {b})");
            if let Ok(sampler) = sampler {
                any_type(random, widths, &sampler, Law::Normal([a, b]));
            }
        }
        _ => {
            let usual = !random.one_in(8); // other bounds need a bisection, which is slow
            let [low, high] = if usual { [-2.0, 2.0] } else { [random.float(), random.float()] };
            let sampler = TruncatedNormal::with_bounds(a, b, low, high);
            let valid = a.is_finite() && b.is_finite() && b >= 0.0 && low < high && low < 37.0 && high > -37.0;
            assert_eq!(sampler.is_ok(), valid, "TruncatedNormal::with_bounds({a}, {b}, {low}, {high})");
            let law = Law::Truncated([a, b], [low, high]);
            if let Ok(sampler) = sampler {
                any_type(random, widths, &sampler, law);
            }
        }
    }
}

fn any_type(random: &mut Random, widths: &[Width], sampler: &impl Initializer, law: Law) {
    match random.below(8) {
        0..=2 => block::<f32>(random, widths, sampler, law),
        3 => block::<f64>(random, widths, sampler, law),
        4 => block::<f16>(random, widths, sampler, law),
        5 => block::<bf16>(random, widths, sampler, law),
        6 => block::<F8E4M3FN>(random, widths, sampler, law),
        _ => block::<F8E5M2>(random, widths, sampler, law),
    }
}

/// A block of a tensor: valid, or invalid in one way.
struct Request {
    shape: Vec<u64>,
    start: Vec<u64>,
    extent: Vec<usize>,
    valid: bool,
}

impl Request {
    fn new(random: &mut Random) -> Self {
        let (mut shape, mut start, mut extent, mut left) = (vec![], vec![], vec![], 150);
        for _ in 0..random.below(5) {
            let n = random.below(left.min(12)) + u64::from(!random.one_in(16));
            left /= n.max(1);
            let beyond = if random.one_in(2) { random.below(4) } else { random.size() };
            shape.push(n.saturating_add(beyond));
            start.push(random.below((shape[shape.len() - 1] - n).saturating_add(1)));
            extent.push(n as usize);
        }
        let zero = shape.contains(&0);
        let count = shape.iter().try_fold(1u64, |count, &n| count.checked_mul(n));
        let mut valid = zero || count.is_some_and(|count| count < 1 << 63);
        if random.one_in(16) {
            valid = false;
            match (random.below(3), start.last_mut()) {
                (0, Some(last)) => {
                    *last = shape[shape.len() - 1] - *extent.last().unwrap() as u64 + 1 + random.below(9);
                }
                (1, Some(last)) => *last = u64::MAX - random.below(3),
                _ if random.one_in(2) => shape.push(1),
                _ => start.push(0),
            }
        }
        Self { shape, start, extent, valid }
    }

    /// The number, in the whole tensor, of the first element of each row of the block.
    fn rows(&self) -> Vec<u64> {
        let mut numbers = vec![0u128];
        for (axis, ((&size, &start), &extent)) in self.shape.iter().zip(&self.start).zip(&self.extent).enumerate() {
            let along = if axis + 1 == self.shape.len() { extent.min(1) } else { extent };
            let step = |base: u128| (0..along).map(move |i| base * size as u128 + start as u128 + i as u128);
            numbers = numbers.into_iter().flat_map(step).collect();
        }
        numbers.into_iter().map(|number| number as u64).collect()
    }
}

/// Fills a run of elements from this number on in the computing type, and rounds it here.
fn run<T: Element>(sampler: &impl Initializer, law: Law, seed: initializers::Seed, first: u64, out: &mut [T]) {
    let mut wide = vec![T::Compute::default(); out.len()];
    let view = ArrayViewMut1::from(&mut wide[..]);
    sampler.fill_block(seed, &[(1 << 63) - 1], &[first], view).expect("the computing type holds what the type holds");
    for (out, wide) in out.iter_mut().zip(wide) {
        *out = T::round(wide);
        if let Law::Uniform(bounds) = law {
            let [low, high] = bounds.map(|x| T::round(parameter(x)));
            if low.widen() == high.widen() {
                *out = low;
            } else if out.widen() >= high.widen() {
                *out = high.next_down();
            }
        }
    }
}

fn block<T: Element>(random: &mut Random, widths: &[Width], sampler: &impl Initializer, law: Law) {
    if random.one_in(1 << 15) {
        return large::<T>(random, widths, sampler, law);
    }
    let Request { shape, start, extent, valid } = &Request::new(random);
    let (seed, ..) = random.seed();
    // Memory in C order; or with steps, reversed, and with reversed axes.
    let (plain, turned) = (random.one_in(2), random.one_in(2));
    let steps: Vec<isize> = extent.iter().map(|_| if plain { 1 } else { random.pick(&[1, 2, -1, -3]) }).collect();
    let mut room: Vec<usize> = extent.iter().zip(&steps).map(|(&n, step)| n * step.unsigned_abs()).collect();
    if turned && !plain {
        room.reverse();
    }
    let mut memory = ArrayD::from_elem(room, untouched::<T>());
    let mut view = memory.view_mut();
    if turned && !plain {
        view = view.reversed_axes();
    }
    for (axis, &step) in steps.iter().enumerate() {
        view.slice_axis_inplace(Axis(axis), Slice::new(0, None, step));
    }
    assert_eq!(view.shape(), extent);
    random.set_width(widths);
    let whole = start.iter().all(|&x| x == 0) && shape.iter().zip(extent).all(|(&a, &b)| a == b as u64);
    let result = if whole && *valid && random.one_in(2) {
        sampler.fill(seed, view.view_mut())
    } else {
        sampler.fill_block(seed, shape, start, view.view_mut())
    };
    let context = || format!("{law:?} {} {seed:?} {start:?} + {extent:?} of {shape:?}, {steps:?}", T::NAME);
    let values: Vec<T> = view.iter().copied().collect();
    match result {
        Err(error) => {
            assert!(same(&memory.into_raw_vec_and_offset().0, &vec![untouched::<T>(); values_of(extent, &steps)]));
            match error {
                Error::Block(_) | Error::Shape(_) => assert!(!valid, "{error}: {}", context()),
                Error::Reach { .. } => assert!(!modest(law), "{error}: {}", context()),
                _ => panic!("{error}: {}", context()),
            }
            return;
        }
        Ok(()) => assert!(valid, "accepted: {}", context()),
    }
    let touched = memory.iter().filter(|x| !same(&[**x], &[untouched::<T>()])).count();
    assert!(touched <= values.len(), "wrote beside: {}", context());
    check_bounds(&values, law, context);
    // Each row as a run of a tensor of one dimension, on another vector width.
    random.set_width(widths);
    let row = extent.last().copied().unwrap_or(1);
    if !values.is_empty() {
        let request = Request { shape: shape.clone(), start: start.clone(), extent: extent.clone(), valid: true };
        let firsts = request.rows();
        assert_eq!(firsts.len() * row, values.len());
        let mut expected = vec![T::default(); row];
        let exact = random.below(firsts.len() as u64) as usize;
        for (i, (&first, values)) in firsts.iter().zip(values.chunks_exact(row)).enumerate() {
            // All rows of a small block; some rows of a larger one.
            if i == exact || i < 4 {
                run(sampler, law, seed, first, &mut expected);
                assert!(same(&expected, values), "row {i}: {}", context());
            }
        }
        let place = random.below(row as u64) as usize;
        let mut one = [T::default()];
        sampler
            .fill_block(seed, &[u64::MAX >> 1], &[firsts[exact] + place as u64], ArrayViewMut1::from(&mut one))
            .unwrap();
        assert!(same(&one, &values[exact * row + place..][..1]), "element {place} of row {exact}: {}", context());
    }
    // The whole tensor, if it is small.
    if shape.iter().try_fold(1u64, |count, &n| count.checked_mul(n)).is_some_and(|count| count <= 1 << 10)
        && random.one_in(4)
    {
        random.set_width(widths);
        let sizes: Vec<usize> = shape.iter().map(|&n| n as usize).collect();
        let whole: ArrayD<T> = match sampler.sample(seed, &sizes[..]) {
            Ok(whole) => whole,
            Err(error) => {
                return assert!(matches!(error, Error::Shape(_)) && shape.contains(&0), "{error}: {}", context());
            }
        };
        let part = whole.slice_each_axis(|axis| {
            let first = start[axis.axis.index()] as isize;
            Slice::new(first, Some(first + extent[axis.axis.index()] as isize), 1)
        });
        assert!(same(&part.iter().copied().collect::<Vec<T>>(), &values), "of the whole: {}", context());
    }
}

fn values_of(extent: &[usize], steps: &[isize]) -> usize {
    extent.iter().zip(steps).map(|(&n, step)| n * step.unsigned_abs()).product()
}

/// Returns whether the parameters are so small that every element type must accept them.
fn modest(law: Law) -> bool {
    match law {
        Law::Uniform(bounds) => bounds.iter().all(|x| x.abs() <= 200.0),
        Law::Normal([mean, stddev]) | Law::Truncated([mean, stddev], _) => mean.abs() + 46.0 * stddev <= 400.0,
    }
}

fn check_bounds<T: Element>(values: &[T], law: Law, context: impl Fn() -> String) {
    // Rounded as values are: each operation once.
    let at = |mean: f64, stddev: f64, z: f64| {
        let [mean, stddev, z] = [mean, stddev, z].map(parameter::<T::Compute>);
        T::round(mean + stddev * z)
    };
    let reach = if size_of::<T::Compute>() == 4 { 6.67 } else { 8.66 }; // docs/stream.md, section 5
    let bounds = match law {
        Law::Uniform([a, b]) => [T::round(parameter(a)), T::round(parameter(b))],
        Law::Normal([mean, stddev]) => [at(mean, stddev, -reach), at(mean, stddev, reach)],
        // No word gives a value beyond 46 standard deviations.
        Law::Truncated([mean, stddev], [a, b]) => [at(mean, stddev, a.max(-46.0)), at(mean, stddev, b.min(46.0))],
    };
    let [low, high] = bounds.map(|bound| bound.widen().to_f64());
    let open = matches!(law, Law::Uniform(_)) && low < high;
    for value in values.iter().map(|x| x.widen().to_f64()) {
        assert!(value.is_finite(), "{value}: {}", context());
        // A bound that is itself too large is NaN in a type without infinity.
        let outside = value < low || value > high || open && value == high;
        assert!(!outside, "{value} in [{low}, {high}]: {}", context());
    }
}

/// Several chunks, on several threads.
fn large<T: Element>(random: &mut Random, widths: &[Width], sampler: &impl Initializer, law: Law) {
    let (seed, ..) = random.seed();
    let count = random.within(4 << 20..=9 << 20) / size_of::<T>();
    let first = random.size() >> 2;
    initializers::set_num_threads(random.within(1..=7)).unwrap();
    random.set_width(widths);
    let mut values = vec![untouched::<T>(); count];
    let filled = sampler.fill_block(seed, &[1 << 63 >> 1], &[first], ArrayViewMut1::from(&mut values));
    if let Err(error) = filled {
        assert!(matches!(error, Error::Reach { .. }) && !modest(law), "{error}: {law:?} {}", T::NAME);
        return;
    }
    let context = || format!("{law:?} {} {seed:?} {first} + {count}", T::NAME);
    check_bounds(&values, law, context);
    random.set_width(widths);
    let mut offset = 0;
    while offset < count {
        let size = random.within(1..=100_000).min(count - offset);
        let mut expected = vec![T::default(); size];
        run(sampler, law, seed, first + offset as u64, &mut expected);
        assert!(same(&expected, &values[offset..][..size]), "from {offset} on: {}", context());
        offset += size;
    }
}
