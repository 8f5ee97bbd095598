//! Work queues: several threads take items from one queue until it is empty, or until an interrupt or an error stops them.

use crate::cpu::execution::Execution;
use crate::cpu::float_mode::in_standard_mode;
use crate::cpu::threads::pool;
use crate::cpu::tuning::{CHUNK_BYTES, INTERRUPT_PERIOD, LAST_CHUNK_DIVISOR, LAST_CHUNKS};
use crate::error::Error;
use rayon::Scope;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

/// Divides a slice into chunks, each with its offset in elements.
struct Chunks<'a, T> {
    /// Elements not yet taken.
    rest: &'a mut [T],
    /// Offset of its first element.
    offset: usize,
    /// Elements of a chunk.
    size: usize,
}

impl<'a, T> Iterator for Chunks<'a, T> {
    type Item = (usize, &'a mut [T]);

    fn next(&mut self) -> Option<Self::Item> {
        let left = self.rest.len();
        // The last chunks are small, so that no thread waits long for another's last chunk.
        let unit = if left < LAST_CHUNKS * self.size { self.size / LAST_CHUNK_DIVISOR } else { self.size };
        // A chunk ends where a huge page ends: then one thread alone touches each page first, and the system zeroes it there.
        let into_unit = self.rest.as_ptr().addr() / size_of::<T>() % unit;
        // A remainder smaller than a chunk joins the last chunk.
        let size = if left < 2 * unit { left } else { unit - into_unit };
        let (chunk, rest) = std::mem::take(&mut self.rest).split_at_mut(size);
        self.rest = rest;
        let offset = self.offset;
        self.offset += size;
        (size > 0).then_some((offset, chunk))
    }
}

/// Asks once a period whether to stop. Once the answer is yes, it never asks again.
pub(crate) struct Poll<'a> {
    interrupted: &'a mut dyn FnMut() -> bool,
    /// Time of the last question; None on platforms without a clock, where it never asks.
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

/// Processes the next item; None: no item is left. The argument says whether to stop.
type ActOnNext<'a> = &'a (dyn Fn(&mut dyn FnMut() -> bool) -> Option<Result<(), Error>> + Sync);

/// A queue of items. It does not name their type, so it is compiled once.
struct Work<'a> {
    act_on_next: ActOnNext<'a>,
    stop: AtomicBool,
    /// Error of the first item that failed.
    error: OnceLock<Error>,
}

