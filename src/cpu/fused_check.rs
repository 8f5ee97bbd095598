//! Checks that this platform rounds multiply-adds once: hard cases, at the first use of each vector width.

use crate::cpu::dispatch::{Width, WithFused};
use crate::cpu::float_mode::in_standard_mode;
use crate::cpu::fused::Fused;
use crate::error::Error;
use std::hint::black_box;
use std::sync::OnceLock;

/// Bits of a, b, c and of a·b + c rounded once, computed with exact integers.
const HARD_F32: [[u32; 4]; 14] = [
    [0x3f800001, 0x3f800001, 0xbf800002, 0x28800000], // the low half of a square alone is left
    [0x3f800001, 0x3f7ffffe, 0xbf800000, 0xa8800000], // a negative one
    [0x3f800001, 0x337ffffe, 0x3f800001, 0x3f800001], // just below a tie, odd below
    [0x3f800001, 0x337ffffe, 0x3f800002, 0x3f800002], // just below a tie, even below
    [0x3f800003, 0x33800000, 0x3f800000, 0x3f800001], // just above a tie, even below
    [0x3f800000, 0x33800000, 0x3f800000, 0x3f800000], // a tie, down
    [0x3f800000, 0x33800000, 0x3f800001, 0x3f800002], // a tie, up
    [0x33800001, 0x3f7ffffe, 0xbf800001, 0xbf800001], // negative, just inside a tie
    [0x1a000001, 0x19fffffe, 0x00400001, 0x00400001], // subnormal, just below a tie, odd below
    [0x1a000003, 0x19fffffc, 0x00400002, 0x00400003], // subnormal, just above a tie, even below
    [0x1a000001, 0x99fffffe, 0x00000000, 0x80000000], // below half the smallest number: −0
    [0x1a000000, 0x1a000001, 0x00000000, 0x00000001], // above half the smallest number
    [0x007fffff, 0x3f800000, 0x00000001, 0x00800000], // subnormal numbers with a normal sum
    [0x7f7fffff, 0x40000000, 0xff7fffff, 0x7f7fffff], // a product beyond the largest number
];

/// The same for f64.
const HARD_F64: [[u64; 4]; 14] = [
    [0x3ff0000000000001, 0x3ff0000000000001, 0xbff0000000000002, 0x3970000000000000],
    [0x3ff0000000000001, 0x3feffffffffffffe, 0xbff0000000000000, 0xb970000000000000],
    [0x3ff0000000000001, 0x3c9ffffffffffffe, 0x3ff0000000000001, 0x3ff0000000000001],
    [0x3ff0000000000001, 0x3c9ffffffffffffe, 0x3ff0000000000002, 0x3ff0000000000002],
    [0x3ff0000000000003, 0x3ca0000000000000, 0x3ff0000000000000, 0x3ff0000000000001],
    [0x3ff0000000000000, 0x3ca0000000000000, 0x3ff0000000000000, 0x3ff0000000000000],
    [0x3ff0000000000000, 0x3ca0000000000000, 0x3ff0000000000001, 0x3ff0000000000002],
    [0x3ca0000000000001, 0x3feffffffffffffe, 0xbff0000000000001, 0xbff0000000000001],
    [0x1e60000000000001, 0x1e4ffffffffffffe, 0x0008000000000001, 0x0008000000000001],
    [0x1e60000000000003, 0x1e4ffffffffffffc, 0x0008000000000002, 0x0008000000000003],
    [0x1e60000000000001, 0x9e4ffffffffffffe, 0x0000000000000000, 0x8000000000000000],
    [0x1e60000000000000, 0x1e50000000000001, 0x0000000000000000, 0x0000000000000001],
    [0x000fffffffffffff, 0x3ff0000000000000, 0x0000000000000001, 0x0010000000000000],
    [0x7fefffffffffffff, 0x4000000000000000, 0xffefffffffffffff, 0x7fefffffffffffff],
];

/// Finds the first hard case that is rounded wrongly.
struct FindWrong;

impl WithFused for FindWrong {
    type Output = Option<String>;

    #[inline(always)]
    fn call<S: Fused>(self, simd: S) -> Option<String> {
        find_wrong(
            |[a, b, c]| {
                let lanes = simd.fused_f32s(simd.splat_f32s(a), simd.splat_f32s(b), simd.splat_f32s(c));
                let lane = bytemuck::bytes_of(&lanes).first_chunk().map(|&bytes| f32::from_ne_bytes(bytes));
                [simd.fused_f32(a, b, c), lane.expect("a vector has a lane")]
            },
            |[a, b, c]| {
                let lanes = simd.fused_f64s(simd.splat_f64s(a), simd.splat_f64s(b), simd.splat_f64s(c));
                let lane = bytemuck::bytes_of(&lanes).first_chunk().map(|&bytes| f64::from_ne_bytes(bytes));
                [simd.fused_f64(a, b, c), lane.expect("a vector has a lane")]
            },
        )
    }
}

#[inline(always)]
fn find_wrong(single: impl Fn([f32; 3]) -> [f32; 2], double: impl Fn([f64; 3]) -> [f64; 2]) -> Option<String> {
    let f32s = HARD_F32.into_iter().find_map(|[a, b, c, right]| {
        let [a, b, c] = black_box([a, b, c]).map(f32::from_bits);
        let made = single([a, b, c]).map(f32::to_bits);
        (made != [right; 2]).then(|| format!("{a:e}·{b:e} + {c:e} in float32"))
    });
    f32s.or_else(|| {
        HARD_F64.into_iter().find_map(|[a, b, c, right]| {
            let [a, b, c] = black_box([a, b, c]).map(f64::from_bits);
            let made = double([a, b, c]).map(f64::to_bits);
            (made != [right; 2]).then(|| format!("{a:e}·{b:e} + {c:e} in float64"))
        })
    })
}

/// Returns an error if the multiply-adds of that width are not rounded once. Checks each width once a process.
pub(crate) fn check(width: Width) -> Result<(), Error> {
    static WRONG: [OnceLock<Option<String>>; Width::COUNT] = [const { OnceLock::new() }; Width::COUNT];
    match WRONG[width as usize].get_or_init(|| in_standard_mode(|| width.run_with_fused(FindWrong))) {
        None => Ok(()),
        Some(example) => Err(Error::Platform(format!(
            "this platform must round multiply-adds once: {example} is wrong (vectors: {}); please report it",
            width.name()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::fused::software_f32;

    #[test]
    fn every_width_rounds_once() {
        for width in Width::available() {
            assert_eq!(check(width), Ok(()), "{width:?}");
            assert_eq!(width.run_with_fused(FindWrong), None, "{width:?}");
        }
    }

    #[test]
    fn wrong_platforms_are_found() {
        let right = |[a, b, c]: [f64; 3]| [libm::fma(a, b, c); 2];
        let wrong = find_wrong(|[a, b, c]| [a * b + c; 2], right).unwrap();
        assert!(wrong.ends_with("in float32"), "{wrong}");
        // Rounded twice, as mingw's fmaf does.
        let twice = |[a, b, c]: [f32; 3]| [(a as f64 * b as f64 + c as f64) as f32; 2];
        assert!(find_wrong(twice, right).is_some());
        let exact = |[a, b, c]: [f32; 3]| [software_f32(a, b, c); 2];
        assert!(find_wrong(exact, |[a, b, c]| [a * b + c; 2]).unwrap().ends_with("in float64"));
        assert_eq!(find_wrong(exact, right), None);
        // One wrong lane is enough.
        assert!(find_wrong(|x| [exact(x)[0], 0.0], right).is_some());
    }
}
