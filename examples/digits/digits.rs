//! Images of handwritten digits, the sizes of the model that learns them, and the digests of `digests.txt`.

/// Pixels of a row, and rows of an image.
pub const SIDE: usize = 8;
/// Images to learn from; the others test.
pub const TRAIN: usize = 1500;

pub const WIDTH: usize = 32;
pub const HIDDEN: usize = 64;
pub const HEADS: usize = 4;
pub const LAYERS: usize = 2;
pub const BATCH: usize = 50;
pub const EPOCHS: usize = 12;
/// Mean loss of the last epoch that the training must reach.
pub const LOSS: f64 = 0.1;

const BYTES: &[u8] = include_bytes!("digits.bin");
const DIGESTS: &str = include_str!("digests.txt");

/// Returns the pixels of these images, in [0, 1], and their digits.
pub fn load(range: std::ops::Range<usize>) -> (Vec<f32>, Vec<u8>) {
    let records = &BYTES.as_chunks::<{ SIDE * SIDE + 1 }>().0[range];
    let pixels = records.iter().flat_map(|record| &record[..SIDE * SIDE]).map(|&pixel| f32::from(pixel) / 16.0);
    (pixels.collect(), records.iter().map(|record| record[SIDE * SIDE]).collect())
}

/// Returns the number of images.
pub fn count() -> usize {
    BYTES.len() / (SIDE * SIDE + 1)
}

/// Panics if the digest of a framework's weights is not the one that Python computes.
pub fn check_digest(framework: &str, digest: &str) {
    let line = DIGESTS.lines().find_map(|line| line.strip_prefix(framework)?.strip_prefix(' '));
    assert_eq!(Some(digest), line, "the weights must be those of Python");
}
