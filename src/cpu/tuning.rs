//! Numbers that decide how fast a computation is, each with its reason. None of them changes a value.
//!
//! The numbers that define values are where they are used: `GROUP` in `stream/words.rs`, `PANEL`, `SUM_BLOCK`
//! and `SUM_LANES` in `matrix/reflectors.rs`, the coefficients in `float/coefficients.rs`. They are frozen.

use std::time::Duration;

/// Bytes of a chunk, the part of a tensor that one thread fills at a time: a huge page, which is then touched by one
/// thread alone. Filling it takes about 100 times as long as taking it from the queue.
pub(crate) const CHUNK_BYTES: usize = 2 << 20;

/// Chunks become smaller when fewer elements than this many chunks are left…
pub(crate) const LAST_CHUNKS: usize = 4;

/// … namely this many times smaller: then no thread waits long for the last chunk of another.
pub(crate) const LAST_CHUNK_DIVISOR: usize = 8;

/// Time between two questions whether to stop. A user does not notice it, and asking takes Python's lock.
pub(crate) const INTERRUPT_PERIOD: Duration = Duration::from_millis(50);

/// Elements that are drawn together and then scattered into a view with gaps: they stay in the first-level cache.
pub(crate) const SCATTERED_ELEMENTS: usize = 4096;

/// Groups that go through the passes of a fill together where values are rounded. Words and values stay in the first-level cache,
/// and starting a pass costs little beside it.
pub(crate) const GROUPS_PER_PASS: usize = 16;

/// Groups that go through the passes together where values are not rounded, but computed in the output. Stores of a longer pass
/// wait for memory: with 32, uniform values in f32 take 8 % longer beyond the caches, though 4 % less within the second-level cache.
pub(crate) const GROUPS_PER_DIRECT_PASS: usize = 8;

/// Groups of a part of a tensor, at most, for which less memory is cleared before the passes.
pub(crate) const SHORT_PART_GROUPS: usize = 4;

/// Keystream blocks that a [`Stream`](crate::Stream) generates at once: as many as the widest vectors do together.
pub(crate) const STREAM_BLOCKS: usize = 16;

/// Multiply-adds of a matrix that are worth one more thread: they take a tenth of a millisecond.
pub(crate) const MULTIPLY_ADDS_PER_THREAD: usize = 1 << 20;

/// Rows of the right-hand matrix that stay in the first-level cache while all tiles of a product use them.
pub(crate) const PRODUCT_DEPTH: usize = 128;

/// Rows of the output that are computed together where only the first panel of reflectors is left.
pub(crate) const OUTPUT_ROWS: usize = 128;

/// Rows of the output in one task where there is only one panel: tall matrices are divided by rows.
pub(crate) const TASK_ROWS: usize = 4096;

/// Rows of a panel of reflectors that are drawn together: a column of them stays in the first-level cache.
pub(crate) const PANEL_ROWS: usize = 2048;

/// Blocks of a sum of squares whose normals are drawn together: they stay in the second-level cache.
pub(crate) const SUM_BLOCKS: usize = 8;

/// Rows of reflectors that are copied into a strip together, for the products of all pairs of reflectors.
pub(crate) const PACKED_ROWS: usize = 128;
