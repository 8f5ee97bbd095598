//! Work on several threads: the only file that names rayon.
//!
//! The calling thread works too, so that it can look for interrupts, and a pool of the others is kept. After
//! `fork` a child has none of the pool's threads: it is recognised by its process id and builds a pool of its own.

use crate::cpu::float_mode::in_standard_mode;
use crate::error::Error;
use arc_swap::ArcSwapOption;
use rayon::{Scope, ThreadPool, ThreadPoolBuilder};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The environment variable that gives the number of threads.
const THREADS_VARIABLE: &str = "INITIALIZERS_NUM_THREADS";

/// The size of a chunk, that of a huge page: to make it takes a hundred times as long as to hand it over.
pub(crate) const CHUNK_BYTES: usize = 2 << 20;

/// How long the calling thread works between two looks for an interrupt.
const INTERRUPT_PERIOD: Duration = Duration::from_millis(50);

/// What [`set_num_threads`] asked for; 0 before.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// The process id, and below it, in 32 bits, the number of threads that this process found; 0 before.
static FOUND: AtomicU64 = AtomicU64::new(0);

/// The threads beside the caller's.
struct Pool {
    process: u32,
    workers: usize,
    threads: ThreadPool,
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
fn pool(workers: usize) -> Option<Arc<Pool>> {
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

/// Asks now and then whether to stop, and never again once the answer was yes.
pub(crate) struct Poll<'a> {
    interrupted: &'a mut dyn FnMut() -> bool,
    /// When it was asked last; None where there is no clock: then it is never asked.
    asked: Option<Instant>,
    stopped: bool,
}

impl<'a> Poll<'a> {
    pub(crate) fn new(interrupted: &'a mut dyn FnMut() -> bool) -> Self {
        let has_clock = !cfg!(all(target_family = "wasm", target_os = "unknown"));
        Self { interrupted, asked: has_clock.then(Instant::now), stopped: false }
    }

    pub(crate) fn is_stopped(&mut self) -> bool {
        if !self.stopped && self.asked.is_some_and(|asked| asked.elapsed() >= INTERRUPT_PERIOD) {
            self.stopped = (self.interrupted)();
            self.asked = Some(Instant::now());
        }
        self.stopped
    }
}

/// Items that several threads take from one queue.
struct Work<I, F> {
    items: Mutex<I>,
    act: F,
    stop: AtomicBool,
    /// Of the first item that failed.
    error: OnceLock<Error>,
}

impl<I: Iterator, F: Fn(I::Item, &mut dyn FnMut() -> bool) -> Result<(), Error> + Sync> Work<I, F> {
    /// Works on one item; false when there was none left.
    fn step(&self, stopped: &mut dyn FnMut() -> bool) -> bool {
        if self.stop.load(Ordering::Relaxed) {
            return false;
        }
        let item = self.items.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(item) = item else { return false };
        // A worker has the mode of who started it.
        if let Err(error) = in_standard_mode(|| (self.act)(item, stopped)) {
            let _ = self.error.set(error);
            self.stop.store(true, Ordering::Relaxed);
        }
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
/// it is to give up. The first error of `act` ends the work and is returned.
pub(crate) fn for_each<I: Iterator + Send>(
    items: I,
    threads: usize,
    act: impl Fn(I::Item, &mut dyn FnMut() -> bool) -> Result<(), Error> + Sync,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    let work = Work { items: Mutex::new(items), act, stop: AtomicBool::new(false), error: OnceLock::new() };
    let mut poll = Poll::new(interrupted);
    let mut stopped = || {
        if poll.is_stopped() {
            work.stop.store(true, Ordering::Relaxed);
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
    if let Some(error) = work.error.into_inner() {
        return Err(error);
    }
    if work.stop.into_inner() { Err(Error::Interrupted) } else { Ok(()) }
}

/// Elements of that size in a chunk; eight at least, so that the last ones can be smaller.
fn chunk_size<T>() -> usize {
    (CHUNK_BYTES / size_of::<T>().max(1)).max(8)
}

/// How many threads are worth their while for so many elements: no more than there are chunks.
pub(crate) fn threads_for_elements<T>(count: usize) -> Result<usize, Error> {
    match count / chunk_size::<T>() {
        0 | 1 => Ok(1),
        chunks => Ok(num_threads()?.min(chunks)),
    }
}

/// Calls `fill` on chunks of `out` that cover it, each with its offset, on the caller's thread and, when
/// there are several chunks, on the pool. `interrupted` is asked on the caller's thread while it works.
pub(crate) fn for_each_chunk<T: Send>(
    out: &mut [T],
    fill: impl Fn(usize, &mut [T]) + Sync,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    let size = chunk_size::<T>();
    if size_of::<T>() == 0 || out.len() / size < 2 {
        fill(0, out);
        return Ok(());
    }
    let threads = threads_for_elements::<T>(out.len())?;
    let fill_chunk = |(offset, chunk): (usize, &mut [T]), _: &mut dyn FnMut() -> bool| {
        fill(offset, chunk);
        Ok(())
    };
    for_each(Chunks { rest: out, offset: 0, size }, threads, fill_chunk, interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;

    /// Two items, each longer than the period.
    fn slow(interrupted: &mut dyn FnMut() -> bool) -> Result<(), Error> {
        let act = |_, stopped: &mut dyn FnMut() -> bool| {
            for _ in 0..3 {
                sleep(INTERRUPT_PERIOD);
                let _ = stopped();
            }
            Ok(())
        };
        for_each(0..2, 1, act, interrupted)
    }

    #[test]
    fn an_interrupt_is_asked_for_once() {
        let mut asked = 0;
        // A handler raises once: a second question would be answered no, and the exception lost.
        let result = slow(&mut || {
            asked += 1;
            asked == 1
        });
        assert_eq!((result, asked), (Err(Error::Interrupted), 1));
        let mut asked = 0;
        let result = slow(&mut || {
            asked += 1;
            false
        });
        assert!(result == Ok(()) && asked >= 5, "{asked}");
    }

    #[test]
    fn the_error_of_an_item_is_returned() {
        for threads in [1, 3] {
            let act = |i, _: &mut dyn FnMut() -> bool| if i == 70 { Err(Error::Memory) } else { Ok(()) };
            assert_eq!(for_each(0..100, threads, act, &mut || false), Err(Error::Memory));
            assert_eq!(for_each(0..70, threads, act, &mut || false), Ok(()));
        }
    }

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
