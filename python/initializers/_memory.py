"""How much memory this process could ever have."""

from __future__ import annotations

import math
from collections.abc import Iterator

_CONTROL_GROUPS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)


# Only what is a good part of the memory is worth asking the system how much it has.
_LARGE = 2**30


def exceeds_memory(size: int) -> bool:
    """Return whether so many bytes can never be had: using them would end the process."""
    return size >= _LARGE and size > memory_limit()


def memory_limit() -> float:
    """Return the bytes beyond which an array cannot be filled, or infinity where nothing says so.

    That is the machine's memory, or its control group's share of it, and the swap: more than that
    can never be had, however much the system promises.
    """
    sizes = dict(_read_meminfo())
    total = sizes.get("MemTotal", math.inf)
    for path in _CONTROL_GROUPS:
        try:
            with open(path, encoding="ascii") as file:
                total = min(total, int(file.read()))
        except (OSError, ValueError):  # absent, or "max"
            continue
    return total + sizes.get("SwapTotal", 0)


def _read_meminfo() -> Iterator[tuple[str, int]]:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                name, _, rest = line.partition(":")
                if rest.endswith(" kB\n"):
                    yield name, int(rest[:-4]) * 1024
    except OSError:  # not Linux
        return
