"""Memory of dead arrays is used again: only unreferenced memory, and at most a share of all."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from initializers import RandomNormal, release_memory
from initializers._arguments.dtypes import look_up
from initializers._memory import mmap_pool
from initializers._memory.allocation import allocate_aligned

pytestmark = pytest.mark.skipif(not mmap_pool.CAN_KEEP, reason="the system cannot be told of it")

SHAPE = (3, 1 << 20)
FLOAT = look_up("float32")


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    mmap_pool._kept.clear()
    yield
    mmap_pool._kept.clear()


def address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


def make() -> Any:
    return allocate_aligned(SHAPE, FLOAT)


def test_memory_of_a_dead_array_is_used_again() -> None:
    array = make()
    assert address(array) % 2**21 == 0
    first = address(array)
    RandomNormal(seed=1)(SHAPE, out=array)
    del array
    again = make()
    assert address(again) == first
    assert address(make()) != first
    wanted = RandomNormal(seed=2)(SHAPE)
    assert np.array_equal(RandomNormal(seed=2)(SHAPE, out=again), wanted)


@pytest.mark.slow
@pytest.mark.parametrize(
    "refer",
    [
        lambda array: array[1:, 5:],
        lambda array: array.view("i4").reshape(-1)[:1],
        lambda array: memoryview(array),
        lambda array: np.from_dlpack(array.T),
        lambda array: np.asarray(array.view(np.recarray)),
        lambda array: array.base,
    ],
)
def test_referenced_memory_is_not_used_again(refer: Any) -> None:
    array = make()
    first, reference = address(array), refer(array)
    del array
    gc.collect()
    assert address(make()) != first
    del reference
    gc.collect()
    assert first in {address(array) for array in [make(), make()]}


def test_small_zero_and_copied_arrays_use_memory_of_numpy() -> None:
    for keywords, shape in (({}, (8, 8)), ({"zeros": True}, SHAPE), ({"shared": False}, SHAPE)):
        allocate_aligned(shape, FLOAT, **keywords)
        assert not mmap_pool._kept


def test_the_system_may_reclaim_kept_memory() -> None:
    rollup = Path("/proc/self/smaps_rollup")
    if not rollup.exists():
        pytest.skip("of Linux")

    def read_lazy() -> int:
        found = re.search(r"^LazyFree: +(\d+) kB", rollup.read_text(), re.M)
        assert found
        return int(found[1]) * 1024

    array = make()
    array[:] = 1
    size, before = array.nbytes, read_lazy()
    del array
    assert read_lazy() - before >= size


def test_at_most_a_share_of_memory_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmap_pool, "_MOST_KEPT", 45_000_000)  # three arrays
    arrays = [make() for _ in range(5)]
    del arrays
    assert sum(map(len, mmap_pool._kept.values())) == 2


def test_the_limit_holds_where_the_size_of_memory_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The limit holds where the size of memory is unknown, as on macOS, and for one large array."""
    monkeypatch.setattr("initializers._memory.limit._PROC", "/nowhere")
    arrays = [make() for _ in range(30)]  # 420 MB, no page touched
    del arrays
    assert 0 < sum(size * len(pieces) for size, pieces in mmap_pool._kept.items()) <= 2**28
    allocate_aligned((2**28,), look_up("uint8"))
    assert sum(size * len(pieces) for size, pieces in mmap_pool._kept.items()) <= 2**28


def test_release_memory_returns_kept_memory() -> None:
    assert release_memory() == 0
    make(), make()
    kept = sum(size * len(pieces) for size, pieces in mmap_pool._kept.items())
    assert kept >= 3 * 2**22
    references = [weakref.ref(piece) for pieces in mmap_pool._kept.values() for piece in pieces]
    assert release_memory() == kept
    assert [reference() for reference in references] == [None] * len(references)
    assert release_memory() == 0
    assert make().shape == SHAPE


def test_allocation_falls_back_where_mmap_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **keywords: Any) -> Any:
        raise OSError("no")

    monkeypatch.setattr("initializers._memory.mmap_pool.mmap.mmap", refuse)
    assert make().shape == SHAPE
