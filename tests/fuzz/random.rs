//! Random choices that prefer edge cases.

use initializers::{Compute, Element, Seed, Width, set_width_limit, width_limit};
use std::ops::RangeInclusive;

/// SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, 2014), one generator for each case.
pub(crate) struct Random(u64);

/// Edges: signs, subnormals, the largest values of the element types, the largest normals, bounds.
const EDGES: [f64; 30] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.0,
    -2.0,
    0.5,
    6.66,
    6.67,
    8.65,
    8.66,
    36.9,
    37.0,
    -37.0,
    448.0,
    464.0,
    57344.0,
    61440.0,
    65504.0,
    65520.0,
    3.3895e38,
    3.4028234663852886e38,
    -3.4028234663852886e38,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    1e-45,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];

impl Random {
    pub(crate) fn new(seed: u64, case: u64) -> Self {
        let mut first = Self(seed);
        Self(first.next() ^ case.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    /// A number below n.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((self.next() as u128 * n as u128) >> 64) as u64
    }

    pub(crate) fn within(&mut self, range: RangeInclusive<usize>) -> usize {
        range.start() + self.below((range.end() - range.start() + 1) as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// A number of any size: the number of its bits is uniform.
    pub(crate) fn size(&mut self) -> u64 {
        let bits = self.below(64);
        self.next() >> bits
    }

    /// Any float: ordinary, at an edge, beside one, a fraction of one, any bits.
    pub(crate) fn float(&mut self) -> f64 {
        match self.below(16) {
            0 | 1 => self.pick(&EDGES),
            2 => self.pick(&EDGES).next_up(),
            3 => self.pick(&EDGES).next_down(),
            4 => self.pick(&EDGES) / self.pick(&EDGES),
            5 => f64::from_bits(self.next()),
            6 => f32::from_bits(self.next() as u32) as f64,
            _ => self.ordinary(),
        }
    }

    /// A float in [−4, 4) with few or many bits.
    pub(crate) fn ordinary(&mut self) -> f64 {
        let (cut, bits) = (self.below(50), self.next() >> 12);
        (bits >> cut << cut) as f64 * f64::from_bits((1023 - 49) << 52) - 4.0
    }

    /// A seed, and its value and stream id.
    pub(crate) fn seed(&mut self) -> (Seed, i128, u64) {
        let value = match self.below(4) {
            0 => self.below(10) as i128,
            1 => self.size() as i128 - self.size() as i128,
            2 => self.pick(&[i128::MIN, i128::MAX, -1, 1 << 64, u64::MAX as i128]),
            _ => (self.next() as i128) << 64 | self.next() as i128,
        };
        let stream = if self.one_in(2) { 0 } else { self.size() };
        (Seed::from(value).with_stream(stream), value, stream)
    }

    /// Sets a random vector width.
    pub(crate) fn set_width(&mut self, widths: &[Width]) {
        let width = self.pick(widths);
        set_width_limit(width);
        assert_eq!(width_limit(), width);
    }
}

/// A value that no request here returns by accident: every byte 0x5a.
pub(crate) fn untouched<T: Element>() -> T {
    bytemuck::pod_read_unaligned(&[0x5a; 8][..size_of::<T>()])
}

pub(crate) fn same<T: Element>(a: &[T], b: &[T]) -> bool {
    bytemuck::cast_slice::<T, u8>(a) == bytemuck::cast_slice::<T, u8>(b)
}

/// A parameter as samplers round it: −0 becomes +0.
pub(crate) fn parameter<C: Compute>(value: f64) -> C {
    C::from_f64(value) + C::default()
}
