//! Vectors of 32-bit words on each processor, with the operations of the keystream.
//!
//! `pulp`'s tokens prove that the processor has an instruction set, so that no `unsafe` is needed. Their methods must be
//! inlined into a function compiled for that instruction set: `dispatch.rs` has these functions.

use bytemuck::Pod;

/// The vector instructions of one processor, on 4, 8 or 16 words of 32 bits.
pub(crate) trait Vectors: Copy {
    /// One word for each lane.
    type Vector: Pod;

    /// The number of lanes.
    #[inline(always)]
    fn lanes(self) -> usize {
        size_of::<Self::Vector>() / 4
    }

    /// The same word in every lane.
    fn splat(self, word: u32) -> Self::Vector;
    /// Sums modulo 2^32.
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Exclusive or.
    fn xor(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Every word rotated left by `LEFT` = 32 − `RIGHT` bits.
    fn rotate<const LEFT: i32, const RIGHT: i32>(self, a: Self::Vector) -> Self::Vector;
    /// In each 128 bits, a0 b0 a1 b1 and a2 b2 a3 b3.
    fn interleave_words(self, a: Self::Vector, b: Self::Vector) -> [Self::Vector; 2];
    /// In each 128 bits, a0 a1 b0 b1 and a2 a3 b2 b3.
    fn interleave_pairs(self, a: Self::Vector, b: Self::Vector) -> [Self::Vector; 2];
    /// The first 128 bits of the four vectors, then the second 128 bits of each, and so on.
    fn join_quarters(self, quarters: [Self::Vector; 4]) -> [Self::Vector; 4];
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod x86 {
    use super::Vectors;
    #[cfg(target_arch = "x86")]
    use core::arch::x86::{__m128i, __m256i, __m512i};
    #[cfg(target_arch = "x86_64")]
    use core::arch::x86_64::{__m128i, __m256i, __m512i};
    use pulp::core_arch::x86::Sse2;
    use pulp::x86::{V3, V4};

    impl Vectors for Sse2 {
        type Vector = __m128i;

        #[inline(always)]
        fn splat(self, word: u32) -> __m128i {
            self._mm_set1_epi32(word as i32)
        }

        #[inline(always)]
        fn add(self, a: __m128i, b: __m128i) -> __m128i {
            self._mm_add_epi32(a, b)
        }

        #[inline(always)]
        fn xor(self, a: __m128i, b: __m128i) -> __m128i {
            self._mm_xor_si128(a, b)
        }

        #[inline(always)]
        fn rotate<const LEFT: i32, const RIGHT: i32>(self, a: __m128i) -> __m128i {
            self._mm_or_si128(self._mm_slli_epi32::<LEFT>(a), self._mm_srli_epi32::<RIGHT>(a))
        }

        #[inline(always)]
        fn interleave_words(self, a: __m128i, b: __m128i) -> [__m128i; 2] {
            [self._mm_unpacklo_epi32(a, b), self._mm_unpackhi_epi32(a, b)]
        }

        #[inline(always)]
        fn interleave_pairs(self, a: __m128i, b: __m128i) -> [__m128i; 2] {
            [self._mm_unpacklo_epi64(a, b), self._mm_unpackhi_epi64(a, b)]
        }

        #[inline(always)]
        fn join_quarters(self, quarters: [__m128i; 4]) -> [__m128i; 4] {
            quarters
        }
    }

    impl Vectors for V3 {
        type Vector = __m256i;

        #[inline(always)]
        fn splat(self, word: u32) -> __m256i {
            self.avx._mm256_set1_epi32(word as i32)
        }

        #[inline(always)]
        fn add(self, a: __m256i, b: __m256i) -> __m256i {
            self.avx2._mm256_add_epi32(a, b)
        }

        #[inline(always)]
        fn xor(self, a: __m256i, b: __m256i) -> __m256i {
            self.avx2._mm256_xor_si256(a, b)
        }

        #[inline(always)]
        fn rotate<const LEFT: i32, const RIGHT: i32>(self, a: __m256i) -> __m256i {
            let (left, right) = (self.avx2._mm256_slli_epi32::<LEFT>(a), self.avx2._mm256_srli_epi32::<RIGHT>(a));
            self.avx2._mm256_or_si256(left, right)
        }

        #[inline(always)]
        fn interleave_words(self, a: __m256i, b: __m256i) -> [__m256i; 2] {
            [self.avx2._mm256_unpacklo_epi32(a, b), self.avx2._mm256_unpackhi_epi32(a, b)]
        }

        #[inline(always)]
        fn interleave_pairs(self, a: __m256i, b: __m256i) -> [__m256i; 2] {
            [self.avx2._mm256_unpacklo_epi64(a, b), self.avx2._mm256_unpackhi_epi64(a, b)]
        }

        #[inline(always)]
        fn join_quarters(self, [a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
            [
                self.avx2._mm256_permute2x128_si256::<0x20>(a, b),
                self.avx2._mm256_permute2x128_si256::<0x20>(c, d),
                self.avx2._mm256_permute2x128_si256::<0x31>(a, b),
                self.avx2._mm256_permute2x128_si256::<0x31>(c, d),
            ]
        }
    }

    impl Vectors for V4 {
        type Vector = __m512i;

        #[inline(always)]
        fn splat(self, word: u32) -> __m512i {
            self.avx512f._mm512_set1_epi32(word as i32)
        }

        #[inline(always)]
        fn add(self, a: __m512i, b: __m512i) -> __m512i {
            self.avx512f._mm512_add_epi32(a, b)
        }

        #[inline(always)]
        fn xor(self, a: __m512i, b: __m512i) -> __m512i {
            self.avx512f._mm512_xor_si512(a, b)
        }

        #[inline(always)]
        fn rotate<const LEFT: i32, const RIGHT: i32>(self, a: __m512i) -> __m512i {
            self.avx512f._mm512_rol_epi32::<LEFT>(a)
        }

        #[inline(always)]
        fn interleave_words(self, a: __m512i, b: __m512i) -> [__m512i; 2] {
            [self.avx512f._mm512_unpacklo_epi32(a, b), self.avx512f._mm512_unpackhi_epi32(a, b)]
        }

        #[inline(always)]
        fn interleave_pairs(self, a: __m512i, b: __m512i) -> [__m512i; 2] {
            [self.avx512f._mm512_unpacklo_epi64(a, b), self.avx512f._mm512_unpackhi_epi64(a, b)]
        }

        #[inline(always)]
        fn join_quarters(self, [a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
            let avx512 = self.avx512f;
            // Quarters 0 and 2 of both, quarters 1 and 3 of both.
            let (ab02, ab13) = (avx512._mm512_shuffle_i32x4::<0x88>(a, b), avx512._mm512_shuffle_i32x4::<0xdd>(a, b));
            let (cd02, cd13) = (avx512._mm512_shuffle_i32x4::<0x88>(c, d), avx512._mm512_shuffle_i32x4::<0xdd>(c, d));
            [
                avx512._mm512_shuffle_i32x4::<0x88>(ab02, cd02),
                avx512._mm512_shuffle_i32x4::<0x88>(ab13, cd13),
                avx512._mm512_shuffle_i32x4::<0xdd>(ab02, cd02),
                avx512._mm512_shuffle_i32x4::<0xdd>(ab13, cd13),
            ]
        }
    }
}

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod aarch64 {
    use super::Vectors;
    use core::arch::aarch64::uint32x4_t;
    use pulp::aarch64::Neon;

    impl Vectors for Neon {
        type Vector = uint32x4_t;

        #[inline(always)]
        fn splat(self, word: u32) -> uint32x4_t {
            self.neon.vdupq_n_u32(word)
        }

        #[inline(always)]
        fn add(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
            self.neon.vaddq_u32(a, b)
        }

        #[inline(always)]
        fn xor(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
            self.neon.veorq_u32(a, b)
        }

        #[inline(always)]
        fn rotate<const LEFT: i32, const RIGHT: i32>(self, a: uint32x4_t) -> uint32x4_t {
            self.neon.vorrq_u32(self.neon.vshlq_n_u32::<LEFT>(a), self.neon.vshrq_n_u32::<RIGHT>(a))
        }

        #[inline(always)]
        fn interleave_words(self, a: uint32x4_t, b: uint32x4_t) -> [uint32x4_t; 2] {
            [self.neon.vzip1q_u32(a, b), self.neon.vzip2q_u32(a, b)]
        }

        #[inline(always)]
        fn interleave_pairs(self, a: uint32x4_t, b: uint32x4_t) -> [uint32x4_t; 2] {
            let (a, b) = (bytemuck::cast(a), bytemuck::cast(b));
            [self.neon.vzip1q_u64(a, b), self.neon.vzip2q_u64(a, b)].map(bytemuck::cast)
        }

        #[inline(always)]
        fn join_quarters(self, quarters: [uint32x4_t; 4]) -> [uint32x4_t; 4] {
            quarters
        }
    }
}

/// Four lanes in plain Rust, for every processor.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Vectors for Portable {
    type Vector = [u32; 4];

    #[inline(always)]
    fn splat(self, word: u32) -> [u32; 4] {
        [word; 4]
    }

    #[inline(always)]
    fn add(self, a: [u32; 4], b: [u32; 4]) -> [u32; 4] {
        std::array::from_fn(|lane| a[lane].wrapping_add(b[lane]))
    }

    #[inline(always)]
    fn xor(self, a: [u32; 4], b: [u32; 4]) -> [u32; 4] {
        std::array::from_fn(|lane| a[lane] ^ b[lane])
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self, a: [u32; 4]) -> [u32; 4] {
        a.map(|word| word.rotate_left(LEFT as u32))
    }

    #[inline(always)]
    fn interleave_words(self, a: [u32; 4], b: [u32; 4]) -> [[u32; 4]; 2] {
        [[a[0], b[0], a[1], b[1]], [a[2], b[2], a[3], b[3]]]
    }

    #[inline(always)]
    fn interleave_pairs(self, a: [u32; 4], b: [u32; 4]) -> [[u32; 4]; 2] {
        [[a[0], a[1], b[0], b[1]], [a[2], a[3], b[2], b[3]]]
    }

    #[inline(always)]
    fn join_quarters(self, quarters: [[u32; 4]; 4]) -> [[u32; 4]; 4] {
        quarters
    }
}
