//! Round trips, and what reading refuses.

use crate::*;
use serde::{Serialize, de::DeserializeOwned};

/// Writes a value as JSON, compares the text, and reads it back.
fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T, text: &str) {
    assert_eq!(serde_json::to_string(value).unwrap(), text);
    assert_eq!(serde_json::from_str::<T>(text).unwrap(), *value);
}

fn refusal<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> String {
    serde_json::from_str::<T>(text).unwrap_err().to_string()
}

#[test]
fn values_are_read_as_they_were_written() {
    check(&Seed::from(-7).with_stream(3), r#"{"value":-7,"stream":3}"#);
    check(&Seed::from(i128::MIN), r#"{"value":"-170141183460469231731687303715884105728","stream":0}"#);
    check(&Seed::from(u64::MAX), r#"{"value":"18446744073709551615","stream":0}"#);
    check(&Fans::new(576, u64::MAX), r#"{"inputs":576,"outputs":18446744073709551615}"#);
    check(&Constant::new(-0.5), r#"{"value":-0.5}"#);
    check(&Constant::new(f64::NEG_INFINITY), r#"{"value":"-inf"}"#);
    check(&Uniform::new(-0.1, 0.3).unwrap(), r#"{"minval":-0.1,"maxval":0.3}"#);
    check(&Normal::new(0.0, 0.02).unwrap(), r#"{"mean":0.0,"stddev":0.02}"#);
    check(
        &TruncatedNormal::with_bounds(0.0, 0.02, 0.0, f64::INFINITY).unwrap(),
        r#"{"mean":0.0,"stddev":0.02,"lower":0.0,"upper":"inf"}"#,
    );
    check(&Sparse::new(0.5, 0.01).unwrap(), r#"{"sparsity":0.5,"stddev":0.01}"#);
    check(&LogOfUniform::new(1.0, 16.0).unwrap(), r#"{"minval":1.0,"maxval":16.0}"#);
    check(&TimeStepBias::new(0.5, 1.0, 0.0).unwrap(), r#"{"dt_min":0.5,"dt_max":1.0,"dt_floor":0.0}"#);
    check(&RingRadius::new(0.5, 1.0, true).unwrap(), r#"{"min_radius":0.5,"max_radius":1.0,"softplus":true}"#);
    check(&LstmBias::new(1.0, "ijfo").unwrap(), r#"{"forget":1.0,"gates":"ijfo"}"#);
    check(&S4d::new(S4dPart::LogReal), r#"{"part":"log_real"}"#);
    check(&Hippo::new(HippoPart::B), r#"{"part":"B"}"#);
    check(&Sinusoidal::new(1e4, true, false).unwrap(), r#"{"base":10000.0,"interleaved":true,"endpoint":false}"#);
    check(&Rotary::new(RotaryPart::Cos, 1e4, false).unwrap(), r#"{"part":"cos","base":10000.0,"interleaved":false}"#);
    check(&Dirac::new(2).unwrap(), r#"{"groups":2}"#);
    check(&Identity::new(2.0).unwrap(), r#"{"gain":2.0}"#);
    check(
        &VarianceScaling::he_uniform(),
        r#"{"scale":2.0,"mode":"fan_in","distribution":"uniform","input_axes":null,"output_axes":null}"#,
    );
    check(
        &VarianceScaling::lecun_normal().with_axes(&[0], &[1, -1]),
        r#"{"scale":1.0,"mode":"fan_in","distribution":"truncated_normal","input_axes":[0],"output_axes":[1,-1]}"#,
    );
    check(
        &[Mode::FanIn, Mode::FanOut, Mode::FanAvg, Mode::FanGeoAvg],
        r#"["fan_in","fan_out","fan_avg","fan_geo_avg"]"#,
    );
    check(&ScaledDistribution::UntruncatedNormal, r#""untruncated_normal""#);
    check(&[Convention::Keras, Convention::Torch], r#"["keras","torch"]"#);
    check(&[F8E4M3FN::from_bits(0x7e)], "[126]");
    check(&[F8E5M2::from_bits(0x3c)], "[60]");
    assert!(serde_json::from_str::<Constant>(r#"{"value":"nan"}"#).unwrap().value().is_nan());
    assert_eq!(serde_json::from_str::<Normal>(r#"{"mean":1,"stddev":2}"#).unwrap(), Normal::new(1.0, 2.0).unwrap());
}

#[cfg(feature = "ndarray")]
#[test]
fn matrices_are_read_as_they_were_written() {
    check(&Orthogonal::new(0.5).unwrap(), r#"{"gain":0.5}"#);
    check(&DeltaOrthogonal::new(0.5).unwrap(), r#"{"gain":0.5}"#);
    check(&ConvolutionOrthogonal::new(0.5, 2).unwrap(), r#"{"gain":0.5,"dimensions":2}"#);
}

#[cfg(feature = "recipe")]
#[test]
fn specs_are_read_as_they_were_written() {
    check(&[Dtype::BFloat16, Dtype::Float8E4M3FN], r#"["bfloat16","float8_e4m3fn"]"#);
    let spec = Spec::new(&[2, 3]).with_dtype(Dtype::Float16).with_convention(Convention::Torch);
    check(&spec, r#"{"shape":[2,3],"dtype":"float16","convention":"torch","padding":[]}"#);
    check(&Spec::new(&[]), r#"{"shape":[],"dtype":null,"convention":null,"padding":[]}"#);
    assert!(refusal::<Dtype>(r#""complex64""#).contains("`dtype` must not be complex"));
}

/// TOML has no null: fields without a value are left out.
#[cfg(feature = "recipe")]
#[test]
fn toml_is_read() {
    let read: VarianceScaling = toml::from_str("scale = 2.0\nmode = 'fan_in'\ndistribution = 'uniform'").unwrap();
    assert_eq!(read, VarianceScaling::he_uniform());
    assert_eq!(toml::from_str::<Constant>("value = -inf").unwrap(), Constant::new(f64::NEG_INFINITY));
}

#[test]
fn constructors_check_what_is_read() {
    for (message, text) in [
        ("`stddev` must be a finite number >= 0, received: -1", refusal::<Normal>(r#"{"mean":0,"stddev":-1}"#)),
        ("`maxval`", refusal::<Uniform>(r#"{"minval":1,"maxval":0}"#)),
        ("`lower`", refusal::<TruncatedNormal>(r#"{"mean":0,"stddev":1,"lower":"nan","upper":2}"#)),
        ("`sparsity`", refusal::<Sparse>(r#"{"sparsity":2,"stddev":1}"#)),
        ("`gates`", refusal::<LstmBias>(r#"{"forget":1,"gates":"igo"}"#)),
        ("`base`", refusal::<Rotary>(r#"{"part":"cos","base":0,"interleaved":true}"#)),
        ("`groups`", refusal::<Dirac>(r#"{"groups":0}"#)),
        ("`gain`", refusal::<Identity>(r#"{"gain":"inf"}"#)),
        ("`scale`", refusal::<VarianceScaling>(r#"{"scale":0,"mode":"fan_in","distribution":"uniform"}"#)),
        ("must be given together", {
            refusal::<VarianceScaling>(r#"{"scale":1,"mode":"fan_in","distribution":"uniform","input_axes":[0]}"#)
        }),
        ("unknown variant `fan`, expected one of `fan_in`", refusal::<Mode>(r#""fan""#)),
        ("unknown field `std`", refusal::<Normal>(r#"{"mean":0,"std":1}"#)),
        ("a number, 'inf', '-inf' or 'nan'", refusal::<Constant>(r#"{"value":"zero"}"#)),
        ("a float, or an integer within ±2^53", refusal::<Constant>(r#"{"value":9007199254740993}"#)),
        ("as a number or a string", refusal::<Seed>(r#"{"value":"one","stream":0}"#)),
        ("as a number or a string", refusal::<Seed>(r#"{"value":1.5,"stream":0}"#)),
    ] {
        assert!(text.contains(message), "{text}");
    }
}
