"""Random use of the package, right and wrong: every call gives a result or a documented error.

A case depends on the seed and its number alone. There are six targets:

    initializers   constructors and calls, with arguments of every type
    configs        output of `serialize`, changed at random, read by `deserialize`
    recipes        TOML and JSON of recipes, changed at random
    headers        safetensors files, changed at random
    functions      every other public function, with arguments of every kind
    folders        checkpoints, damaged at random, then read, verified or written again

    python tests/fuzz_python.py [--cases N] [--seed S] [--first K] [target ...]

A case fails if it raises anything but a TypeError, ValueError or MemoryError that says what is
wrong, or an OSError that names a file, takes over ten seconds, starts a program, unpickles, or
evaluates text.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import fuzz_surface
from fuzz_targets import TARGETS as FIRST
from fuzz_targets import Caught

TARGETS = {**FIRST, **fuzz_surface.TARGETS}
ALLOWED = (TypeError, ValueError, MemoryError)
# Forbidden audit events. (The first import of a module compiles it, from a file.)
FORBIDDEN: tuple[str, ...] = (
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pickle.find_class",
)
FORBIDDEN += ("socket.connect", "subprocess.Popen")
SECONDS = 10
MOST_FOUND = 10


def check(error: BaseException) -> str | None:
    """Return what is wrong with an error, or None."""
    if isinstance(error, OSError) and (error.filename or "`" in str(error) or "'" in str(error)):
        return None
    if type(error) not in ALLOWED:
        return f"a {type(error).__name__}"
    known = ("must", "received", "is not registered", "matches", "is truncated", "is empty")
    if isinstance(error, MemoryError) or any(word in str(error) for word in known):
        return None
    return "an error that does not say what must be"


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Raise if the package runs something."""
    if WATCHING and event in FORBIDDEN:
        raise Caught(f"{event} {arguments!r:.200}")
    if WATCHING and event == "exec" and getattr(arguments[0], "co_filename", "") == "<string>":
        raise Caught("text was evaluated")


WATCHING: list[str] = []


def interrupt(*_: object) -> None:
    """Handle the timer's signal."""
    raise Caught(f"no end within {SECONDS} s")


def run(target: str, cases: int, seed: int, first: int, folder: Path) -> list[str]:
    """Run cases of a target; return the failures as text."""
    act, found = TARGETS[target], []
    signal.signal(signal.SIGVTALRM, interrupt)
    for number in range(first, first + cases):
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)  # CPU time of this process
        WATCHING.append(target)
        try:
            act(random.Random(f"{target} {seed} {number}"), folder)
            wrong = None
        except BaseException as error:
            wrong, trace = check(error), traceback.format_exc()
        WATCHING.clear()
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if wrong is not None:
            found.append(f"{wrong} by: {target} --seed {seed} --first {number} --cases 1\n{trace}")
            if len(found) >= MOST_FOUND:
                break
    return found


def main() -> int:
    """Run the targets of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], default=[])
    parser.add_argument("--cases", type=int, default=250_000, help="of each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    options = parser.parse_args()
    failed = 0
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # faster than a disk
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        for target in options.targets or TARGETS:
            started = time.perf_counter()
            found = run(target, options.cases, options.seed, options.first, Path(folder))
            seconds = time.perf_counter() - started
            print(
                f"{options.cases:,} cases of {target}, seed {options.seed}: {seconds:.0f} s",
                flush=True,
            )
            print("".join(found), end="")
            failed += len(found)
    return min(failed, 1)


sys.addaudithook(watch)

if __name__ == "__main__":
    sys.exit(main())
