//! Chooses the vector instructions when the program runs: [`Width::run_with_vectors`] for the keystream and the samplers,
//! [`Width::run_with_fused`] for matrices.
//!
//! Every computation is compiled once for each width. `pulp` calls it in a function that has the instruction set switched
//! on, so that the compiler vectorizes plain Rust for that width. No width changes a bit of any value.

use crate::cpu::fused::Fused;
use crate::cpu::vectors::{Portable, Vectors};
use pulp::NullaryFnOnce;
use std::sync::atomic::{AtomicU8, Ordering};

/// A width of the vectors that kernels run on. No width changes a bit of any value.
///
/// ```
/// use initializers::Width;
/// assert!(Width::Bits256 > Width::Bits128);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Width {
    /// The vectors that the whole program is compiled for.
    Baseline,
    /// 128 bits: SSE4.2.
    Bits128,
    /// 256 bits: AVX2.
    Bits256,
    /// 512 bits: AVX-512 F, BW, CD, DQ, VL.
    Bits512,
}

impl Width {
    /// How many widths there are.
    pub(crate) const COUNT: usize = 4;

    const ALL: [Self; Self::COUNT] = [Self::Baseline, Self::Bits128, Self::Bits256, Self::Bits512];

    /// Returns the widths of this processor, narrowest first.
    ///
    /// ```
    /// use initializers::Width;
    /// assert_eq!(Width::available().next(), Some(Width::Baseline));
    /// ```
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|width| width.is_available())
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

    /// Returns its name: "scalar", "128", "256" or "512".
    ///
    /// ```
    /// assert_eq!(initializers::Width::Bits256.name(), "256");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        ["scalar", "128", "256", "512"][self as usize]
    }
}

/// Returns the widest vectors that kernels use.
///
/// ```
/// assert!(initializers::width_limit() >= initializers::Width::Baseline);
/// ```
#[must_use]
pub fn width_limit() -> Width {
    Width::ALL[LIMIT.load(Ordering::Relaxed) as usize]
}

/// Lets kernels use no wider vectors than these, in the whole process: for tests and measurements. No value changes.
///
/// ```
/// use initializers::{Fill, Normal, Width, set_width_limit};
///
/// let normal = Normal::new(0.0, 1.0)?;
/// let values: Vec<f32> = normal.sample_vec(42, &[1000])?;
/// set_width_limit(Width::Baseline);
/// assert_eq!(normal.sample_vec::<f32>(42, &[1000])?, values);
/// set_width_limit(Width::Bits512);
/// # Ok::<(), initializers::Error>(())
/// ```
pub fn set_width_limit(width: Width) {
    LIMIT.store(width as u8, Ordering::Relaxed);
}

static LIMIT: AtomicU8 = AtomicU8::new(Width::Bits512 as u8);

/// A computation with words of 32 bits, compiled for each kind of [`Vectors`].
pub(crate) trait WithVectors {
    type Output;

    /// Computes with `vectors`. Inlined into a function that has their instruction set switched on.
    fn call<V: Vectors>(self, vectors: V) -> Self::Output;
}

/// A [`WithVectors`] and its vectors, as `pulp` calls it.
#[allow(dead_code, reason = "some processors have nothing to switch on")]
struct CallWithVectors<K, V>(K, V);

impl<K: WithVectors, V: Vectors> NullaryFnOnce for CallWithVectors<K, V> {
    type Output = K::Output;

    #[inline(always)]
    fn call(self) -> K::Output {
        self.0.call(self.1)
    }
}

/// A computation with multiply-adds, compiled for each kind of [`Fused`] vectors.
pub(crate) trait WithFused {
    type Output;

    /// Computes with `simd`. Inlined into a function that has its instructions switched on.
    fn call<S: Fused>(self, simd: S) -> Self::Output;
}

/// A [`WithFused`] and its vectors, as `pulp` calls it.
#[allow(dead_code, reason = "some processors have nothing to switch on")]
struct CallWithFused<K, S>(K, S);

impl<K: WithFused, S: Fused> NullaryFnOnce for CallWithFused<K, S> {
    type Output = K::Output;

    #[inline(always)]
    fn call(self) -> K::Output {
        self.0.call(self.1)
    }
}

