//! Initializers whose values depend on the shape, fans, seeds by name, and generators of seeds.

use crate::random::{Random, same, untouched};
use half::{bf16, f16};
use initializers::{
    Compute, Constant, Convention, ConvolutionOrthogonal, DeltaOrthogonal, Dirac, Element, Error, F8E4M3FN, F8E5M2,
    Fans, Fill, Hippo, HippoPart, Identity, Initializer, LogOfUniform, LstmBias, Mode, PathPart, RingRadius, Rotary,
    RotaryPart, S4d, S4dPart, ScaledDistribution, Seed, SeedGenerator, Sinusoidal, Sparse, TensorMut, TimeStepBias,
    TruncatedNormal, Uniform, VarianceScaling, Width,
};
use ndarray::{ArrayD, AxisDescription, Slice};

pub(crate) fn case(random: &mut Random, widths: &[Width]) {
    if random.one_in(8) {
        fans(random);
        return seeds(random);
    }
    let Some((initializer, shape)) = make(random) else { return };
    match random.below(8) {
        0..=2 => block::<f32>(random, widths, &*initializer, &shape),
        3 => block::<f64>(random, widths, &*initializer, &shape),
        4 => block::<f16>(random, widths, &*initializer, &shape),
        5 => block::<bf16>(random, widths, &*initializer, &shape),
        6 => block::<F8E4M3FN>(random, widths, &*initializer, &shape),
        _ => block::<F8E5M2>(random, widths, &*initializer, &shape),
    }
}

/// An initializer of any parameters, or none if they are refused, and a shape that usually suits it.
fn make(random: &mut Random) -> Option<(Box<dyn Initializer>, Vec<u64>)> {
    let number = if random.one_in(4) { random.float() } else { random.ordinary() };
    let share = if random.one_in(4) { random.float() } else { number.abs() / 4.0 };
    let spatial = random.within(1..=3);
    let kind = random.below(16);
    let made: Result<Box<dyn Initializer>, Error> = match kind {
        0 => VarianceScaling::new(number.abs(), mode(random), distribution(random)).map(|made| {
            let (inputs, outputs) = (axes(random), axes(random));
            Box::new(if random.one_in(2) { made } else { made.with_axes(&inputs, &outputs) }) as _
        }),
        1 => Sparse::new(share, number.abs()).map(|made| Box::new(made) as _),
        2 => DeltaOrthogonal::new(number).map(|made| Box::new(made) as _),
        3 => ConvolutionOrthogonal::new(number, spatial).map(|made| Box::new(made) as _),
        4 => Dirac::new(random.below(4)).map(|made| Box::new(made) as _),
        5 => Identity::new(number).map(|made| Box::new(made) as _),
        8..=15 => sequences(random, kind, number, share),
        _ => Ok(Box::new(preset(random)) as _),
    };
    let initializer = match made {
        Ok(initializer) => initializer,
        Err(Error::Parameter { .. }) => return None,
        Err(error) => panic!("{error}: {kind} of {number}, {share}"),
    };
    let rank = match kind {
        _ if random.one_in(8) => random.within(0..=6),
        1 | 5 => 2,
        2..=4 => spatial + 2,
        11..=15 => random.within(1..=4),
        _ => random.within(0..=4),
    };
    let size = random.below(4);
    let mut shape: Vec<u64> = (0..rank).map(|_| random.below(5)).collect();
    if kind >= 14 || kind == 11 {
        // Gates and pairs of channels.
        if let Some(last) = shape.last_mut() {
            *last *= 4;
        }
    }
    if kind == 3 {
        shape.iter_mut().rev().skip(2).for_each(|n| *n = size);
    }
    if random.one_in(16) && rank > 0 {
        let place = random.within(0..=rank - 1);
        shape[place] = random.size();
    }
    Some((initializer, shape))
}

