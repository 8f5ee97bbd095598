//! Rounds numbers from f64 to any element type, once.

use crate::cpu::float_mode::in_standard_mode;
use crate::error::Error;
use crate::float::element::{Compute, Element};

/// Rounds a number to the nearest value of T, ties to even; an error that names it if T has no such value.
pub(crate) fn round_once<T: Element>(names: &'static str, value: f64) -> Result<T, Error> {
    in_standard_mode(|| {
        let rounded = if size_of::<T>() == size_of::<T::Compute>() {
            T::round(T::Compute::from_f64(value))
        } else {
            T::round(T::Compute::from_f64(round_to_odd(value).into()))
        };
        let wide = rounded.widen().to_f64();
        if value.is_nan() && wide.is_nan() || value.is_infinite() && wide == value || wide.is_finite() {
            return Ok(rounded);
        }
        Err(Error::Reach { names, reach: value.abs(), dtype: T::NAME })
    })
}

/// Rounds to odd: a number between two f32 values becomes the one whose last bit is 1. Rounding the result to fewer bits
/// then equals rounding once.
fn round_to_odd(value: f64) -> f32 {
    let near = value as f32;
    if near as f64 == value || value.is_nan() || near.to_bits() & 1 == 1 {
        near
    } else if (near as f64) < value {
        near.next_up()
    } else {
        near.next_down()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float::float8::F8E4M3FN;
    use half::{bf16, f16};

    #[test]
    fn numbers_are_rounded_once() {
        // Just above the middle of 1 and the next bfloat16, which a first rounding to f32 would hide.
        let above = 1.0 + 2f64.powi(-8) + 2f64.powi(-40);
        assert_eq!(round_once::<bf16>("", above).unwrap().to_f64(), 1.0 + 2f64.powi(-7));
        assert_eq!(round_once::<bf16>("", -above).unwrap().to_f64(), -1.0 - 2f64.powi(-7));
        assert_eq!(round_once::<bf16>("", 1.0 + 2f64.powi(-8)).unwrap().to_f64(), 1.0);
        assert_eq!(round_once::<f32>("", 0.1).unwrap(), 0.1);
        assert_eq!(round_once::<f64>("", 0.1).unwrap(), 0.1);
    }

    #[test]
    fn numbers_beyond_the_type_are_refused() {
        assert_eq!(round_once::<f16>("", f64::NEG_INFINITY).unwrap(), f16::NEG_INFINITY);
        assert!(round_once::<f16>("", f64::NAN).unwrap().is_nan());
        assert!(round_once::<F8E4M3FN>("", f64::INFINITY).is_err());
        assert!(round_once::<f32>("", 1e39).is_err() && round_once::<bf16>("", -1e300).is_err());
        let text = "`value` must give values that are finite in float16, received values up to 7e4";
        assert_eq!(round_once::<f16>("`value`", 70000.0).unwrap_err().to_string(), text);
    }
}
