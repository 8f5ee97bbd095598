"""Threads for jobs; where none can be started, the caller does them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Workers:
    """Runs jobs in threads, or at once where the system grants no thread.

    A job may then run twice, at once and in a thread that was started before.

    Args:
        count: The most threads.
    """

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count)
        self._alone = False

    def submit(self, job: Callable[..., T], *arguments: object) -> Future[T]:
        """Return the future of `job(*arguments)`."""
        if not self._alone:
            try:
                return self._pool.submit(job, *arguments)
            except RuntimeError:  # no thread
                self._alone = True
                self._pool.shutdown(wait=False)  # else a later thread would find the job
        future: Future[T] = Future()
        try:
            future.set_result(job(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Wait for the jobs and end the threads."""
        self._pool.shutdown()
