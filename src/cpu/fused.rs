//! Multiply-adds that are rounded once: by the processor's instruction where it is known to exist, else by software.
//!
//! Never by the C library, whose `fma` rounds wrongly on some platforms (mingw's does). The only file that may call
//! `mul_add`: `clippy.toml` forbids it elsewhere, together with every function that Rust takes from the C library.

use crate::cpu::dispatch::{Simd, dispatch};
use crate::cpu::float_mode::in_standard_mode;
use crate::cpu::vectors::Portable;
use crate::error::Error;
use bytemuck::Pod;
use pulp::NullaryFnOnce;
use std::hint::black_box;
use std::sync::OnceLock;

/// Vectors of floats, and their multiply-adds. A value of such a type is the proof that its instructions exist.
pub trait Fused: Copy + Send + Sync {
    /// Vectors of f32.
    type F32s: Pod + Send + Sync;
    /// Vectors of f64.
    type F64s: Pod + Send + Sync;
    /// How many vectors the registers hold.
    const REGISTERS: usize;

    /// Calls `kernel` in a function that has the instructions switched on.
    fn vectorize<K: NullaryFnOnce>(self, kernel: K) -> K::Output;
    /// x in every lane.
    fn splat_f32s(self, x: f32) -> Self::F32s;
    /// x in every lane.
    fn splat_f64s(self, x: f64) -> Self::F64s;
    /// a·b + c, rounded once.
    fn fused_f32s(self, a: Self::F32s, b: Self::F32s, c: Self::F32s) -> Self::F32s;
    /// a·b + c, rounded once.
    fn fused_f64s(self, a: Self::F64s, b: Self::F64s, c: Self::F64s) -> Self::F64s;
    /// a·b + c, rounded once.
    fn fused_f32(self, a: f32, b: f32, c: f32) -> f32;
    /// a·b + c, rounded once.
    fn fused_f64(self, a: f64, b: f64, c: f64) -> f64;
}

/// A computation that is compiled for each kind of vectors.
pub(crate) trait WithFused {
    type Output;

    /// Computes with `simd`. Inlined into a function that has its instructions switched on.
    fn call<S: Fused>(self, simd: S) -> Self::Output;
}

/// A [`WithFused`] and its vectors, as `pulp` calls it.
pub(crate) struct CallFused<K, S>(pub(crate) K, pub(crate) S);

impl<K: WithFused, S: Fused> NullaryFnOnce for CallFused<K, S> {
    type Output = K::Output;

