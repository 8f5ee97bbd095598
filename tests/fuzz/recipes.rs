//! Recipes and values that `serde` reads: any text is read or refused; weights, their blocks and digests agree.

use crate::random::Random;
use half::{bf16, f16};
use initializers::{
    Constant, Convention, ConvolutionOrthogonal, DeltaOrthogonal, Digest, Dirac, Dtype, Error, F8E4M3FN, F8E5M2, Fans,
    Hippo, HippoPart, Identity, LogOfUniform, LstmBias, Mode, Normal, Orthogonal, Recipe, RingRadius, Rotary,
    RotaryPart, S4d, S4dPart, ScaledDistribution, Seed, Sinusoidal, Sparse, Spec, TimeStepBias, TruncatedNormal,
    Uniform, VarianceScaling, Weight, WeightElement, Width,
};
use ndarray::{ArrayD, AxisDescription, Slice};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

const NAMES: [&str; 7] = ["a", "b.weight", "layers.0.weight", "layers.0.bias", "layers.11.weight", "é.weight", ""];
const GLOBS: [&str; 8] = ["*", "*.weight", "layers.*.weight", "layers.0.*", "a", "**", "[ab]*", "*.bias"];
const REGEXES: [&str; 7] =
    [".*", r"layers\.\d+\.(weight|bias)", "(a|b", "a{1000}{1000}", r"\bweight", r"[^\W]+", "(?=a)"];
const DTYPES: [&str; 17] = [
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "float8_e4m3fn",
    "float8_e5m2",
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "half",
    "complex64",
];
const INITIALIZERS: [&str; 26] = [
    "zeros",
    "ones",
    "he_normal",
    "glorot_uniform",
    "LecunNormal",
    "orthogonal",
    "normal",
    "uniform",
    "truncated_normal",
    "identity",
    "delta_orthogonal",
    "convolution_orthogonal_2d",
    "kaiming_uniform",
    "Dirac",
    "Sparse",
    "time_step_bias",
    "LogOfUniform",
    "ring_radius",
    "LstmBias",
    "s4d",
    "Hippo",
    "sinusoidal",
    "Rotary",
    "stft",
    "GlorotNormal",
    "os.system",
];
const ARGUMENTS: [&str; 16] = [
    "base",
    "part",
    "gates",
    "dt_min",
    "value",
    "gain",
    "mean",
    "stddev",
    "minval",
    "maxval",
    "sparsity",
    "groups",
    "scale",
    "axis",
    "input_axes",
    "seed",
];
/// Replacements for places of a text.
const DAMAGE: [&str; 12] = ["", "\"", "{", "}", "[", "]", ",", "=", "\n", "9e999", "\\ud800", "é"];

pub(crate) fn case(random: &mut Random, widths: &[Width]) {
    let drawn = random.next();
    let [json, toml] = [false, true].map(|toml| write(&mut Random::new(drawn, 0), toml));
    let (json_read, toml_read) = (Recipe::from_json(&json), Recipe::from_toml(&toml));
    assert_eq!(json_read.is_ok(), toml_read.is_ok(), "{json}\n{json_read:?}\n{toml}\n{toml_read:?}");
    match (json_read, toml_read) {
        (Ok(recipe), Ok(other)) => {
            assert_eq!(format!("{recipe:?}"), format!("{other:?}"), "{json}");
            plan(random, widths, recipe);
        }
        (json, toml) => [json, toml].iter().for_each(refused),
    }
    refused(&Recipe::from_json(&damage(random, &json)));
    refused(&Recipe::from_toml(&damage(random, &toml)));
    values(random);
}

/// Asserts that a text was a recipe, or refused as one.
fn refused(read: &Result<Recipe, Error>) {
    assert!(matches!(read, Ok(_) | Err(Error::Recipe(_))), "{read:?}");
}

/// Writes a table in JSON or TOML.
fn table(toml: bool, pairs: &[(&str, String)]) -> String {
    let pair =
        |(key, value): &(&str, String)| if toml { format!("{key} = {value}") } else { format!("\"{key}\": {value}") };
    format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
}

