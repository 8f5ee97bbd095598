"""Fills under stress: little memory, odd memory, forks, signals, an early end of the process."""

from __future__ import annotations

import mmap
import multiprocessing
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from initializers import Orthogonal, RandomNormal, RandomUniform, TruncatedNormal, digest
from interpreter import run_code

pytestmark = pytest.mark.slow

SHAPE = (3001, 1009)  # several chunks of 2 MiB
NORMAL = RandomNormal(seed=3)
SLOW = "initializers.TruncatedNormal(bounds=(-1.0, 3.0), seed=1)"


def run(code: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    imports = "import initializers, os, sys, threading, time\n"
    return run_code(imports + code, warnings="ignore", timeout=timeout)


def draw_digest(seed: int) -> str:
    """Return the digest of one tensor (called in a new process)."""
    return digest({"w": RandomNormal(seed=seed)(SHAPE)})


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_make_the_same_values(method: str) -> None:
    expected = [draw_digest(seed) for seed in range(3)]
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(draw_digest, range(3)) == expected


def test_64_threads_make_the_same_values() -> None:
    shapes = [(37 + i, 1009) for i in range(64)]
    expected = [NORMAL(shape).tobytes() for shape in shapes]
    with ThreadPoolExecutor(64) as pool:
        for _ in range(3):
            assert [x.tobytes() for x in pool.map(NORMAL, shapes)] == expected


def test_forks_before_and_after_the_first_fill_make_the_same_values() -> None:
    """In every order: parent first, child first, a grandchild, many children at once."""
    code = f"""
def make(): return initializers.digest({{"w": initializers.RandomNormal(seed=7)({SHAPE})}})
def child(act):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if act() else 1)
    return os.waitpid(pid, 0)[1] == 0
initializers.set_num_threads(3)
expected = {digest({"w": RandomNormal(seed=7)(SHAPE)})!r}
same = lambda: make() == expected
assert child(same)                                     # child first
assert same()                                          # parent
assert child(same) and same()                          # parent's pool is there
assert child(lambda: same() and child(same) and same())
assert child(lambda: child(same))                      # a grandchild, its parent never filled
pids = []
for _ in range(8):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if same() else 1)
    pids.append(pid)
assert same() and all(os.waitpid(pid, 0)[1] == 0 for pid in pids)
print("fine")
"""
    result = run("import warnings; warnings.simplefilter('ignore')\n" + code)
    assert result.stdout == "fine\n", result.stderr


def test_a_storm_of_signals_changes_nothing() -> None:
    expected = TruncatedNormal(bounds=(-1.0, 3.0), seed=1)((1 << 22,)).tobytes()
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        made = TruncatedNormal(bounds=(-1.0, 3.0), seed=1)((1 << 22,)).tobytes()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert made == expected


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits as Linux has them")
def test_the_package_works_after_a_memory_error() -> None:
    """Little address space: a tensor too large, and matrices whose reflectors do not fit."""
    code = """
import resource, numpy as np
make = initializers.RandomNormal(seed=3)
out = np.empty((6000, 6000), np.float16)
before = make((1000,)).tobytes()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (48 << 20),) * 2)
caught = 0
for act in (
    lambda: make((1 << 40,)),
    lambda: make((1 << 28,)),
    lambda: initializers.Orthogonal(seed=1)((6000, 6000), "float16", out=out),
    lambda: initializers.Orthogonal(seed=1)((1 << 15, 1 << 15)),
    lambda: initializers.orthogonalize(np.broadcast_to(np.float64(1), (5000, 5000))),
):
    try:
        act()
    except MemoryError:
        caught += 1
assert make((1000,)).tobytes() == before
print(caught)
"""
    result = run(code)
    assert result.stdout == "5\n", result.stderr


def test_a_fill_works_where_no_thread_starts() -> None:
    """No address space for stacks: the calling thread works alone and makes the same values."""
    code = f"""
import resource
initializers.set_num_threads(64)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
before = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used + (40 << 20), before[1]))
values = initializers.RandomNormal(seed=3)({SHAPE})
resource.setrlimit(resource.RLIMIT_AS, before)
print(initializers.digest({{"w": values}}))
"""
    result = run(code)
    assert result.stdout.strip() == draw_digest(3), result.stderr


@pytest.mark.parametrize("daemon", [True, False])
def test_the_interpreter_ends_during_a_fill(daemon: bool) -> None:
    code = f"""
make = {SLOW}
for _ in range(3):
    threading.Thread(target=make, args=((1 << 23,),), daemon={daemon}).start()
time.sleep(0.05)
"""
    result = run(code)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_signal_ends_the_process_during_a_fill() -> None:
    command = [
        sys.executable,
        "-c",
        f"import initializers\nprint(1, flush=True)\n{SLOW}((1 << 28,))",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert b"KeyboardInterrupt" in errors


def test_out_may_be_memory_mapped(tmp_path: Path) -> None:
    expected = NORMAL(SHAPE)
    mapped = np.memmap(tmp_path / "w.bin", np.float32, "w+", shape=SHAPE)
    NORMAL(SHAPE, out=mapped)
    mapped.flush()
    np.testing.assert_array_equal(np.fromfile(tmp_path / "w.bin", np.float32), expected.reshape(-1))
    with mmap.mmap(-1, expected.nbytes) as anonymous:
        out = np.frombuffer(anonymous, np.float32).reshape(SHAPE)
        NORMAL(SHAPE, out=out)
        assert out.tobytes() == expected.tobytes()
        del out


@pytest.mark.parametrize("make", [NORMAL, Orthogonal(seed=1), RandomUniform(seed=1)], ids=repr)
def test_out_of_unsuitable_memory_is_refused(make: RandomNormal, tmp_path: Path) -> None:
    read_only = np.zeros((30, 20), np.float32)
    read_only.flags.writeable = False
    np.zeros((30, 20), np.float32).tofile(tmp_path / "w.bin")
    mapped = np.memmap(tmp_path / "w.bin", np.float32, "r", shape=(30, 20))
    unaligned = np.zeros(30 * 20 * 4 + 1, np.uint8)[1:].view(np.float32).reshape(30, 20)
    swapped = np.zeros((30, 20), np.dtype(np.float32).newbyteorder())
    for out in (read_only, mapped, unaligned, swapped, np.zeros((20, 30), np.float32).T):
        with pytest.raises(ValueError, match="`out`"):
            make((30, 20), out=out)
        assert not out.any()


def test_blocks_of_tensors_far_beyond_memory() -> None:
    """Offsets past 2^33 elements and at the end of 2^62 give the values of the element's index."""
    flat = (1 << 33) + 12345
    whole = (1 << 17, 1 << 17)  # 2^34 elements
    row, column = divmod(flat, 1 << 17)
    block = NORMAL(whole, index=(slice(row, row + 1), slice(column, column + 100)))
    line = NORMAL((1 << 34,), index=(slice(flat, flat + 100),))
    np.testing.assert_array_equal(block[0], line)
    huge = (1 << 31, 1 << 31)
    last = NORMAL(huge, index=(slice(-1, None), slice(-70, None)))
    end = NORMAL((1 << 62,), index=(slice((1 << 62) - 70, None),))
    np.testing.assert_array_equal(last[0], end)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux has it")
def test_one_processor_makes_the_same_values() -> None:
    code = f"""
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
print(initializers.digest({{"w": initializers.RandomNormal(seed=3)({SHAPE})}}))
"""
    assert run(code).stdout.strip() == draw_digest(3)


def test_a_second_interpreter_does_no_harm() -> None:
    """NumPy refuses a second interpreter; the first one continues."""
    code = f"""
try:
    import _interpreters as interpreters
except ImportError:  # before Python 3.13
    import _xxsubinterpreters as interpreters
second = interpreters.create()
interpreters.run_string(second, '''
try:
    import initializers
except ImportError:
    print("refused", flush=True)
''')
interpreters.destroy(second)
print(initializers.digest({{"w": initializers.RandomNormal(seed=3)({SHAPE})}}))
"""
    assert run(code).stdout.split() == ["refused", draw_digest(3)]
