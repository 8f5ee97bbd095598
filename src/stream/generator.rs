//! A generator of seeds for draws without names.

use crate::stream::seed::Seed;
use std::sync::atomic::{AtomicU64, Ordering};

/// A seed that gives different values at every draw, and the same sequence in every run.
///
/// Draw k (from 0) has stream id k of the seed: generators do not overlap, and the first draw of one equals a draw with its
/// integer seed. Threads can share a generator; each draw belongs to one of them.
///
/// ```
/// use initializers::{Fill, Normal, Seed, SeedGenerator};
///
/// let (normal, generator) = (Normal::new(0.0, 1.0)?, SeedGenerator::new(7));
/// let first: Vec<f32> = normal.sample_vec(generator.draw(), &[4])?;
/// let second: Vec<f32> = normal.sample_vec(generator.draw(), &[4])?;
/// assert_eq!(first, normal.sample_vec::<f32>(7, &[4])?);
/// assert_eq!(second, normal.sample_vec::<f32>(Seed::from(7).with_stream(1), &[4])?);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Debug)]
pub struct SeedGenerator {
    seed: Seed,
    draws: AtomicU64,
}

impl SeedGenerator {
    /// Creates the generator of the draws from stream id `seed.stream()` on: from 0 for an integer.
    ///
    /// ```
    /// assert_eq!(initializers::SeedGenerator::new(7).draws(), 0);
    /// ```
    pub fn new(seed: impl Into<Seed>) -> Self {
        Self { seed: seed.into(), draws: AtomicU64::new(0) }
    }

    /// Returns the seed of the next draw. After 2^64 draws the sequence starts again.
    ///
    /// ```
    /// use initializers::{Seed, SeedGenerator};
    /// assert_eq!(SeedGenerator::new(7).draw(), Seed::from(7));
    /// ```
    pub fn draw(&self) -> Seed {
        let draw = self.draws.fetch_add(1, Ordering::Relaxed);
        self.seed.with_stream(self.seed.stream().wrapping_add(draw))
    }

    /// Returns the number of draws so far.
    ///
    /// ```
    /// let generator = initializers::SeedGenerator::new(7);
    /// generator.draw();
    /// assert_eq!(generator.draws(), 1);
    /// ```
    pub fn draws(&self) -> u64 {
        self.draws.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::thread::scope;

    #[test]
    fn threads_share_a_generator() {
        let generator = SeedGenerator::new(7);
        let draws = || (0..100).map(|_| generator.draw()).collect::<Vec<_>>();
        let drawn: HashSet<Seed> = scope(|scope| {
            let threads = [scope.spawn(draws), scope.spawn(draws)];
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(drawn, (0..200).map(|stream| Seed::from(7).with_stream(stream)).collect());
        assert_eq!(generator.draws(), 200);
    }
}
