"""The most memory that this process can ever use."""

from __future__ import annotations

import math
from collections.abc import Iterator

# Smaller allocations are not checked: asking the system takes longer than it is worth.
_LARGE = 2**30

# Linux's files on processes and control groups. Tests replace these paths.
_PROC = "/proc"
_GROUPS = "/sys/fs/cgroup"


def exceeds_memory(size: int) -> bool:
    """Return whether `size` bytes exceed the memory: using them would end the process."""
    return size >= _LARGE and size > memory_limit()


def memory_limit() -> float:
    """Return the largest number of bytes that can be filled; infinity if it is not known.

    This is the machine's memory and swap, or the limit of a control group of this process if that
    is lower. Linux grants larger allocations, but never provides the memory.
    """
    sizes = dict(_read_meminfo())
    memory, swap = sizes.get("MemTotal", math.inf), sizes.get("SwapTotal", 0)
    both = math.inf
    for kind, folder in _list_groups():
        if kind == "":
            memory = min(memory, _read_number(f"{folder}/memory.max"))
            swap = min(swap, _read_number(f"{folder}/memory.swap.max"))
        else:
            memory = min(memory, _read_number(f"{folder}/memory.limit_in_bytes"))
            both = min(both, _read_number(f"{folder}/memory.memsw.limit_in_bytes"))
    return min(memory + swap, both)


def _list_groups() -> Iterator[tuple[str, str]]:
    """Yield the folders of this process's memory control groups and of all their parents.

    Each comes with `""` for version 2 or `"memory"` for version 1. In a container the path can be
    the host's, of which only the top folder is mounted: the top folder is always included.
    """
    try:
        with open(f"{_PROC}/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        kind = "memory" if "memory" in controllers.split(",") else controllers
        if kind not in ("", "memory"):
            continue
        parts = [] if "/.." in path else [part for part in path.split("/") if part]
        top = f"{_GROUPS}/{kind}".rstrip("/")
        for depth in range(len(parts) + 1):
            yield kind, "/".join([top, *parts[:depth]])


def _read_number(path: str) -> float:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):  # absent, or "max"
        return math.inf


def _read_meminfo() -> Iterator[tuple[str, float]]:
    try:
        with open(f"{_PROC}/meminfo", encoding="ascii") as file:
            for line in file:
                name, _, rest = line.partition(":")
                if rest.endswith(" kB\n"):
                    yield name, int(rest[:-4]) * 1024
    except OSError:  # not Linux
        return
