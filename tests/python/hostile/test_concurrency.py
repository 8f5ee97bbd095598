"""Threads, the interpreter lock, forks, interrupts, the number of threads."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import initializers
from initializers import RandomNormal, RandomUniform, TruncatedNormal
from interpreter import run_code

pytestmark = pytest.mark.slow

# Several chunks of 2 MiB, so that the pool has work.
LARGE = (3001, 1009)
# The slowest sampler: 2^26 elements take half a second on one thread.
SLOW = TruncatedNormal(bounds=(8.0, 9.0), seed=1)


@pytest.fixture(autouse=True)
def _restore_threads() -> Any:
    before = initializers.get_num_threads()
    yield
    initializers.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_the_number_of_threads_changes_nothing(threads: int) -> None:
    initializers.set_num_threads(1)
    expected = RandomNormal(seed=3)(LARGE)
    initializers.set_num_threads(threads)
    assert initializers.get_num_threads() == threads
    np.testing.assert_array_equal(RandomNormal(seed=3)(LARGE), expected)


def test_eight_concurrent_callers_get_the_serial_values() -> None:
    makers = [RandomNormal(seed=1), RandomUniform(seed=2), TruncatedNormal(seed=3), SLOW] * 2
    serial = [make(LARGE) for make in makers]
    barrier = threading.Barrier(len(makers))

    def fill(make: Any) -> NDArray[Any]:
        barrier.wait()
        return make(LARGE)  # type: ignore[no-any-return]

    with ThreadPoolExecutor(len(makers)) as pool:
        for expected, received in zip(serial, pool.map(fill, makers), strict=True):
            np.testing.assert_array_equal(received, expected)


def test_callers_fill_parts_of_one_output() -> None:
    whole = RandomNormal(seed=5)((64, 65536))
    out = np.empty_like(whole)

    def fill(row: int) -> None:
        rows = slice(8 * row, 8 * row + 8)
        RandomNormal(seed=5)(whole.shape, index=(rows, slice(None)), out=out[rows])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fill, range(8)))
    np.testing.assert_array_equal(out, whole)


@pytest.mark.clock
def test_a_fill_releases_the_interpreter() -> None:
    window: list[float] = []

    def fill() -> None:
        out = np.empty((1 << 25,), np.float32)
        window.append(time.perf_counter())
        SLOW(out.shape, out=out)
        window.append(time.perf_counter())

    worker = threading.Thread(target=fill)
    worker.start()
    ticks = []
    while worker.is_alive():
        ticks.append(time.perf_counter())
        time.sleep(0.001)
    worker.join()
    inside = [tick for tick in ticks if window[0] < tick < window[1]]
    assert len(inside) >= 10, f"{len(inside)} ticks in a fill of {window[1] - window[0]:.3f} s"


@pytest.mark.clock
def test_a_short_fill_does_not_wait_for_a_long_one() -> None:
    initializers.set_num_threads(2)
    done = threading.Event()

    def fill() -> None:
        SLOW((1 << 26,))
        done.set()

    worker = threading.Thread(target=fill)
    worker.start()
    time.sleep(0.1)
    RandomNormal(seed=1)(LARGE)
    finished_first = not done.is_set()
    worker.join()
    assert finished_first


@pytest.mark.clock
def test_one_output_cannot_be_filled_twice_at_once() -> None:
    initializers.set_num_threads(1)
    out = np.empty(1 << 26, np.float32)
    worker = threading.Thread(target=lambda: SLOW(out.shape, out=out))
    worker.start()
    time.sleep(0.1)
    with pytest.raises(ValueError, match="`out` must be writeable and not in use"):
        RandomNormal(seed=1)(out.shape, out=out)
    worker.join()


@pytest.mark.clock
def test_an_interrupt_ends_a_long_fill() -> None:
    class Alarm(Exception):
        pass

    rung: list[float] = []

    def ring(*_: object) -> None:
        rung.append(time.perf_counter())
        raise Alarm

    out = np.empty(1 << 28, np.float32)
    before = signal.signal(signal.SIGALRM, ring)
    start = time.perf_counter()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(Alarm):
            SLOW(out.shape, out=out)
        end = time.perf_counter()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert 0.3 <= rung[0] - start < 0.5, "the handler ran late"
    assert end - rung[0] < 0.2, "the fill went on"
    # The package works as before, and the output can be filled again.
    np.testing.assert_array_equal(SLOW((1000,), out=out[:1000]), SLOW((1000,)))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("initializer", "shape"),
    [
        (SLOW, (1 << 26,)),
        (initializers.Orthogonal(seed=1), (4000, 3000)),  # many panels
        (initializers.Orthogonal(seed=1), (64, 1 << 20)),  # one panel
    ],
    ids=["slow", "square", "tall"],
)
def test_an_interrupted_fill_leaves_the_rest_unwritten(
    initializer: Any, shape: tuple[int, ...], threads: int
) -> None:
    """The fill stops at once, instead of finishing before it raises."""

    def ring(*_: object) -> None:
        raise InterruptedError("rung")

    initializers.set_num_threads(threads)
    out = np.full(shape, np.nan, np.float32)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(InterruptedError, match="rung"):
            initializer(shape, out=out)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert np.isnan(out).any()
    assert not np.isnan(initializer((64, 70))).any()


def test_a_forked_child_makes_the_same_values() -> None:
    code = f"""
