//! How a computation may use the processor. No value depends on it.

use crate::cpu::dispatch::{Width, width_limit};
use crate::cpu::threads::num_threads;
use crate::error::Error;

/// The vector width and the threads of a computation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Execution {
    /// The widest vectors that may be used.
    pub(crate) width: Width,
    /// None: the number of the process, which is looked up only where several threads pay.
    threads: Option<usize>,
    /// How many threads pay for this computation.
    useful: usize,
}

impl Execution {
    /// The settings of the process, for a computation of any size.
    pub(crate) fn current() -> Self {
        Self { width: width_limit(), threads: None, useful: usize::MAX }
    }

    /// A width and a number of threads that a test names.
    #[cfg(test)]
    pub(crate) fn new(width: Width, threads: usize) -> Self {
        Self { width, threads: Some(threads), useful: usize::MAX }
    }

    /// The same for a computation in which no more threads than `useful` pay.
    pub(crate) fn with_useful_threads(self, useful: usize) -> Self {
        Self { useful, ..self }
    }

    /// How many threads work, the caller's among them, and how many others the pool has.
    pub(crate) fn threads_and_pool(self) -> Result<(usize, usize), Error> {
        if self.useful <= 1 {
            return Ok((1, 0));
        }
        let all = self.threads.map_or_else(num_threads, Ok)?;
        Ok((all.min(self.useful), all - 1))
    }
}