/// A string; the characters of all texts here are written the same way in both languages.
fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\"))
}

fn write(random: &mut Random, toml: bool) -> String {
    let rules: Vec<String> = (0..random.within(0..=4)).map(|_| rule(random, toml)).collect();
    let seed = if random.one_in(4) { quote(&random.seed().1.to_string()) } else { random.below(100).to_string() };
    let mut pairs = vec![("seed", seed), ("rules", format!("[{}]", rules.join(", ")))];
    settings(random, &mut pairs);
    if random.one_in(8) {
        pairs.push(("stream_version", random.below(3).to_string()));
    }
    if !toml {
        return table(toml, &pairs);
    }
    pairs.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join("\n")
}

fn settings(random: &mut Random, pairs: &mut Vec<(&str, String)>) {
    if random.one_in(4) {
        pairs.push(("dtype", quote(random.pick(&DTYPES))));
    }
    if random.one_in(2) {
        pairs.push(("convention", quote(random.pick(&["keras", "torch", "torch", "jax"]))));
    }
}

fn rule(random: &mut Random, toml: bool) -> String {
    let mut pairs = match random.below(5) {
        0 => vec![("regex", quote(random.pick(&REGEXES)))],
        _ => vec![("glob", quote(random.pick(&GLOBS)))],
    };
    let name = quote(random.pick(&INITIALIZERS));
    let initializer = if random.one_in(2) {
        name
    } else {
        let mut arguments: Vec<&str> = (0..random.below(3)).map(|_| random.pick(&ARGUMENTS)).collect();
        arguments.sort_unstable();
        arguments.dedup();
        let config: Vec<(&str, String)> = arguments.into_iter().map(|key| (key, argument(random))).collect();
        table(toml, &[("class_name", name), ("config", table(toml, &config))])
    };
    pairs.push(("initializer", initializer));
    settings(random, &mut pairs);
    if random.one_in(2) {
        pairs.push(("optional", "true".into()));
    }
    if random.one_in(8) {
        pairs.push(("stack", random.below(3).to_string()));
    }
    if random.one_in(8) {
        pairs.push(("permute", random.pick(&["[1, 0]", "[0, 1, 2]", "[0, 0]", "[2]"]).into()));
    }
    if random.one_in(32) {
        pairs.push(("surprise", argument(random)));
    }
    table(toml, &pairs)
}

fn argument(random: &mut Random) -> String {
    match random.below(8) {
        0 => random.below(5).to_string(),
        1 => quote(random.pick(&["inf", "nan", "-inf", "fan_in", "uniform", ""])),
        2 => random.pick(&["true", "[]", "[0, 1]", "[[]]", "[-1]"]).into(),
        3 => Some(random.float()).filter(|x| x.is_finite()).map_or("0.5".into(), |x| format!("{x:?}")),
        _ => format!("{:?}", random.ordinary()),
    }
}

/// A text in which some places were replaced, or of which a part is missing.
fn damage(random: &mut Random, text: &str) -> String {
    let mut letters: Vec<String> = text.chars().map(String::from).collect();
    for _ in 0..random.within(1..=3) {
        let place = random.within(0..=letters.len());
        match random.below(3) {
            0 => letters.truncate(place),
            1 => letters.insert(place, random.pick(&DAMAGE).into()),
            _ => letters.iter_mut().skip(place).take(1).for_each(|letter| *letter = random.pick(&DAMAGE).into()),
        }
    }
    letters.concat()
}