import os, sys, initializers
initializers.set_num_threads(3)
expected = initializers.RandomNormal(seed=7)({LARGE}).tobytes()
child = os.fork()
if child == 0:
    same = initializers.RandomNormal(seed=7)({LARGE}).tobytes() == expected
    grandchild = os.fork()
    if grandchild == 0:
        os._exit(0 if initializers.RandomNormal(seed=7)({LARGE}).tobytes() == expected else 2)
    os._exit(0 if same and os.waitpid(grandchild, 0)[1] == 0 else 1)
assert os.waitpid(child, 0)[1] == 0
assert initializers.RandomNormal(seed=7)({LARGE}).tobytes() == expected
"""
    # Python 3.12 warns of every fork of a process with threads.
    result = run_code("import warnings; warnings.simplefilter('ignore')\n" + code)
    assert result.returncode == 0, result.stderr


def test_a_fork_during_a_fill_makes_the_same_values() -> None:
    code = f"""
import os, threading, initializers
expected = initializers.RandomNormal(seed=7)({LARGE}).tobytes()
slow = initializers.TruncatedNormal(bounds=(-1.0, 3.0), seed=1)
worker = threading.Thread(target=lambda: slow((1 << 25,)))
worker.start()
for _ in range(5):
    child = os.fork()
    if child == 0:
        os._exit(0 if initializers.RandomNormal(seed=7)({LARGE}).tobytes() == expected else 1)
    assert os.waitpid(child, 0)[1] == 0
worker.join()
"""
    result = run_code("import warnings; warnings.simplefilter('ignore')\n" + code)
    assert result.returncode == 0, result.stderr


def test_the_environment_sets_the_number_of_threads() -> None:
    code = "import initializers; print(initializers.get_num_threads())"
    assert run_code(code, INITIALIZERS_NUM_THREADS="3").stdout == "3\n"
    usable = len(os.sched_getaffinity(0))
    assert run_code(code, INITIALIZERS_NUM_THREADS="").stdout == f"{usable}\n"


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "1025", "99999999999999999999"])
def test_a_wrong_environment_variable_is_an_error(value: str) -> None:
    code = f"import initializers; initializers.RandomNormal()({LARGE})"
    result = run_code(code, INITIALIZERS_NUM_THREADS=value)
    expected = f"`INITIALIZERS_NUM_THREADS` must be an integer in [1, 1024], received: {value}"
    assert expected in result.stderr, result.stderr
