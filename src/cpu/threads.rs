//! The number of threads, and the pool of those beside the caller's.
//!
//! The caller's thread works too (`queue.rs`), so that it can look for interrupts. After `fork` a child has none of the
//! pool's threads: it is recognized by its process id and builds a pool of its own.

use crate::error::Error;
use arc_swap::ArcSwapOption;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The environment variable that gives the number of threads.
const THREADS_VARIABLE: &str = "INITIALIZERS_NUM_THREADS";

/// What [`set_num_threads`] asked for; 0 before.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// The process id, and below it, in 32 bits, the number of threads that this process found; 0 before.
static FOUND: AtomicU64 = AtomicU64::new(0);

/// The threads beside the caller's.
pub(crate) struct Pool {
    process: u32,
    workers: usize,
    pub(crate) threads: ThreadPool,
}

static POOL: ArcSwapOption<Pool> = ArcSwapOption::const_empty();

/// How many threads a large fill uses, the caller's among them: what [`set_num_threads`] said, else
/// `INITIALIZERS_NUM_THREADS`, else the CPUs that this process may use. The last two are read once in a process.
///
/// # Errors
/// [`Error::Threads`] when the environment variable is not an integer in [1, 1024].
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

/// 0 where there are none, and no `fork` either.
fn process_id() -> u32 {
    if cfg!(target_family = "wasm") { 0 } else { std::process::id() }
}

/// The number of threads that the environment and the system say. Reading the environment races with C code that
/// writes it: the Python layer calls [`num_threads`] with the interpreter's lock, before a fill gives it up.
fn find_threads() -> Result<usize, Error> {
    let Some(text) = std::env::var_os(THREADS_VARIABLE).filter(|text| !text.is_empty()) else {
        return Ok(std::thread::available_parallelism().map_or(1, Into::into));
    };
    let number = text.to_str().and_then(|text| text.trim().parse().ok()).filter(|n| (1..=1024).contains(n));
    number.ok_or_else(|| {
        Error::Threads(format!("`{THREADS_VARIABLE}` must be an integer in [1, 1024], received: {}", text.display()))
    })
}

/// Uses `threads` threads for large fills, in the whole process.
///
/// # Errors
/// [`Error::Threads`] when `threads` is not in [1, 1024].
pub fn set_num_threads(threads: usize) -> Result<(), Error> {
    if !(1..=1024).contains(&threads) {
        return Err(Error::Threads(format!("`threads` must be an integer in [1, 1024], received: {threads}")));
    }
    ASKED.store(threads, Ordering::Relaxed);
    Ok(())
}

/// The pool of `workers` threads of this process, or none where no thread can be had: then the caller works alone.
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
        // Its threads do not exist here: asking them to end could wait for a lock that one of them held.
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