/// Plans a small model, and compares whole weights with blocks, single weights, and the digest with that of the bytes.
fn plan(random: &mut Random, widths: &[Width], recipe: Recipe) {
    let seed = random.seed().1;
    let recipe = recipe.with_seed(seed);
    assert_eq!(recipe.seed(), seed);
    let specs: Vec<(&str, Spec)> = (0..random.within(0..=3)).map(|_| (random.pick(&NAMES), spec(random))).collect();
    let convention = random.pick(&[None, Some(Convention::Keras), Some(Convention::Torch)]);
    let context = || format!("{recipe:?} {specs:?} {convention:?}");
    let Ok(plan) = recipe.plan(specs.clone(), convention) else {
        assert!(recipe.init::<f32>(specs.clone(), convention).is_err(), "{}", context());
        return;
    };
    let mut digest = Digest::new();
    for (weight, (name, spec)) in plan.weights().iter().zip(&specs) {
        assert_eq!((weight.name(), weight.shape()), (*name, spec.shape()));
        assert!(recipe.rules().iter().any(|rule| rule.matches(name) && !rule.pattern().is_empty()), "{}", context());
        let count = weight.shape().iter().try_fold(1u64, |count, &n| count.checked_mul(n));
        // ndarray counts without the zeros.
        let span = weight.shape().iter().try_fold(8i64, |span, &n| span.checked_mul(n.max(1).try_into().ok()?));
        if count.is_none_or(|count| count > 4096) || span.is_none() {
            return;
        }
        let alone = recipe.weight(name, spec, convention).unwrap_or_else(|error| panic!("{error}: {}", context()));
        typed(random, widths, [weight, &alone], &mut digest);
    }
    assert_eq!(plan.digest().as_ref(), Ok(&digest.finish()), "{}", context());
    let singles = plan.weights().iter().all(|weight| weight.dtype() == Dtype::Float32);
    assert_eq!(recipe.init::<f32>(specs.clone(), convention).is_ok(), singles, "{}", context());
}

fn spec(random: &mut Random) -> Spec {
    let mut shape: Vec<u64> = (0..random.below(5)).map(|_| random.below(5)).collect();
    if random.one_in(16) {
        shape.push(random.size());
    }
    let mut spec = Spec::new(&shape);
    if random.one_in(4) {
        spec = spec.with_dtype(Dtype::from_name(random.pick(&DTYPES[..15])).unwrap());
    }
    if random.one_in(4) {
        spec = spec.with_convention(random.pick(&[Convention::Keras, Convention::Torch]));
    }
    if random.one_in(8) {
        spec = spec.with_padding(&[random.below(4)]);
    }
    assert!(spec.padding().len() <= 1);
    again(random, &spec);
    spec
}

/// Calls `blocks` for the element type of two equal weights.
fn typed(random: &mut Random, widths: &[Width], weights: [&Weight; 2], digest: &mut Digest) {
    match weights[0].dtype() {
        Dtype::Float32 => blocks::<f32>(random, widths, weights, digest),
        Dtype::Float64 => blocks::<f64>(random, widths, weights, digest),
        Dtype::Float16 => blocks::<f16>(random, widths, weights, digest),
        Dtype::BFloat16 => blocks::<bf16>(random, widths, weights, digest),
        Dtype::Float8E4M3FN => blocks::<F8E4M3FN>(random, widths, weights, digest),
        Dtype::Float8E5M2 => blocks::<F8E5M2>(random, widths, weights, digest),
        Dtype::Int8 => blocks::<i8>(random, widths, weights, digest),
        Dtype::Int16 => blocks::<i16>(random, widths, weights, digest),
        Dtype::Int32 => blocks::<i32>(random, widths, weights, digest),
        Dtype::Int64 => blocks::<i64>(random, widths, weights, digest),
        Dtype::Bool | Dtype::UInt8 => blocks::<u8>(random, widths, weights, digest),
        Dtype::UInt16 => blocks::<u16>(random, widths, weights, digest),
        Dtype::UInt32 => blocks::<u32>(random, widths, weights, digest),
        Dtype::UInt64 => blocks::<u64>(random, widths, weights, digest),
        other => panic!("a new dtype: {}", other.name()),
    }
}

