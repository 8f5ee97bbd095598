//! The number of threads, and the thread pool.
//!
//! The pool has one thread less, since the caller's thread works too and checks for interrupts (`queue.rs`). A forked child
//! process has none of the pool's threads. It notices this by its process id and builds its own pool.

use crate::error::Error;
use arc_swap::ArcSwapOption;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Environment variable with the number of threads.
const THREADS_VARIABLE: &str = "INITIALIZERS_NUM_THREADS";

/// The argument of the last [`set_num_threads`]; 0 before the first.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// Cache: the process id in the upper 32 bits, the number of threads found by this process in the lower ones; 0: none yet.
static FOUND: AtomicU64 = AtomicU64::new(0);

/// The threads of a process besides the caller's.
pub(crate) struct Pool {
    process: u32,
    workers: usize,
    pub(crate) threads: ThreadPool,
}

static POOL: ArcSwapOption<Pool> = ArcSwapOption::const_empty();

/// Returns the number of threads of a large fill, including the caller's: the argument of [`set_num_threads`], else
/// `INITIALIZERS_NUM_THREADS`, else the number of CPUs that this process may use. The last two are read once a process.
///
/// ```
/// assert!(initializers::num_threads()? >= 1);
/// # Ok::<(), initializers::Error>(())
/// ```
///
/// # Errors
/// [`Error::Threads`] if the environment variable is not an integer in [1, 1024].
pub fn num_threads() -> Result<usize, Error> {
    match ASKED.load(Ordering::Relaxed) {
        0 => {}
        asked => return Ok(asked),
    }
    let process = process_id();
    let found = FOUND.load(Ordering::Relaxed);
    if found != 0 && (found >> 32) as u32 == process {
        return Ok((found & 0xffff_ffff) as usize);
    }
    let threads = find_threads()?;
    FOUND.store((process as u64) << 32 | threads as u64, Ordering::Relaxed);
    Ok(threads)
}

/// The process id; 0 on platforms without processes, which have no `fork` either.
fn process_id() -> u32 {
    if cfg!(target_family = "wasm") { 0 } else { std::process::id() }
}

/// Reads the number of threads from the environment, else from the system.
///
/// Reading the environment races with C code that writes it. Therefore the Python layer calls [`num_threads`] before a fill
/// releases the interpreter lock.
fn find_threads() -> Result<usize, Error> {
    let Some(text) = std::env::var_os(THREADS_VARIABLE).filter(|text| !text.is_empty()) else {
        return Ok(std::thread::available_parallelism().map_or(1, Into::into));
    };
    let number = text.to_str().and_then(|text| text.trim().parse().ok()).filter(|n| (1..=1024).contains(n));
    number.ok_or_else(|| {
        Error::Threads(format!("`{THREADS_VARIABLE}` must be an integer in [1, 1024], received: {}", text.display()))
    })
}

/// Sets the number of threads of large fills for the whole process. No value changes.
///
/// ```
/// initializers::set_num_threads(2)?;
/// assert_eq!(initializers::num_threads()?, 2);
/// # Ok::<(), initializers::Error>(())
/// ```
///
/// # Errors
/// [`Error::Threads`] if `threads` is not in [1, 1024].
pub fn set_num_threads(threads: usize) -> Result<(), Error> {
    if !(1..=1024).contains(&threads) {
        return Err(Error::Threads(format!("`threads` must be an integer in [1, 1024], received: {threads}")));
    }
    ASKED.store(threads, Ordering::Relaxed);
    Ok(())
}

/// Returns this process's pool of `workers` threads, or None if no thread can be started: the caller then works alone.
pub(crate) fn pool(workers: usize) -> Option<Arc<Pool>> {
    if cfg!(target_family = "wasm") {
        return None; // neither threads nor process ids
    }
    let process = process_id();
    if let Some(pool) = POOL.load_full().filter(|pool| pool.process == process && pool.workers == workers) {
        return Some(pool);
    }
    let threads = ThreadPoolBuilder::new()
        .num_threads(workers)
        .thread_name(|index| format!("initializers-{index}"))
        .build()
        .ok()?;
    let pool = Arc::new(Pool { process, workers, threads });
    let old = POOL.swap(Some(Arc::clone(&pool)));
    if let Some(parents) = old.filter(|old| old.process != process) {
        // Its threads do not exist in this process. Ending them could wait forever for a lock that one of them held.
        std::mem::forget(parents);
    }
    Some(pool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_threads_is_found_again_after_a_fork() {
        let found = find_threads().unwrap();
        FOUND.store((process_id() as u64) << 32 | 0x4d, Ordering::Relaxed);
        let kept = (ASKED.load(Ordering::Relaxed) == 0).then(num_threads);
        FOUND.store((process_id().wrapping_add(1) as u64) << 32 | 0x4d, Ordering::Relaxed); // a parent's
        let new = (ASKED.load(Ordering::Relaxed) == 0).then(num_threads);
        assert!(kept.is_none_or(|kept| kept == Ok(77)) && new.is_none_or(|new| new == Ok(found)));
    }
}
