//! Reads and writes values with `serde` (feature `serde`).
//!
//! A struct has the arguments of its constructor as fields. Reading calls the constructor, so it refuses what the constructor
//! refuses. Numbers that JSON or TOML cannot hold (infinities, NaN, integers beyond 64 bits) are strings in formats that
//! people read, as in recipes.

use crate::error::Error;
use crate::families::positions::RotaryPart;
use crate::families::state_space::{HippoPart, S4dPart};
use crate::families::variance_scaling::{Mode, ScaledDistribution, VarianceScaling};
use crate::fans::Convention;
use crate::float::float8::{F8E4M3FN, F8E5M2};
use serde::de::{Deserialize, Deserializer, Error as _, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;

/// Implements both traits by fields that have getters of the same names; `$read` makes a value of them.
macro_rules! fields {
    ($type:ident { $($field:ident: $kind:ty),* } $read:expr) => {
        const _: () = {
            #[derive(serde::Serialize, serde::Deserialize)]
            #[serde(deny_unknown_fields)]
            #[allow(clippy::struct_field_names, reason = "the names of the getters")]
            struct $type {
                $($field: $kind),*
            }

            impl Serialize for crate::$type {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    $type { $($field: self.$field().into()),* }.serialize(serializer)
                }
            }

            impl<'de> Deserialize<'de> for crate::$type {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let $type { $($field),* } = Deserialize::deserialize(deserializer)?;
                    $read.map_err(D::Error::custom)
                }
            }
        };
    };
}

fields!(Seed { value: Integer, stream: u64 } Ok::<_, Error>(Self::from(value.0).with_stream(stream)));
fields!(Fans { inputs: u64, outputs: u64 } Ok::<_, Error>(Self::new(inputs, outputs)));
fields!(Constant { value: Number } Ok::<_, Error>(Self::new(value.0)));
fields!(Uniform { minval: Number, maxval: Number } Self::new(minval.0, maxval.0));
fields!(Normal { mean: Number, stddev: Number } Self::new(mean.0, stddev.0));
fields!(
    TruncatedNormal { mean: Number, stddev: Number, lower: Number, upper: Number }
    Self::with_bounds(mean.0, stddev.0, lower.0, upper.0)
);
fields!(LogOfUniform { minval: Number, maxval: Number } Self::new(minval.0, maxval.0));
fields!(
    TimeStepBias { dt_min: Number, dt_max: Number, dt_floor: Number } Self::new(dt_min.0, dt_max.0, dt_floor.0)
);
fields!(
    RingRadius { min_radius: Number, max_radius: Number, softplus: bool }
    Self::new(min_radius.0, max_radius.0, softplus)
);
fields!(LstmBias { forget: Number, gates: String } Self::new(forget.0, &gates));
fields!(S4d { part: S4dPart } Ok::<_, Error>(Self::new(part)));
fields!(Hippo { part: HippoPart } Ok::<_, Error>(Self::new(part)));
fields!(
    Sinusoidal { base: Number, interleaved: bool, endpoint: bool } Self::new(base.0, interleaved, endpoint)
);
fields!(Rotary { part: RotaryPart, base: Number, interleaved: bool } Self::new(part, base.0, interleaved));
fields!(Sparse { sparsity: Number, stddev: Number } Self::new(sparsity.0, stddev.0));
fields!(Dirac { groups: u64 } Self::new(groups));
fields!(Identity { gain: Number } Self::new(gain.0));
#[cfg(feature = "ndarray")]
fields!(Orthogonal { gain: Number } Self::new(gain.0));
#[cfg(feature = "ndarray")]
fields!(DeltaOrthogonal { gain: Number } Self::new(gain.0));
#[cfg(feature = "ndarray")]
fields!(ConvolutionOrthogonal { gain: Number, dimensions: usize } Self::new(gain.0, dimensions));

#[cfg(feature = "recipe")]
fields!(
    Spec { shape: Vec<u64>, dtype: Option<crate::Dtype>, convention: Option<Convention>, padding: Vec<u64> } {
        let mut spec = Self::new(&shape).with_padding(&padding);
        if let Some(dtype) = dtype {
            spec = spec.with_dtype(dtype);
        }
        if let Some(convention) = convention {
            spec = spec.with_convention(convention);
        }
        Ok::<_, Error>(spec)
    }
);