impl Width {
    /// Runs a computation that needs [`Vectors`], words of 32 bits: the keystream, and the samplers around it.
    ///
    /// It runs on the widest vectors of this processor that are not wider than these.
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    pub(crate) fn run_with_vectors<K: WithVectors>(self, kernel: K) -> K::Output {
        use pulp::core_arch::x86::Sse2;
        use pulp::x86::{V2, V3, V4};
        if self >= Self::Bits512
            && let Some(v4) = V4::try_new()
        {
            v4.vectorize(CallWithVectors(kernel, v4))
        } else if self >= Self::Bits256
            && let Some(v3) = V3::try_new()
        {
            v3.vectorize(CallWithVectors(kernel, v3))
        } else if self >= Self::Bits128
            && let Some(v2) = V2::try_new()
        {
            v2.vectorize(CallWithVectors(kernel, v2.sse2))
        } else if let Some(sse2) = Sse2::try_new() {
            kernel.call(sse2)
        } else {
            kernel.call(Portable)
        }
    }

    /// Runs a computation that needs [`Vectors`]. On this processor the whole program is compiled for the only ones.
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    pub(crate) fn run_with_vectors<K: WithVectors>(self, kernel: K) -> K::Output {
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        if let Some(neon) = pulp::aarch64::Neon::try_new() {
            return neon.vectorize(CallWithVectors(kernel, neon));
        }
        kernel.call(Portable)
    }

    /// Runs a computation that needs [`Fused`], multiply-adds that are rounded once: matrices.
    ///
    /// It runs on the widest vectors with an instruction for them that are not wider than these, else on [`Portable`],
    /// whose multiply-add gives the same bits.
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    pub(crate) fn run_with_fused<K: WithFused>(self, kernel: K) -> K::Output {
        use pulp::x86::{V3, V4};
        if self >= Self::Bits512
            && let Some(v4) = V4::try_new()
        {
            v4.vectorize(CallWithFused(kernel, v4))
        } else if self >= Self::Bits256
            && let Some(v3) = V3::try_new()
        {
            v3.vectorize(CallWithFused(kernel, v3))
        } else {
            kernel.call(Portable)
        }
    }

    /// Runs a computation that needs [`Fused`]. On this processor the whole program is compiled for the only ones.
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    pub(crate) fn run_with_fused<K: WithFused>(self, kernel: K) -> K::Output {
        kernel.call(Portable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::execution::Execution;
    use std::any::type_name;

    /// The vectors that a computation is called with.
    struct Name;

    impl WithVectors for Name {
        type Output = (usize, &'static str);

        fn call<V: Vectors>(self, vectors: V) -> (usize, &'static str) {
            (vectors.lanes(), type_name::<V>())
        }
    }

    impl WithFused for Name {
        type Output = (usize, &'static str);

        fn call<S: Fused>(self, _: S) -> (usize, &'static str) {
            (size_of::<S::F32s>() / 4, type_name::<S>())
        }
    }

    #[test]
    fn every_width_runs_on_its_own_vectors() {
        for width in Width::available() {
            let (vectors, fused) = (width.run_with_vectors(Name), width.run_with_fused(Name));
            let (lanes, token) = match width {
                Width::Baseline | Width::Bits128 => (4, ""),
                Width::Bits256 => (8, "V3"),
                Width::Bits512 => (16, "V4"),
            };
            assert_eq!((vectors.0, fused.0), (lanes, lanes), "lanes of {width:?}");
            assert!(vectors.1.ends_with(token) && fused.1.ends_with(token), "{width:?}: {} {}", vectors.1, fused.1);
        }
        let widest = Width::available().last().expect("the baseline");
        assert_eq!(Width::Bits512.run_with_vectors(Name), widest.run_with_vectors(Name));
        assert_eq!(Width::Bits512.run_with_fused(Name), widest.run_with_fused(Name));
    }

    /// The only unit test that sets the limit of the process; no other depends on it.
    #[test]
    fn the_limit_is_kept() {
        let before = width_limit();
        let limits: Vec<_> = Width::available()
            .map(|width| {
                set_width_limit(width);
                (width, width_limit(), Execution::current().width)
            })
            .collect();
        set_width_limit(before);
        assert!(limits.iter().all(|(set, limit, current)| set == limit && set == current), "{limits:?}");
    }
}