impl Work<'_> {
    /// Processes one item; false if the queue is empty or stopped.
    fn step(&self, stopped: &mut dyn FnMut() -> bool) -> bool {
        if self.stop.load(Ordering::Relaxed) {
            return false;
        }
        match (self.act_on_next)(stopped) {
            None => return false,
            Some(Ok(())) => {}
            Some(Err(error)) => {
                let _ = self.error.set(error);
                self.stop.store(true, Ordering::Relaxed);
            }
        }
        true
    }

    /// A worker's turn: processes one item, lets another waiting queue go first, then queues its next turn.
    fn turn<'s>(&'s self, scope: &Scope<'s>) {
        if self.step(&mut || self.stop.load(Ordering::Relaxed)) {
            rayon::yield_now();
            scope.spawn(|scope| self.turn(scope));
        }
    }

    /// Processes all items, on the caller's thread and on threads of the pool.
    fn run(self, execution: Execution, interrupted: &mut dyn FnMut() -> bool) -> Result<(), Error> {
        let mut poll = Poll::new(interrupted);
        let mut stopped = || {
            if poll.is_stopped() {
                self.stop.store(true, Ordering::Relaxed);
            }
            self.stop.load(Ordering::Relaxed)
        };
        let mut caller = || while self.step(&mut stopped) && !stopped() {};
        let (threads, others) = execution.threads_and_pool()?;
        match if threads > 1 { pool(others) } else { None } {
            None => caller(),
            Some(pool) => pool.threads.in_place_scope(|scope| {
                for _ in 1..threads {
                    scope.spawn(|scope| self.turn(scope));
                }
                caller();
            }),
        }
        if let Some(error) = self.error.into_inner() {
            return Err(error);
        }
        if self.stop.into_inner() { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// Calls `act` on every item, on the caller's thread and on threads of the pool.
///
/// The caller's thread asks `interrupted` once a period. During a long item, `act` can ask its argument whether to stop. The
/// first error of `act` stops all threads and is returned.
pub(crate) fn for_each<I: Iterator + Send>(
    items: I,
    execution: Execution,
    act: impl Fn(I::Item, &mut dyn FnMut() -> bool) -> Result<(), Error> + Sync,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    let items = Mutex::new(items);
    let act_on_next = |stopped: &mut dyn FnMut() -> bool| {
        let item = items.lock().unwrap_or_else(PoisonError::into_inner).next()?;
        // A worker has the floating-point mode of the thread that started it.
        Some(in_standard_mode(|| act(item, stopped)))
    };
    let work = Work { act_on_next: &act_on_next, stop: AtomicBool::new(false), error: OnceLock::new() };
    work.run(execution, interrupted)
}

/// Elements of type T in a chunk: enough that the last chunks can be smaller.
fn chunk_size<T>() -> usize {
    (CHUNK_BYTES / size_of::<T>().max(1)).max(LAST_CHUNK_DIVISOR)
}

/// How many threads pay for `count` elements: one for each chunk.
pub(crate) fn threads_for_elements<T>(count: usize) -> usize {
    (count / chunk_size::<T>()).max(1)
}

/// Calls `fill` on each chunk of `out` with its offset: on the caller's thread and, if there are several chunks, on the pool.
/// The caller's thread asks `interrupted` once a period.
pub(crate) fn for_each_chunk<T: Send>(
    out: &mut [T],
    execution: Execution,
    fill: impl Fn(usize, &mut [T]) + Sync,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    let size = chunk_size::<T>();
    if size_of::<T>() == 0 || out.len() / size < 2 {
        fill(0, out);
        return Ok(());
    }
    let execution = execution.with_useful_threads(threads_for_elements::<T>(out.len()));
    let fill_chunk = |(offset, chunk): (usize, &mut [T]), _: &mut dyn FnMut() -> bool| {
        fill(offset, chunk);
        Ok(())
    };
    for_each(Chunks { rest: out, offset: 0, size }, execution, fill_chunk, interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::dispatch::Width;
    use std::collections::HashSet;
    use std::sync::Condvar;
    use std::thread::sleep;
    use std::time::Duration;

    /// Processes two items, each longer than the period.
    fn slow(interrupted: &mut dyn FnMut() -> bool) -> Result<(), Error> {
        let act = |_, stopped: &mut dyn FnMut() -> bool| {
            for _ in 0..3 {
                sleep(INTERRUPT_PERIOD);
                let _ = stopped();
            }
            Ok(())
        };
        for_each(0..2, Execution::new(Width::Baseline, 1), act, interrupted)
    }

    #[test]
    fn an_interrupt_is_asked_for_once() {
        let mut asked = 0;
        // A signal handler raises once: the answer to a second question would be no, and the exception would be lost.
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
            let execution = Execution::new(Width::Baseline, threads);
            let act = |i, _: &mut dyn FnMut() -> bool| if i == 70 { Err(Error::Memory) } else { Ok(()) };
            assert_eq!(for_each(0..100, execution, act, &mut || false), Err(Error::Memory));
            assert_eq!(for_each(0..70, execution, act, &mut || false), Ok(()));
        }
    }

    /// There are as many items as threads; each waits until all have begun.
    #[test]
    fn every_thread_takes_part() {
        for threads in [1, 2, 5] {
            let (begun, all) = (Mutex::new(HashSet::new()), Condvar::new());
            let act = |_, _: &mut dyn FnMut() -> bool| {
                let mut ids = begun.lock().unwrap();
                assert!(ids.insert(std::thread::current().id()), "two items on one thread");
                all.notify_all();
                let limit = Duration::from_secs(60);
                let (ids, _) = all.wait_timeout_while(ids, limit, |ids| ids.len() < threads).unwrap();
                assert_eq!(ids.len(), threads, "threads that have begun");
                Ok(())
            };
            for_each(0..threads, Execution::new(Width::Baseline, threads), act, &mut || false).unwrap();
            assert_eq!(begun.lock().unwrap().len(), threads);
        }
    }
}