#[cfg(feature = "recipe")]
impl Serialize for crate::Dtype {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(feature = "recipe")]
impl<'de> Deserialize<'de> for crate::Dtype {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_name(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The fields of a configuration of the Python package; without axes, those of Keras's convention.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "VarianceScaling", deny_unknown_fields)]
struct Scaling {
    scale: Number,
    mode: Mode,
    distribution: ScaledDistribution,
    input_axes: Option<Vec<i64>>,
    output_axes: Option<Vec<i64>>,
}

impl Serialize for VarianceScaling {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (input_axes, output_axes) =
            self.axes().map(|(inputs, outputs)| (inputs.to_vec(), outputs.to_vec())).unzip();
        let (mode, distribution) = (self.mode(), self.distribution());
        Scaling { scale: self.scale().into(), mode, distribution, input_axes, output_axes }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for VarianceScaling {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Scaling::deserialize(deserializer)?;
        let scaling = Self::new(read.scale.0, read.mode, read.distribution).map_err(D::Error::custom)?;
        match (read.input_axes, read.output_axes) {
            (None, None) => Ok(scaling),
            (Some(inputs), Some(outputs)) => Ok(scaling.with_axes(&inputs, &outputs)),
            _ => Err(D::Error::custom("`input_axes` and `output_axes` must be given together, received: one")),
        }
    }
}

/// Implements both traits by a name of each value.
macro_rules! names {
    ($($type:ident { $($value:ident = $name:literal),* })*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(match self { $(Self::$value => $name),* })
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                match name.as_str() {
                    $($name => Ok(Self::$value),)*
                    _ => Err(D::Error::unknown_variant(&name, &[$($name),*])),
                }
            }
        }
    )*};
}
names! {
    Convention { Keras = "keras", Torch = "torch" }
    Mode { FanIn = "fan_in", FanOut = "fan_out", FanAvg = "fan_avg", FanGeoAvg = "fan_geo_avg" }
    S4dPart { LogReal = "log_real", Real = "real", Imaginary = "imaginary" }
    HippoPart { A = "A", B = "B" }
    RotaryPart { Frequencies = "frequencies", Cos = "cos", Sin = "sin" }
    ScaledDistribution {
        TruncatedNormal = "truncated_normal", UntruncatedNormal = "untruncated_normal", Uniform = "uniform"
    }
}

/// Implements both traits by the bit pattern, as `half` does for its floats.
macro_rules! bits {
    ($($float:ident)*) => {$(
        impl Serialize for $float {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_u8(self.to_bits())
            }
        }

        impl<'de> Deserialize<'de> for $float {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                u8::deserialize(deserializer).map(Self::from_bits)
            }
        }
    )*};
}
bits!(F8E4M3FN F8E5M2);

/// A float that may be infinite or NaN.
#[derive(Debug)]
struct Number(f64);

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self(value)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() || !serializer.is_human_readable() {
            return serializer.serialize_f64(self.0);
        }
        serializer.serialize_str(if self.0.is_nan() {
            "nan"
        } else if self.0 > 0.0 {
            "inf"
        } else {
            "-inf"
        })
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, 'inf', '-inf' or 'nan'")
            }

            fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value))
            }

            // Larger integers could be rounded.
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Number, E> {
                if value.unsigned_abs() <= 1 << 53 {
                    return Ok(Number(value as f64));
                }
                Err(E::invalid_value(Unexpected::Signed(value), &"a float, or an integer within ±2^53"))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Number, E> {
                if value <= 1 << 53 {
                    return Ok(Number(value as f64));
                }
                Err(E::invalid_value(Unexpected::Unsigned(value), &"a float, or an integer within ±2^53"))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
                match text {
                    "inf" => Ok(Number(f64::INFINITY)),
                    "-inf" => Ok(Number(f64::NEG_INFINITY)),
                    "nan" => Ok(Number(f64::NAN)),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(Read)
        } else {
            deserializer.deserialize_f64(Read)
        }
    }
}

/// An integer of 128 bits.
#[derive(Debug)]
struct Integer(i128);

impl From<i128> for Integer {
    fn from(value: i128) -> Self {
        Self(value)
    }
}

impl Serialize for Integer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match i64::try_from(self.0) {
            _ if !serializer.is_human_readable() => serializer.serialize_i128(self.0),
            Ok(value) => serializer.serialize_i64(value),
            Err(_) => serializer.serialize_str(&self.0.to_string()),
        }
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Integer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer in [-2^127, 2^127), as a number or a string")
            }

            fn visit_i128<E>(self, value: i128) -> Result<Integer, E> {
                Ok(Integer(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Integer, E> {
                Ok(Integer(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Integer, E> {
                Ok(Integer(value.into()))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Integer, E> {
                text.parse().map(Integer).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(Read)
        } else {
            deserializer.deserialize_i128(Read)
        }
    }
}

#[cfg(test)]
mod tests;
