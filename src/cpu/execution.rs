//! Settings of a computation on the processor. No value depends on them.

use crate::cpu::dispatch::{Width, width_limit};
use crate::cpu::threads::num_threads;
use crate::error::Error;

/// The vector width and the threads of a computation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Execution {
    /// Widest vectors that may be used.
    pub(crate) width: Width,
    /// None: the number of the process, which is looked up only if several threads pay.
    threads: Option<usize>,
    /// Number of threads that pay for this computation.
    useful: usize,
}

impl Execution {
    /// Returns the settings of the process, for a computation of any size.
    pub(crate) fn current() -> Self {
        Self { width: width_limit(), threads: None, useful: usize::MAX }
    }

    /// Returns settings for a test.
    #[cfg(test)]
    pub(crate) fn new(width: Width, threads: usize) -> Self {
        Self { width, threads: Some(threads), useful: usize::MAX }
    }

    /// Returns the same settings for a computation in which at most `useful` threads pay.
    pub(crate) fn with_useful_threads(self, useful: usize) -> Self {
        Self { useful, ..self }
    }

    /// Returns how many threads work, including the caller's, and how many threads the pool has.
    pub(crate) fn threads_and_pool(self) -> Result<(usize, usize), Error> {
        if self.useful <= 1 {
            return Ok((1, 0));
        }
        let all = self.threads.map_or_else(num_threads, Ok)?;
        Ok((all.min(self.useful), all - 1))
    }
}