/// An initializer for sequence models.
fn sequences(random: &mut Random, kind: u64, number: f64, share: f64) -> Result<Box<dyn Initializer>, Error> {
    let (low, truth) = (number.abs(), random.one_in(2));
    Ok(match kind {
        8 => Box::new(TimeStepBias::new(low, low + share, share)?),
        9 => Box::new(LogOfUniform::new(share, share + low)?),
        10 => Box::new(RingRadius::new(share, share.max(low), truth)?),
        11 => Box::new(LstmBias::new(number, random.pick(&["ifgo", "ijfo", "fabc"]))?),
        12 => Box::new(S4d::new(random.pick(&[S4dPart::LogReal, S4dPart::Real, S4dPart::Imaginary]))),
        13 => Box::new(Hippo::new(random.pick(&[HippoPart::A, HippoPart::B]))),
        14 => Box::new(Sinusoidal::new(low, truth, random.one_in(2))?),
        _ => {
            let part = random.pick(&[RotaryPart::Frequencies, RotaryPart::Cos, RotaryPart::Sin]);
            Box::new(Rotary::new(part, low, truth)?)
        }
    })
}

fn preset(random: &mut Random) -> VarianceScaling {
    random.pick(&[
        VarianceScaling::glorot_normal,
        VarianceScaling::glorot_uniform,
        VarianceScaling::he_normal,
        VarianceScaling::he_uniform,
        VarianceScaling::lecun_normal,
        VarianceScaling::lecun_uniform,
    ])()
}

fn mode(random: &mut Random) -> Mode {
    random.pick(&[Mode::FanIn, Mode::FanOut, Mode::FanAvg, Mode::FanGeoAvg])
}

fn distribution(random: &mut Random) -> ScaledDistribution {
    use ScaledDistribution::{TruncatedNormal, Uniform, UntruncatedNormal};
    random.pick(&[TruncatedNormal, UntruncatedNormal, Uniform])
}

/// Numbers of axes, most of them of small tensors.
fn axes(random: &mut Random) -> Vec<i64> {
    let count = random.below(3);
    (0..count).map(|_| if random.one_in(16) { random.next() as i64 } else { random.below(6) as i64 - 3 }).collect()
}

/// The whole tensor, if it is small, and a block of it by another vector width: the same values, or an error.
fn block<T: Element>(random: &mut Random, widths: &[Width], initializer: &dyn Initializer, shape: &[u64]) {
    let (seed, ..) = random.seed();
    let context = || format!("{initializer:?} {} {seed:?} {shape:?}", T::NAME);
    // Memory of ndarray's has no shapes whose sizes, but for the zeros, have a product beyond 63 bits.
    let count = shape.iter().try_fold(1u64, |count, &n| count.checked_mul(n.max(1)));
    let (mut start, mut extent) = (vec![], vec![]);
    for &n in shape {
        let length = random.below(n.min(5) + 1);
        extent.push(length as usize);
        start.push(random.below(n - length + 1));
    }
    if count.is_none_or(|count| count > 4096) {
        return; // Blocks of some families need the whole tensor, which may be larger than memory.
    }
    random.set_width(widths);
    let mut out = ArrayD::from_elem(&extent[..], untouched::<T>());
    let result = initializer.fill_block(seed, shape, &start, out.view_mut());
    random.set_width(widths);
    let whole = initializer.sample_vec::<T>(seed, shape);
    match (result, whole) {
        (Ok(()), Ok(whole)) => {
            let sizes: Vec<usize> = shape.iter().map(|&n| n as usize).collect();
            let whole = ArrayD::from_shape_vec(&sizes[..], whole).unwrap();
            assert!(whole.iter().all(|x| x.widen().to_f64().is_finite()), "not finite: {}", context());
            let part = whole.slice_each_axis(|axis: AxisDescription| {
                let first = start[axis.axis.index()] as isize;
                Slice::new(first, Some(first + extent[axis.axis.index()] as isize), 1)
            });
            let [part, out] = [part.iter().copied().collect::<Vec<T>>(), out.iter().copied().collect()];
            assert!(same(&part, &out), "{start:?} + {extent:?} of {}", context());
            let mut again = ArrayD::from_elem(&extent[..], untouched::<T>());
            let stopped = initializer.fill_until(seed, shape, &start, again.view_mut(), || true);
            assert!(matches!(stopped, Ok(()) | Err(Error::Interrupted)), "{stopped:?}: {}", context());
        }
        (Err(block), Err(whole)) => {
            assert_eq!(block, whole, "{}", context());
            let is_known = matches!(block, Error::Shape(_) | Error::Reach { .. } | Error::Axes(_) | Error::Memory)
                || matches!(block, Error::Parameter { value, .. } if !value.is_finite()); // of the largest scales
            assert!(is_known, "{block}: {}", context());
            assert!(out.iter().all(|x| same(&[*x], &[untouched::<T>()])), "written: {}", context());
        }
        (block, whole) => panic!("{block:?}, but the whole {:?}: {}", whole.map(|whole| whole.len()), context()),
    }
}

