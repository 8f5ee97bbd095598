//! Work on several threads: the only file that names rayon.
//!
//! The calling thread works too, so that it can look for interrupts, and a pool of the others is kept. After
//! `fork` a child has none of the pool's threads: it is recognised by its process id and builds a pool of its own.

use crate::error::Error;
use crate::float_mode::in_standard_mode;
use arc_swap::ArcSwapOption;
use rayon::{Scope, ThreadPool, ThreadPoolBuilder};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The environment variable that gives the number of threads.
const THREADS_VARIABLE: &str = "INITIALIZERS_NUM_THREADS";

/// The size of a chunk, that of a huge page: to make it takes a hundred times as long as to hand it over.
const CHUNK_BYTES: usize = 2 << 20;

/// How long the calling thread works between two looks for an interrupt.
const INTERRUPT_PERIOD: Duration = Duration::from_millis(50);

/// What [`set_num_threads`] asked for; 0 before.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// The threads beside the caller's.
struct Pool {
    process: u32,
    workers: usize,
    threads: ThreadPool,
}

static POOL: ArcSwapOption<Pool> = ArcSwapOption::const_empty();

/// How many threads a large fill uses, the caller's among them: what [`set_num_threads`] said, else
/// `INITIALIZERS_NUM_THREADS`, else the CPUs that this process may use.
///
/// # Errors
/// [`Error::Threads`] when the environment variable is not an integer in [1, 1024].
pub fn num_threads() -> Result<usize, Error> {
    match ASKED.load(Ordering::Relaxed) {
        0 => {}
        asked => return Ok(asked),
    }
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
fn pool(workers: usize) -> Option<Arc<Pool>> {
    if cfg!(target_family = "wasm") {
        return None; // neither threads nor process ids
    }
    let process = std::process::id();
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

/// The chunks not yet taken, each with its offset in elements.
struct Chunks<'a, T> {
    rest: &'a mut [T],
    offset: usize,
    size: usize,
}

impl<'a, T> Iterator for Chunks<'a, T> {
    type Item = (usize, &'a mut [T]);

    fn next(&mut self) -> Option<Self::Item> {
        let left = self.rest.len();
        // The last ones are small, so that no thread waits long for the last of another.
        let unit = if left < 4 * self.size { self.size / 8 } else { self.size };
        // A chunk ends where a huge page does, so that each is touched first, and made, by one thread alone.
        let into_unit = self.rest.as_ptr().addr() / size_of::<T>() % unit;
        // The last chunk takes what would be less than a chunk.
        let size = if left < 2 * unit { left } else { unit - into_unit };
        let (chunk, rest) = std::mem::take(&mut self.rest).split_at_mut(size);
        self.rest = rest;
        let offset = self.offset;
        self.offset += size;
        (size > 0).then_some((offset, chunk))
    }
}

/// Items that several threads take from one queue.
struct Work<I, F> {
    items: Mutex<I>,
    act: F,
    stop: AtomicBool,
}

impl<I: Iterator, F: Fn(I::Item, &mut dyn FnMut() -> bool) + Sync> Work<I, F> {
    /// Works on one item; false when there was none left.
    fn step(&self, stopped: &mut dyn FnMut() -> bool) -> bool {
        if self.stop.load(Ordering::Relaxed) {
            return false;
        }
        let item = self.items.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(item) = item else { return false };
        in_standard_mode(|| (self.act)(item, stopped)); // a worker has the mode of who started it
        true
    }

    /// A worker's turn: one item, then a turn of another queue that waits, then the next of this one.
    fn turn<'s>(&'s self, scope: &Scope<'s>)
    where
        I: Send,
    {
        if self.step(&mut || self.stop.load(Ordering::Relaxed)) {
            rayon::yield_now();
            scope.spawn(|scope| self.turn(scope));
        }
    }
}

/// Calls `act` on every item, on the caller's thread and up to `threads` − 1 of the pool.
///
/// `interrupted` is asked on the caller's thread now and then; `act` can ask in the midst of a long item whether
/// it is to give up.
pub(crate) fn for_each<I: Iterator + Send>(
    items: I,
    threads: usize,
    act: impl Fn(I::Item, &mut dyn FnMut() -> bool) + Sync,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    let work = Work { items: Mutex::new(items), act, stop: AtomicBool::new(false) };
    let mut asked = Instant::now();
    let mut stopped = || {
        if asked.elapsed() >= INTERRUPT_PERIOD {
            if interrupted() {
                work.stop.store(true, Ordering::Relaxed);
            }
            asked = Instant::now();
        }
        work.stop.load(Ordering::Relaxed)
    };
    let mut caller = || while work.step(&mut stopped) && !stopped() {};
    match if threads > 1 { pool((num_threads()? - 1).max(1)) } else { None } {
        None => caller(),
        Some(pool) => pool.threads.in_place_scope(|scope| {
            for _ in 1..threads {
                scope.spawn(|scope| work.turn(scope));
            }
            caller();
        }),
    }
    if work.stop.into_inner() { Err(Error::Interrupted) } else { Ok(()) }
}

/// Calls `fill` on chunks of `out` that cover it, each with its offset, on the caller's thread and, when
/// there are several chunks, on the pool. `interrupted` is asked on the caller's thread while it works.
pub(crate) fn for_each_chunk<T: Send>(
    out: &mut [T],
    fill: impl Fn(usize, &mut [T]) + Sync,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    let size = CHUNK_BYTES / size_of::<T>();
    let chunks = out.len() / size;
    if chunks < 2 {
        fill(0, out);
        return Ok(());
    }
    let threads = num_threads()?.min(chunks);
    for_each(Chunks { rest: out, offset: 0, size }, threads, |(offset, chunk), _| fill(offset, chunk), interrupted)
}