    #[inline(always)]
    fn call(self) -> K::Output {
        self.0.call(self.1)
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod x86 {
    use super::{Fused, NullaryFnOnce};
    use pulp::Simd;
    use pulp::x86::{V3, V4};

    macro_rules! hardware {
        ($token:ty) => {
            impl Fused for $token {
                type F32s = <Self as Simd>::f32s;
                type F64s = <Self as Simd>::f64s;
                const REGISTERS: usize = <Self as Simd>::REGISTER_COUNT;

                #[inline(always)]
                fn vectorize<K: NullaryFnOnce>(self, kernel: K) -> K::Output {
                    <$token>::vectorize(self, kernel)
                }

                #[inline(always)]
                fn splat_f32s(self, x: f32) -> Self::F32s {
                    Simd::splat_f32s(self, x)
                }

                #[inline(always)]
                fn splat_f64s(self, x: f64) -> Self::F64s {
                    Simd::splat_f64s(self, x)
                }

                #[inline(always)]
                fn fused_f32s(self, a: Self::F32s, b: Self::F32s, c: Self::F32s) -> Self::F32s {
                    self.mul_add_f32s(a, b, c)
                }

                #[inline(always)]
                fn fused_f64s(self, a: Self::F64s, b: Self::F64s, c: Self::F64s) -> Self::F64s {
                    self.mul_add_f64s(a, b, c)
                }

                #[inline(always)]
                fn fused_f32(self, a: f32, b: f32, c: f32) -> f32 {
                    let [a, b, c] = [a, b, c].map(|x| self.sse._mm_set_ss(x));
                    self.sse._mm_cvtss_f32(self.fma._mm_fmadd_ss(a, b, c))
                }

                #[inline(always)]
                fn fused_f64(self, a: f64, b: f64, c: f64) -> f64 {
                    let [a, b, c] = [a, b, c].map(|x| self.sse2._mm_set_sd(x));
                    self.sse2._mm_cvtsd_f64(self.fma._mm_fmadd_sd(a, b, c))
                }
            }
        };
    }
    hardware!(V3);
    hardware!(V4);
}

impl Fused for Portable {
    type F32s = [f32; 4];
    type F64s = [f64; 2];
    const REGISTERS: usize = 16;

    #[inline(always)]
    fn vectorize<K: NullaryFnOnce>(self, kernel: K) -> K::Output {
        kernel.call()
    }

    #[inline(always)]
    fn splat_f32s(self, x: f32) -> [f32; 4] {
        [x; 4]
    }

    #[inline(always)]
    fn splat_f64s(self, x: f64) -> [f64; 2] {
        [x; 2]
    }

    #[inline(always)]
    fn fused_f32s(self, a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|lane| self.fused_f32(a[lane], b[lane], c[lane]))
    }

    #[inline(always)]
    fn fused_f64s(self, a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> [f64; 2] {
        std::array::from_fn(|lane| self.fused_f64(a[lane], b[lane], c[lane]))
    }

    #[inline(always)]
    #[allow(clippy::disallowed_methods, reason = "an instruction where it is taken")]
    fn fused_f32(self, a: f32, b: f32, c: f32) -> f32 {
        if COMPILED_IN { a.mul_add(b, c) } else { software_f32(a, b, c) }
    }

    #[inline(always)]
    #[allow(clippy::disallowed_methods, reason = "an instruction where it is taken")]
    fn fused_f64(self, a: f64, b: f64, c: f64) -> f64 {
        if COMPILED_IN { a.mul_add(b, c) } else { libm::fma(a, b, c) }
    }
}

/// Whether the whole program is compiled for processors with the instruction.
const COMPILED_IN: bool = cfg!(any(
    all(target_arch = "aarch64", target_feature = "neon"),
    all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "fma"),
    all(any(target_arch = "riscv32", target_arch = "riscv64"), target_feature = "d"),
    target_arch = "powerpc64",
    target_arch = "s390x",
));

/// a·b + c, rounded once. The product is exact in f64; the sum is rounded to odd there, after which a rounding to at least two
/// bits less is the only one that counts (S. Boldo and G. Melquiond, "Emulation of a FMA and correctly rounded sums:
/// proved algorithms using rounding to odd", 2008). `libm::fmaf` errs by a unit in some subnormal results.
#[inline(always)]
fn software_f32(a: f32, b: f32, c: f32) -> f32 {
    let (product, c) = (a as f64 * b as f64, c as f64);
    let sum = product + c;
    // What the sum has lost, exactly (D. E. Knuth's two-sum); NaN where the sum is not finite.
    let part = sum - product;
    let lost = (product - (sum - part)) + (c - part);
    let bits = sum.to_bits();
    let is_inexact = lost.abs() > 0.0;
    let odd = if !is_inexact || bits & 1 == 1 {
        bits
    } else if (lost > 0.0) == (sum > 0.0) {
        bits + 1
    } else {
        bits - 1
    };
    f64::from_bits(odd) as f32
}

/// x², rounded once, by the instruction that emulators get right (`docs/reproducibility.md`, "s390x and qemu").
#[inline(always)]
pub(crate) fn square(x: f64) -> f64 {
    Portable.fused_f64(x, x, 0.0)
}

/// Bits of a, b, c and of a·b + c rounded once, from exact integers.
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

/// The first hard triple that is rounded wrongly, if any.
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

/// An error where the multiply-adds that [`dispatch`] chooses are not rounded once. Checked at the first use of a width.
pub(crate) fn check() -> Result<(), Error> {
    static WRONG: [OnceLock<Option<String>>; Simd::COUNT] = [const { OnceLock::new() }; Simd::COUNT];
    let level = Simd::limit();
    match WRONG[level as usize].get_or_init(|| in_standard_mode(|| dispatch(FindWrong))) {
        None => Ok(()),
        Some(example) => Err(Error::Platform(format!(
            "this platform must round multiply-adds once: {example} is wrong (vectors: {}); please report it",
            level.name()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_width_rounds_once() {
        let before = Simd::limit();
        for level in Simd::available() {
            level.set_limit();
            assert_eq!(check(), Ok(()), "{level:?}");
            assert_eq!(dispatch(FindWrong), None, "{level:?}");
        }
        before.set_limit();
    }

    #[test]
    fn wrong_platforms_are_found() {
        let right = |[a, b, c]: [f64; 3]| [libm::fma(a, b, c); 2];
        let wrong = find_wrong(|[a, b, c]| [a * b + c; 2], right).unwrap();
        assert!(wrong.ends_with("in float32"), "{wrong}");
        // By f64 without care for double rounding, as mingw's fmaf.
        let twice = |[a, b, c]: [f32; 3]| [(a as f64 * b as f64 + c as f64) as f32; 2];
        assert!(find_wrong(twice, right).is_some());
        let exact = |[a, b, c]: [f32; 3]| [software_f32(a, b, c); 2];
        assert!(find_wrong(exact, |[a, b, c]| [a * b + c; 2]).unwrap().ends_with("in float64"));
        assert_eq!(find_wrong(exact, right), None);
        // One wrong lane is enough.
        assert!(find_wrong(|x| [exact(x)[0], 0.0], right).is_some());
    }

    /// Numbers whose products and sums nearly cancel, tie, or are subnormal: few bits set, or all but few.
    fn hard(mantissa_bits: u32, word: u64, sparse: bool) -> u64 {
        let mantissa = (1u64 << mantissa_bits) - 1;
        let few = (word >> 40) & (word >> 20) & (word.rotate_left(17)) & mantissa;
        let low = word & 7;
        if sparse {
            word & !mantissa | few & 0xff | low
        } else {
            (word | mantissa) ^ (few << (mantissa_bits / 2)) ^ low
        }
    }

    #[cfg(target_arch = "x86_64")]
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200_000))]

        /// The instruction is the reference.
        #[test]
        fn software_agrees_with_the_instruction(words: [u64; 3], kinds: [u8; 3], spread in 0u64..60) {
            let Some(v3) = pulp::x86::V3::try_new() else { return Ok(()) };
            let [a, b, c] = [0, 1, 2].map(|i| match kinds[i] % 3 {
                0 => words[i],
                kind => hard(52, words[i], kind == 1),
            });
            // Exponents so that the product and the term meet.
            let exponent = |x: u64| x >> 52 & 0x7ff;
            let met = (exponent(a) + exponent(b)).saturating_sub(1023 + 30).saturating_add(spread).min(0x7fe);
            for c in [c, c & !(0x7ff << 52) | met << 52] {
                let [a, b, c] = [a, b, c].map(f64::from_bits);
                let (made, right) = (libm::fma(a, b, c), v3.fused_f64(a, b, c));
                prop_assert!(made.to_bits() == right.to_bits() || made.is_nan() && right.is_nan(), "{a:e} {b:e} {c:e}");
            }
            let [a, b, c] = [0, 1, 2].map(|i| match kinds[i] % 3 {
                0 => words[i] as u32,
                kind => hard(23, words[i] & 0xffff_ffff, kind == 1) as u32,
            });
            let exponent = |x: u32| x >> 23 & 0xff;
            let met = (exponent(a) + exponent(b)).saturating_sub(127 + 30).saturating_add(spread as u32).min(0xfe);
            for c in [c, c & !(0xff << 23) | met << 23] {
                let [a, b, c] = [a, b, c].map(f32::from_bits);
                let (made, right) = (software_f32(a, b, c), v3.fused_f32(a, b, c));
                prop_assert!(made.to_bits() == right.to_bits() || made.is_nan() && right.is_nan(), "{a:e} {b:e} {c:e}");
            }
        }
    }
}
