//! Which vector instructions the kernels are compiled for is chosen when the program runs.
//!
//! The samplers are plain Rust; `pulp` calls each in a function that has the instruction set switched on, where
//! the compiler vectorises it for that width. The keystream names its vectors (`vectors.rs`). No width changes a
//! bit of any value.

use crate::cpu::fused::{CallFused, WithFused};
use crate::cpu::vectors::{Portable, Vectors};
use pulp::NullaryFnOnce;
use std::sync::atomic::{AtomicU8, Ordering};

/// A width of the vectors that kernels run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Simd {
    /// What the whole program is compiled for.
    Baseline,
    /// 128 bits: SSE4.2.
    Bits128,
    /// 256 bits: AVX2.
    Bits256,
    /// 512 bits: AVX-512 F, BW, CD, DQ, VL.
    Bits512,
}

impl Simd {
    /// How many widths there are.
    pub(crate) const COUNT: usize = 4;

    const ALL: [Self; Self::COUNT] = [Self::Baseline, Self::Bits128, Self::Bits256, Self::Bits512];

    /// The widths this processor has.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|level| level.is_available())
    }

    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    fn is_available(self) -> bool {
        match self {
            Self::Baseline => true,
            Self::Bits128 => pulp::x86::V2::try_new().is_some(),
            Self::Bits256 => pulp::x86::V3::try_new().is_some(),
            Self::Bits512 => pulp::x86::V4::try_new().is_some(),
        }
    }

    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    fn is_available(self) -> bool {
        self == Self::Baseline
    }

    /// Its name: "scalar", "128", "256" or "512".
    #[must_use]
    pub fn name(self) -> &'static str {
        ["scalar", "128", "256", "512"][self as usize]
    }

    /// The widest that kernels use.
    #[must_use]
    pub fn limit() -> Self {
        Self::ALL[LIMIT.load(Ordering::Relaxed) as usize]
    }

    /// Lets kernels use no wider vectors than these, in the whole process: for tests and measurements.
    pub fn set_limit(self) {
        LIMIT.store(self as u8, Ordering::Relaxed);
    }
}

static LIMIT: AtomicU8 = AtomicU8::new(Simd::Bits512 as u8);

/// A computation that uses vectors itself, and is compiled for each width of them.
pub(crate) trait WithVectors {
    type Output;

    /// Computes with `vectors`. Inlined into a function that has their instruction set switched on.
    fn call<V: Vectors>(self, vectors: V) -> Self::Output;
}

/// A [`WithVectors`] and its vectors, as `pulp` calls it.
#[allow(dead_code, reason = "some processors have nothing to switch on")]
struct Call<K, V>(K, V);

impl<K: WithVectors, V: Vectors> NullaryFnOnce for Call<K, V> {
    type Output = K::Output;

    #[inline(always)]
    fn call(self) -> K::Output {
        self.0.call(self.1)
    }
}

/// Runs `kernel` on the widest vectors of this processor, within the limit.
pub(crate) fn with_vectors<K: WithVectors>(kernel: K) -> K::Output {
    Simd::limit().run(kernel)
}

impl Simd {
    /// Runs `kernel` on the widest vectors of this processor that are not wider than these.
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    pub(crate) fn run<K: WithVectors>(self, kernel: K) -> K::Output {
        use pulp::core_arch::x86::Sse2;
        use pulp::x86::{V2, V3, V4};
        if self >= Self::Bits512
            && let Some(v4) = V4::try_new()
        {
            v4.vectorize(Call(kernel, v4))
        } else if self >= Self::Bits256
            && let Some(v3) = V3::try_new()
        {
            v3.vectorize(Call(kernel, v3))
        } else if self >= Self::Bits128
            && let Some(v2) = V2::try_new()
        {
            v2.vectorize(Call(kernel, v2.sse2))
        } else if let Some(sse2) = Sse2::try_new() {
            kernel.call(sse2)
        } else {
            kernel.call(Portable)
        }
    }

    /// Runs `kernel`: elsewhere the vectors that the whole program is compiled for are the ones there are.
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    pub(crate) fn run<K: WithVectors>(self, kernel: K) -> K::Output {
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        if let Some(neon) = pulp::aarch64::Neon::try_new() {
            return neon.vectorize(Call(kernel, neon));
        }
        kernel.call(Portable)
    }
}

/// Runs `operation` on the widest vectors with an instruction for fused multiply-adds, within the limit. Without such vectors
/// it runs on the portable ones, whose multiply-add is as exactly rounded.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub(crate) fn dispatch<O: WithFused>(operation: O) -> O::Output {
    use pulp::x86::{V3, V4};
    let limit = Simd::limit();
    if limit >= Simd::Bits512
        && let Some(v4) = V4::try_new()
    {
        v4.vectorize(CallFused(operation, v4))
    } else if limit >= Simd::Bits256
        && let Some(v3) = V3::try_new()
    {
        v3.vectorize(CallFused(operation, v3))
    } else {
        CallFused(operation, Portable).call()
    }
}

/// Runs `operation` on 128-bit vectors: elsewhere they are the ones that the whole program is compiled for.
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
pub(crate) fn dispatch<O: WithFused>(operation: O) -> O::Output {
    CallFused(operation, Portable).call()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::fused::Fused;
    use std::any::type_name;

    /// The vectors that a kernel is called with.
    struct Name;

    impl WithVectors for Name {
        type Output = &'static str;

        fn call<V: Vectors>(self, _: V) -> &'static str {
            type_name::<V>()
        }
    }

    impl WithFused for Name {
        type Output = &'static str;

        fn call<S: Fused>(self, _: S) -> &'static str {
            type_name::<S>()
        }
    }

    /// The only test of the crate's own that sets the limit: kernels give the same bits under every one.
    #[test]
    fn every_width_has_its_own_vectors() {
        let before = Simd::limit();
        let mut used = Vec::new();
        for level in Simd::available() {
            level.set_limit();
            used.push((level, Simd::limit(), with_vectors(Name), dispatch(Name)));
        }
        before.set_limit();
        for &(level, limit, vectors, fused) in &used {
            assert_eq!(limit, level);
            if cfg!(any(target_arch = "x86", target_arch = "x86_64")) {
                let end = |wide| if level >= wide { format!("V{}", level as u8 + 1) } else { String::new() };
                assert!(vectors.ends_with(&end(Simd::Bits256)), "{level:?}: {vectors}");
                assert!(fused.ends_with(&end(Simd::Bits256)), "{level:?}: {fused}");
            }
        }
        let widest = used.last().expect("the baseline").0;
        assert_eq!(with_vectors(Name), before.min(widest).run(Name));
    }
}
