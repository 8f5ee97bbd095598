"""Tests once whether this backend and compiler make the core's bits; keeps the result on disk.

A compiler may break assumptions of the code in `_stream/`. So the first use of a law draws 2^24
values inside a compiled program and compares them with the core's. The user's cache folder keeps
the result for the same package, JAX, device and flags.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import tempfile
import threading
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import jaxlib
import numpy as np

from .. import _core
from .._arguments.dtypes import look_up
from .._classes.base import ArrayInitializer
from .._classes.distributions import RandomNormal, RandomUniform, TruncatedNormal
from .._filling import plan_fill
from ._stream.block import Place, Target, make_block, pack_arguments
from ._stream.wide import Wide, widen
from ._stream.words import GROUP

# 2^24, because some compiler errors change only 7 of 2^24 values.
VALUES = 1 << 24
_BLOCK = 1 << 22
_SEED = 42

# Law → a sampler whose parameters no compiler can drop.
_SAMPLERS: dict[str, ArrayInitializer] = {
    "uniform": RandomUniform(-0.05, 0.07, _SEED),
    "normal": RandomNormal(0.3, 0.7, _SEED),
    "two_sigma": TruncatedNormal(0.3, 0.7, _SEED),
}

# (folder, law, environment) → whether the values equal the core's, in this process.
_known: dict[tuple[str, str, str], bool] = {}
_lock = threading.Lock()


def is_exact_here(law: str) -> bool:
    """Return whether compiled programs of the default backend make the core's bits for a law.

    The first call for a law takes seconds, unless an earlier process has kept its result. If the
    values differ or the test fails, it warns once.
    """
    environment = json.dumps(_describe_environment(), sort_keys=True)
    folder = find_folder()
    key = (str(folder), law, environment)
    with _lock:
        if key not in _known:
            digest = hashlib.sha256(environment.encode()).hexdigest()[:32]
            path = folder / f"jax-{law}-{digest}.json"
            exact, problem = _read(path, environment), "their values differ from the core's"
            if exact is None:
                found = _test_in_thread(law)
                if isinstance(found, bool):
                    _write(path, environment, found)
                else:
                    problem = found
                exact = found is True
            if not exact:
                _warn(law, problem)
            _known[key] = exact
        return _known[key]


def _warn(law: str, problem: str) -> None:
    warnings.warn(
        f"initializers makes the values of the law {law!r} on the host, which is slower, because "
        f"compiled programs of the backend {jax.default_backend()!r} cannot make them: {problem}. "
        "The values are the same.",
        RuntimeWarning,
        stacklevel=2,
    )


def _describe_environment() -> dict[str, str]:
    """Return everything that may change the results of a compiled program."""
    device = jax.local_devices()[0]
    return {
        "initializers": f"{_core.__version__} {_hash_stream()}",
        "jax": f"{jax.__version__} {jaxlib.__version__}",
        "backend": f"{device.platform} {device.device_kind} {device.client.platform_version}",
        "host": _describe_host() if device.platform == "cpu" else "",
        "flags": f"{os.environ.get('XLA_FLAGS', '')} {os.environ.get('LIBTPU_INIT_ARGS', '')}",
    }


@lru_cache(maxsize=1)
def _hash_stream() -> str:
    """Return a digest of the tested code."""
    files = sorted(Path(__file__).with_name("_stream").glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


@lru_cache(maxsize=1)
def _describe_host() -> str:
    """Return the processor's name and a digest of its instruction sets, if Linux reports them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    sets = [line for line in lines if line.split("\t")[0].lower() in ("flags", "features")][:1]
    digest = hashlib.sha256("".join(sets).encode()).hexdigest()[:16]
    return f"{platform.machine()} {platform.processor()} {digest}"


def _test_in_thread(law: str) -> bool | str:
    """Return the result of the test, or a text that says why it failed.

    A new thread has none of the caller's state: no trace, mesh or local configuration.
    """
    results: list[bool | str] = []

    def run() -> None:
        try:
            results.append(test_law(law))
        except Exception as error:
            text = " ".join(str(error).split())[:200]
            results.append(f"the test of them failed ({type(error).__name__}: {text})")

    thread = threading.Thread(target=run, name="initializers-selftest")
    thread.start()
    thread.join()
    return results[0]


def test_law(law: str) -> bool:
    """Return whether 2^24 float32 values, made in blocks of 2^22, equal the core's."""
    shape = (VALUES,)
    target = Target(law, "float32", shape)
    fill = plan_fill(_SAMPLERS[law], shape, look_up("float32"))
    parameters = fill.write.describe()[1]  # type: ignore[attr-defined]

    def make(low: Any, arguments: Any) -> Any:
        place = Place(Wide(low, np.uint32(0)), GROUP)
        return make_block(target, (_BLOCK,), place, arguments)

    with jax.default_device(jax.local_devices()[0]):
        compiled = jax.jit(make)
        arguments = pack_arguments(target, [_SEED, 0, 0, 0], 0, parameters)
        expected = np.empty(_BLOCK, np.float32)
        for start in range(0, VALUES, _BLOCK):
            made = np.asarray(compiled(widen(start).low, arguments))
            fill(expected, (start,))
            if not np.array_equal(made.view(np.uint32), expected.view(np.uint32)):
                return False
    return True


def find_folder() -> Path:
    """Return the folder of results in the user's cache folder; it may not exist."""
    home = Path("~").expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or home / ".cache"
    return Path(base) / "initializers"


def _read(path: Path, environment: str) -> bool | None:
    """Return a result, or None if the file is missing or malformed."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        exact = content["exact"] if content["environment"] == environment else None
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None
    return exact if isinstance(exact, bool) else None


def _write(path: Path, environment: str, exact: bool) -> None:
    """Write a result atomically; do nothing if the folder cannot be written."""
    text = json.dumps({"environment": environment, "exact": exact}, indent=1)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".jax-")
    except OSError:
        return
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
