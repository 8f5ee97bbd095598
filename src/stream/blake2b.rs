//! BLAKE2b with a key, a personalization and a digest of 8 bytes (RFC 7693), for seeds made from names.

const IV: [u64; 8] = [
    0x6a09e667f3bcc908,
    0xbb67ae8584caa73b,
    0x3c6ef372fe94f82b,
    0xa54ff53a5f1d36f1,
    0x510e527fade682d1,
    0x9b05688c2b3e6c1f,
    0x1f83d9abfb41bd6b,
    0x5be0cd19137e2179,
];

const SIGMA: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

const BLOCK: usize = 128;

/// An unfinished digest of 8 bytes.
pub(crate) struct Blake2b {
    state: [u64; 8],
    /// Bytes hashed so far, without the bytes in `block`.
    count: u128,
    /// Bytes not hashed yet: the last block is hashed differently.
    block: [u8; BLOCK],
    filled: usize,
}

impl Blake2b {
    /// Starts a digest with a key of 16 bytes.
    pub(crate) fn new(key: &[u8; 16], personalization: &[u8; 16]) -> Self {
        let mut state = IV;
        // The parameter block: 8 bytes of digest, the length of the key, fan-out 1 and depth 1.
        state[0] ^= 0x0101_0000 | (key.len() as u64) << 8 | 8;
        let (words, _) = personalization.as_chunks();
        for (state, &word) in state[6..].iter_mut().zip(words) {
            *state ^= u64::from_le_bytes(word);
        }
        let mut block = [0; BLOCK];
        block[..key.len()].copy_from_slice(key);
        Self { state, count: 0, block, filled: BLOCK }
    }

    pub(crate) fn update(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            if self.filled == BLOCK {
                self.compress(false);
                self.filled = 0;
            }
            let (part, rest) = data.split_at(data.len().min(BLOCK - self.filled));
            self.block[self.filled..][..part.len()].copy_from_slice(part);
            self.filled += part.len();
            data = rest;
        }
    }

    /// Returns the digest, read as a little-endian integer.
    pub(crate) fn finish(mut self) -> u64 {
        self.block[self.filled..].fill(0);
        self.compress(true);
        self.state[0]
    }

    fn compress(&mut self, is_last: bool) {
        self.count += self.filled as u128;
        let mut message = [0; 16];
        let (words, _) = self.block.as_chunks();
        for (message, &word) in message.iter_mut().zip(words) {
            *message = u64::from_le_bytes(word);
        }
        let mut v = [0; 16];
        v[..8].copy_from_slice(&self.state);
        v[8..].copy_from_slice(&IV);
        v[12] ^= self.count as u64;
        v[13] ^= (self.count >> 64) as u64;
        if is_last {
            v[14] = !v[14];
        }
        for round in 0..12 {
            let order = &SIGMA[round % 10];
            let mut mix = |i: usize, [a, b, c, d]: [usize; 4]| {
                for (word, first, second) in [(message[order[2 * i]], 32, 24), (message[order[2 * i + 1]], 16, 63)] {
                    v[a] = v[a].wrapping_add(v[b]).wrapping_add(word);
                    v[d] = (v[d] ^ v[a]).rotate_right(first);
                    v[c] = v[c].wrapping_add(v[d]);
                    v[b] = (v[b] ^ v[c]).rotate_right(second);
                }
            };
            for i in 0..4 {
                mix(i, [i, 4 + i, 8 + i, 12 + i]);
            }
            for i in 0..4 {
                mix(4 + i, [i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4]);
            }
        }
        for i in 0..8 {
            self.state[i] ^= v[i] ^ v[i + 8];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests of Python's `hashlib.blake2b` for data of lengths around the size of a block.
    #[test]
    fn digests_are_those_of_hashlib() {
        let expected = [
            (0, 0x3145d74eb3abe099),
            (1, 0x4b1d39e34e8fdebf),
            (127, 0x23ab56cdd355c10c),
            (128, 0xac8a461979b195f6),
            (129, 0x132a876141b8d3cf),
            (256, 0x61aa7b23231c3dcf),
            (300, 0x2e9f4c1a16ed124d),
        ];
        for (len, digest) in expected {
            let data: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let mut whole = Blake2b::new(b"0123456789abcdef", b"initializers v01");
            whole.update(&data);
            let mut parts = Blake2b::new(b"0123456789abcdef", b"initializers v01");
            data.chunks(7).for_each(|part| parts.update(part));
            assert_eq!((whole.finish(), parts.finish()), (digest, digest), "{len} bytes");
        }
    }
}
