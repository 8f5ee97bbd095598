//! Multiply-adds that are rounded once: by an instruction of the processor if it has one, else by software.
//!
//! The C library is never used: its `fma` rounds wrongly on some platforms (mingw). This is the only file that may call
//! `mul_add`; `clippy.toml` forbids it elsewhere, together with every function that Rust takes from the C library.

use crate::cpu::vectors::Portable;
use bytemuck::Pod;
use pulp::NullaryFnOnce;

/// Vectors of floats, and their multiply-adds. A value of such a type proves that the processor has the instructions.
pub(crate) trait Fused: Copy + Send + Sync {
    /// Vectors of f32.
    type F32s: Pod + Send + Sync;
    /// Vectors of f64.
    type F64s: Pod + Send + Sync;
    /// Number of vector registers.
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
    #[allow(clippy::disallowed_methods, reason = "compiled to an instruction")]
    fn fused_f32(self, a: f32, b: f32, c: f32) -> f32 {
        if COMPILED_IN { a.mul_add(b, c) } else { software_f32(a, b, c) }
    }

    #[inline(always)]
    #[allow(clippy::disallowed_methods, reason = "compiled to an instruction")]
    fn fused_f64(self, a: f64, b: f64, c: f64) -> f64 {
        if COMPILED_IN { a.mul_add(b, c) } else { libm::fma(a, b, c) }
    }
}

/// Whether the program is compiled for processors that all have the instruction.
const COMPILED_IN: bool = cfg!(any(
    all(target_arch = "aarch64", target_feature = "neon"),
    all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "fma"),
    all(any(target_arch = "riscv32", target_arch = "riscv64"), target_feature = "d"),
    target_arch = "powerpc64",
    target_arch = "s390x",
));

/// a·b + c, rounded once. The product is exact in f64. The sum is rounded to odd in f64, so that rounding it to f32 gives the
/// correctly rounded result (S. Boldo and G. Melquiond, "Emulation of a FMA and correctly rounded sums:
/// proved algorithms using rounding to odd", 2008). `libm::fmaf` is wrong by one unit for some subnormal results.
#[inline(always)]
pub(crate) fn software_f32(a: f32, b: f32, c: f32) -> f32 {
    let (product, c) = (a as f64 * b as f64, c as f64);
    let sum = product + c;
    // The exact rounding error of the sum (D. E. Knuth's two-sum); NaN if the sum is not finite.
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

/// x², rounded once, by an instruction that emulators compute correctly (`docs/reproducibility.md`, "s390x and qemu").
#[inline(always)]
pub(crate) fn square(x: f64) -> f64 {
    Portable.fused_f64(x, x, 0.0)
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