fn blocks<T: WeightElement>(random: &mut Random, widths: &[Width], weights: [&Weight; 2], digest: &mut Digest) {
    let [weight, alone] = weights;
    random.set_width(widths);
    let whole: Vec<T> = weight.sample_vec().unwrap_or_else(|error| panic!("{error}: {weight:?}"));
    assert_eq!(weight.dtype().item_size(), size_of::<T>() as u64);
    digest.add(weight.name(), weight.dtype().name(), weight.shape(), [bytemuck::cast_slice::<T, u8>(&whole)]);
    let sizes: Vec<usize> = weight.shape().iter().map(|&n| n as usize).collect();
    let whole = ArrayD::from_shape_vec(&sizes[..], whole).unwrap();
    let extent: Vec<usize> = sizes.iter().map(|&n| random.within(0..=n)).collect();
    let start: Vec<usize> = sizes.iter().zip(&extent).map(|(&n, &length)| random.within(0..=n - length)).collect();
    let part = whole.slice_each_axis(|axis: AxisDescription| {
        let number = axis.axis.index();
        Slice::from(start[number]..start[number] + extent[number])
    });
    let start: Vec<u64> = start.into_iter().map(|n| n as u64).collect();
    random.set_width(widths);
    let mut out = ArrayD::from_elem(&extent[..], T::default());
    alone.fill_block(&start, out.view_mut()).unwrap_or_else(|error| panic!("{error}: {weight:?}"));
    let [part, out] = [part.iter().copied().collect::<Vec<T>>(), out.iter().copied().collect()];
    let bytes = bytemuck::cast_slice::<T, u8>;
    assert_eq!(bytes(&part), bytes(&out), "{start:?} + {extent:?} of {weight:?}");
    if size_of::<T>() as u64 != 2 {
        assert!(matches!(weight.fill(&mut [0u16; 4]), Err(Error::Recipe(_) | Error::Shape(_))), "{weight:?}");
    }
}

/// Values that `serde` writes and reads.
fn values(random: &mut Random) {
    let [a, b] = [random.float(), random.float()];
    let seed: Seed = random.seed().0;
    again(random, &seed);
    let fans = Fans::new(random.size(), random.size());
    again(random, &fans);
    let bits = random.next();
    let small = (F8E4M3FN::from_bits(bits as u8), F8E5M2::from_bits((bits >> 8) as u8));
    assert_eq!((small.0.to_bits(), small.1.to_bits()), (bits as u8, (bits >> 8) as u8));
    assert!(small.0.to_f32().is_nan() || small.0.to_f32().abs() <= 448.0);
    assert!(!small.1.to_f32().is_finite() || small.1.to_f32().abs() <= 57344.0);
    again(random, &small);
    if !a.is_nan() {
        again(random, &Constant::new(a));
    }
    if_made(random, Uniform::new(a, b));
    if_made(random, Normal::new(a, b));
    if_made(random, TruncatedNormal::with_bounds(a, b, -2.0, b));
    if_made(random, Sparse::new(a, b));
    if_made(random, Identity::new(a));
    if_made(random, TimeStepBias::new(a, b, a));
    if_made(random, LogOfUniform::new(a, b));
    if_made(random, RingRadius::new(a, b, true));
    if_made(random, LstmBias::new(a, "ifgo"));
    if_made(random, Sinusoidal::new(a, true, false));
    if_made(random, Rotary::new(RotaryPart::Cos, a, true));
    if_made(random, Ok(S4d::new(S4dPart::Real)));
    if_made(random, Ok(Hippo::new(HippoPart::B)));
    if_made(random, Orthogonal::new(a));
    if_made(random, DeltaOrthogonal::new(a));
    if_made(random, Dirac::new(bits % 4));
    if_made(random, ConvolutionOrthogonal::new(a, bits as usize % 5));
    let scaling = VarianceScaling::new(a, Mode::FanGeoAvg, ScaledDistribution::Uniform);
    if_made(
        random,
        scaling.map(|made| if bits.is_multiple_of(2) { made } else { made.with_axes(&[0], &[bits as i64]) }),
    );
}

/// Calls `again` with a value that could be made. Writing it calls all its getters.
fn if_made<T: Serialize + DeserializeOwned + PartialEq + Debug>(random: &mut Random, made: Result<T, Error>) {
    if let Ok(value) = made {
        again(random, &value);
    }
}

/// Writes a value and reads it, and reads a damaged text, which may be a value or an error.
fn again<T: Serialize + DeserializeOwned + PartialEq + Debug>(random: &mut Random, value: &T) {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
    let _ = serde_json::from_str::<T>(&damage(random, &text));
}
