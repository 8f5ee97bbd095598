//! Vectors of a computing type, and their multiply-adds.

use crate::cpu::fused::Fused;

/// The vectors of a computing type.
pub(crate) trait Lanes: bytemuck::Pod {
    /// A vector with as many elements as the instruction set S has lanes.
    type Vector<S: Fused>: bytemuck::Pod + Send + Sync;

    /// x in every lane.
    fn splat<S: Fused>(simd: S, x: Self) -> Self::Vector<S>;

    /// a·b + c, rounded once.
    fn fused_vectors<S: Fused>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>, c: Self::Vector<S>) -> Self::Vector<S>;

    /// a·b + c, rounded once.
    fn fused<S: Fused>(simd: S, a: Self, b: Self, c: Self) -> Self;
}

macro_rules! lanes {
    ($float:ty, $vector:ident, $splat:ident, $fused_vectors:ident, $fused:ident) => {
        impl Lanes for $float {
            type Vector<S: Fused> = S::$vector;

            #[inline(always)]
            fn splat<S: Fused>(simd: S, x: Self) -> S::$vector {
                simd.$splat(x)
            }

            #[inline(always)]
            fn fused_vectors<S: Fused>(simd: S, a: S::$vector, b: S::$vector, c: S::$vector) -> S::$vector {
                simd.$fused_vectors(a, b, c)
            }

            #[inline(always)]
            fn fused<S: Fused>(simd: S, a: Self, b: Self, c: Self) -> Self {
                simd.$fused(a, b, c)
            }
        }
    };
}
lanes!(f32, F32s, splat_f32s, fused_f32s, fused_f32);
lanes!(f64, F64s, splat_f64s, fused_f64s, fused_f64);
