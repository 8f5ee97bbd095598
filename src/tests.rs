//! Tests of several layers together: no value depends on vectors, threads, memory layouts or floating-point modes.

use crate::cpu::dispatch::Width;
use crate::cpu::execution::Execution;
use crate::initializer::{FillElements, Request};
use crate::{Element, Fill, Normal, Orthogonal, Seed, TruncatedNormal, Uniform};
use ndarray::{Array2, Array3, ArrayD, ArrayViewMut, Dimension, IxDyn, s};

/// Every vector width of this processor, on one thread and on several.
fn executions() -> Vec<Execution> {
    Width::available().flat_map(|width| [1, 3].map(|threads| Execution::new(width, threads))).collect()
}

/// Fills a whole tensor as `execution` says.
fn fill<T: Element, D: Dimension>(sampler: &impl FillElements, out: ArrayViewMut<'_, T, D>, execution: Execution) {
    let shape: Vec<u64> = out.shape().iter().map(|&size| size as u64).collect();
    let request = Request { seed: Seed::from(7), shape: &shape, start: None, execution, interrupted: &mut || false };
    sampler.fill_elements(request, out.into()).unwrap();
}

#[test]
fn views_in_any_layout_hold_the_values_of_contiguous_ones() {
    let normal = Normal::new(0.0, 1.0).unwrap();
    for execution in executions() {
        for shape in [(1, 1100, 1000), (90, 100, 3), (3, 5, 7), (5, 1, 1), (1, 1, 4097), (0, 3, 4)] {
            let expected: Array3<f32> = normal.sample(7, shape).unwrap();
            let (a, b, c) = shape;
            let mut contiguous = Array3::<f32>::zeros(shape);
            fill(&normal, contiguous.view_mut(), execution);
            assert_eq!(contiguous, expected, "{shape:?} {execution:?}");
            let mut spread = Array3::<f32>::zeros((2 * a, b, 3 * c));
            fill(&normal, spread.slice_mut(s![..;2, .., ..;3]), execution);
            assert_eq!(spread.slice(s![..;2, .., ..;3]), expected, "{shape:?} {execution:?}");
            let mut gaps = spread.slice(s![a.min(1)..;2, .., ..]).into_iter();
            assert!(gaps.all(|&x| x == 0.0), "a neighbor of {shape:?} {execution:?}");
            let mut transposed = Array3::<f32>::zeros((c, b, a));
            fill(&normal, transposed.view_mut().reversed_axes(), execution);
            assert_eq!(transposed.reversed_axes(), expected, "{shape:?} {execution:?}");
        }
    }
    let mut block = Array3::<f32>::zeros((20, 10, 30)).permuted_axes([1, 2, 0]); // (10, 30, 20)
    normal.fill_block(7, &[40, 50, 60], &[7, 11, 13], block.view_mut()).unwrap();
    let whole: Array3<f32> = normal.sample(7, (40, 50, 60)).unwrap();
    assert_eq!(block, whole.slice(s![7..17, 11..41, 13..33]));
    let mut scalar = ArrayD::<f32>::zeros(IxDyn(&[]));
    normal.fill(7, scalar.view_mut()).unwrap();
    assert_eq!(scalar.first(), normal.sample::<f32, _>(7, 1).unwrap().first());
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64"))]
mod float_mode {
    use super::*;
    use crate::cpu::float_mode::{are_equal, is_standard, replace};
    use crate::{orthogonalize, unit_roots};
    use std::hint::black_box;

    /// Rounding up, down and to zero; subnormal numbers flushed; both.
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    const HOSTILE: [u64; 5] = [0x5f80, 0x3f80, 0x7f80, 0x9fc0, 0xffc0];
    #[cfg(target_arch = "aarch64")]
    const HOSTILE: [u64; 5] = [1 << 22, 2 << 22, 3 << 22, 1 << 24, 7 << 22];

    fn sample<T: Element>(sampler: &impl FillElements, shape: (usize, usize), execution: Execution) -> Array2<T> {
        let mut out = Array2::from_elem(shape, T::default());
        fill(sampler, out.view_mut(), execution);
        out
    }

    /// Bits of everything that is computed.
    #[inline(never)]
    fn everything(execution: Execution) -> Vec<u64> {
        let normal = Normal::new(0.1, 0.3).unwrap();
        let shape = (1400, 1000); // several chunks
        let mut all: Vec<Array2<f32>> = vec![
            sample(&normal, shape, execution),
            sample(&Normal::new(0.0, 1e-39).unwrap(), (100, 64), execution), // subnormal values
            sample(&Uniform::new(-0.3, 0.1).unwrap(), shape, execution),
            sample(&TruncatedNormal::new(0.1, 0.3).unwrap(), shape, execution),
            sample(&TruncatedNormal::with_bounds(0.1, 0.3, -0.7, 1.3).unwrap(), (100, 64), execution),
        ];
        let mut orthogonal = Array2::zeros((130, 70));
        let (sampler, out) = (Orthogonal::new(1.1).unwrap(), orthogonal.view_mut().into_dyn());
        sampler.fill_interruptibly(5.into(), &[130, 70], &[0, 0], out, execution, &mut || false).unwrap();
        all.push(orthogonal);
        all.push(orthogonalize(&all[3].slice(s![..90, ..70])).unwrap());
        let small: Array2<half::f16> = sample(&Normal::new(0.0, 1e-6).unwrap(), (100, 64), execution);
        let wide: Array2<f64> = sample(&Normal::new(0.1, 1e-310).unwrap(), (700, 1000), execution);
        let mut block = Array2::<f32>::zeros((1400, 10));
        normal.fill_block(1, &[1400, 1000], &[0, 7], block.view_mut()).unwrap();
        all.push(block);
        let bits = all.iter().flatten().map(|x| x.to_bits() as u64);
        let bits = bits.chain(small.iter().map(|x| x.to_bits() as u64)).chain(wide.iter().map(|x| x.to_bits()));
        bits.chain(unit_roots(1000).unwrap().0.iter().map(|x| x.to_bits())).collect()
    }

    #[test]
    fn modes_change_nothing_and_are_kept() {
        let execution = Execution::new(Width::Bits512, 3);
        let expected = everything(execution);
        for mode in HOSTILE {
            let before = replace(Some(mode));
            let is_hostile = !is_standard();
            let thirds = [1.0, -1.0].map(|one| black_box(black_box(one) / black_box(3.0f32)));
            let tiny = black_box(black_box(f32::from_bits(1)) * black_box(1.0));
            let given = everything(execution);
            let after = replace(Some(before));
            let standard = ([1.0 / 3.0, -1.0 / 3.0], f32::from_bits(1));
            assert!(is_hostile && (thirds, tiny) != standard, "mode {mode:x} is not hostile");
            assert!(are_equal(after, mode), "mode {mode:x} became {after:x}");
            assert!(given == expected, "mode {mode:x}");
        }
    }
}