/// Fans are the products of the dimensions, or an error.
fn fans(random: &mut Random) {
    let rank = random.within(0..=5);
    let shape: Vec<u64> = (0..rank).map(|_| random.size() >> random.below(40)).collect();
    // A product with a zero is zero, whatever the other sizes are.
    let product = |kernel: &[u64], last: u64| {
        let sizes = [kernel, &[last]].concat();
        if sizes.contains(&0) { Some(0) } else { sizes.iter().try_fold(1u64, |product, &n| product.checked_mul(n)) }
    };
    if let [kernel @ .., inputs, outputs] = &shape[..] {
        let expected = product(kernel, *inputs).zip(product(kernel, *outputs));
        let found = Fans::of(&shape);
        assert_eq!(found.clone().ok().map(|fans| (fans.inputs(), fans.outputs())), expected, "{shape:?}");
        assert_eq!(Fans::in_convention(&shape, Convention::Keras), found);
    }
    let (inputs, outputs) = (axes(random), axes(random));
    if Fans::with_axes(&shape, &inputs, &outputs).is_ok() {
        let known = |axis: &i64| (-(rank as i64)..rank as i64).contains(axis);
        assert!(inputs.iter().chain(&outputs).all(known), "{inputs:?} {outputs:?} of {shape:?}");
    }
    let _ = Fans::in_convention(&shape, Convention::Torch);
    let fans = Fans::new(random.size(), random.size());
    for made in [TruncatedNormal::glorot(fans), TruncatedNormal::he(fans), TruncatedNormal::lecun(fans)] {
        assert!(made.is_ok_and(|made| made.lower() < made.upper() && made.stddev() > 0.0), "{fans:?}");
    }
    for made in [Uniform::glorot(fans), Uniform::he(fans), Uniform::lecun(fans)] {
        assert!(made.is_ok_and(|made| made.minval() < made.maxval()), "{fans:?}");
    }
}

/// Paths of long names and large numbers, generators, and a constant in a slice.
fn seeds(random: &mut Random) {
    let (seed, value, stream) = random.seed();
    assert_eq!((seed.value(), seed.stream()), (value, stream));
    let name = "wé".repeat(random.within(0..=3000));
    let number = (random.next() as i128) << 64 | random.next() as i128;
    let folded = seed.fold_in_path([PathPart::Text(&name), PathPart::Integer(number)]);
    assert_eq!(folded.stream(), stream);
    assert_ne!(folded, seed.fold_in_path([PathPart::Integer(number), PathPart::Text(&name)]));
    assert_eq!(seed.fold_in(name.as_str()), seed.fold_in_path([PathPart::Text(&name)]));
    let generator = SeedGenerator::new(value);
    assert_eq!([generator.draw(), generator.draw()].map(Seed::stream), [0, 1], "{value}");
    assert_eq!(generator.draws(), 2);
    let number = random.float();
    let mut values = [untouched::<f32>(); 7];
    let result = Constant::new(number).fill(seed, TensorMut::new(&[7], &mut values).unwrap());
    assert!(result.is_err() || values.iter().all(|x| same(&[*x], &values[..1])), "{number}");
}
