"""A pool of threads. If no thread can be started, the caller runs the jobs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Workers:
    """Runs jobs in threads, or in the caller if the system refuses a thread.

    A job may then run twice: in the caller, and in a thread that was started before.

    Args:
        count: The maximum number of threads.
    """

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count)
        self._alone = False

    def submit(self, job: Callable[..., T], *arguments: object) -> Future[T]:
        """Return the future of `job(*arguments)`."""
        if not self._alone:
            try:
                return self._pool.submit(job, *arguments)
            except RuntimeError:  # no thread could be started
                self._alone = True
                self._pool.shutdown(wait=False)  # the queued job must not run later
        future: Future[T] = Future()
        try:
            future.set_result(job(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Wait for the jobs and end the threads."""
        self._pool.shutdown()
