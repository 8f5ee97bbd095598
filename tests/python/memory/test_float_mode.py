"""Values and the thread's rounding mode stay, whatever mode another library has set."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import platform
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import initializers
from initializers import _core
from initializers._arguments.dtypes import look_up
from initializers._filling import plan_fill

X86 = platform.machine() in ("x86_64", "AMD64", "i686")
ARM = platform.machine() in ("aarch64", "arm64")

pytestmark = pytest.mark.skipif(not (X86 or ARM), reason="the mode is set on x86 and ARM only")

# `fenv.h`: upward, downward, towards zero.
ROUNDINGS = [0x800, 0x400, 0xC00] if X86 else [0x400000, 0x800000, 0xC00000]
# Mode set by the start-up code of `-ffast-math`: flush to zero (and denormals are zero).
FLUSHING = 0x9FC0 if X86 else 1 << 24

WAVES = np.sin(np.arange(350_000.0)).astype(np.float32).reshape(700, 500)
MATRIX = np.linspace(-1, 1, 70).reshape(10, 7)

MAKERS: dict[str, Callable[[], Any]] = {
    "normal": lambda: initializers.RandomNormal(0.1, 0.3, seed=1)((1400, 1000)),
    "subnormal": lambda: initializers.RandomNormal(0.0, 1e-39, seed=1)((300,)),
    "float16": lambda: initializers.RandomNormal(0.0, 1e-6, seed=1)((300,), "float16"),
    "uniform": lambda: initializers.RandomUniform(-0.3, 0.1, seed=1)((1000,), "float64"),
    "truncated": lambda: initializers.TruncatedNormal(0.1, bounds=(-0.7, 1.3), seed=1)((1000,)),
    "he": lambda: initializers.HeNormal(seed=1)((37, 91)),
    "glorot": lambda: initializers.GlorotUniform(seed=1)((37, 91), "float64"),
    "orthogonal": lambda: initializers.Orthogonal(1.1, seed=1)((130, 70)),
    "orthogonalize": lambda: initializers.orthogonalize(MATRIX),
    "constant": lambda: initializers.Constant(0.1)((5,), "float32"),
    "constant 8": lambda: initializers.Constant(0.123)((5,), "float8_e4m3fn"),
    "sparse": lambda: initializers.Sparse(0.3, seed=1)((70, 30)),
    "convolution": lambda: initializers.ConvolutionOrthogonal2D(seed=1)((3, 3, 4, 8)),
    "stft": lambda: initializers.STFT()((16, 1, 9)),
    "time step": lambda: initializers.TimeStepBias(seed=1)((1000,)),
    "radius": lambda: initializers.RingRadius(softplus=True, seed=1)((1000,), "float64"),
    "sinusoidal": lambda: initializers.Sinusoidal()((50, 16), "float64"),
    "hippo": lambda: initializers.Hippo()((20, 20)),
    "planned": lambda: _fill(initializers.LecunNormal(seed=1), (37, 91)),
}


def _fill(initializer: Any, shape: tuple[int, ...]) -> Any:
    out = np.empty(shape, np.float32)
    plan_fill(initializer, shape, look_up("float32"))(out, (0,) * len(shape))
    return out


def _set_rounding(mode: int) -> None:
    if os.name == "nt":  # no libm; the bits of `fenv.h` are 3 places higher
        _core.replace_float_mode(0x1F80 | mode << 3 if X86 else mode)
        return
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    assert libm.fesetround(mode) == 0


def _in_thread(change: Callable[[], None], make: Callable[[], Any]) -> tuple[Any, int, int]:
    """Make values in a new thread, whose mode ends with it."""
    results: list[Any] = []

    def work() -> None:
        change()
        before = _core.replace_float_mode(None)
        _core.replace_float_mode(before)
        try:
            values = make()
        finally:
            after = _core.replace_float_mode(None)
        results.extend((values, before, after))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return tuple(results)


@pytest.mark.parametrize("mode", [*ROUNDINGS, "flush"])
@pytest.mark.parametrize("name", MAKERS)
def test_values_and_mode_stay(name: str, mode: int | str, settings_restored: None) -> None:
    _core.set_num_threads(3)
    make = MAKERS[name]

    def change() -> None:
        if isinstance(mode, int):
            _set_rounding(mode)
        else:
            _core.replace_float_mode(FLUSHING)

    # The hostile mode comes first: a cache of the package must not keep values made in it.
    values, before, after = _in_thread(change, make)
    control = 0xFFC0 if X86 else -1
    assert after & control == before & control, "the mode was not given back"
    expected = make()
    assert values.tobytes() == expected.tobytes()
    assert before & control != 0x1F80 if X86 else before != 0


def _fill_core(name: str) -> Any:
    """Fill by the core alone, without the Python layer, which sets the mode itself."""
    out: Any
    if name == "orthogonal":
        out = np.empty((700, 500), np.float32)
        _core.fill_orthogonal(out, "float32", 1, 0, None, 1.1)
    elif name == "orthogonalize":
        out = np.empty((700, 500), np.float32)
        _core.orthogonalize(WAVES, out)
    else:
        out = np.empty(1 << 21, np.float32)
        _core.fill_normal(out, "float32", 1, 0, None, 0.1, 0.3)
    return out


@pytest.mark.parametrize("mode", [*ROUNDINGS, "flush"])
@pytest.mark.parametrize("name", ["normal", "orthogonal", "orthogonalize"])
@pytest.mark.parametrize("threads", [1, 4])
def test_the_core_and_its_workers_set_the_mode_themselves(
    name: str, mode: int | str, threads: int, settings_restored: None
) -> None:
    """Workers inherit the mode of the thread that starts them: here a hostile one."""
    _core.set_num_threads(threads)
    expected = _fill_core(name).tobytes()

    def change() -> None:
        _core.set_num_threads(threads + 1)
        _fill_core("normal")
        _core.set_num_threads(threads)  # so that new workers start below
        if isinstance(mode, int):
            _set_rounding(mode)
        else:
            _core.replace_float_mode(FLUSHING)
        _core.fill_bytes(np.empty(1 << 24, np.uint8), b"\1")

    values, before, after = _in_thread(change, lambda: _fill_core(name))
    assert values.tobytes() == expected
    assert before == after or X86


def test_an_error_gives_the_mode_back() -> None:
    def make() -> None:
        with pytest.raises(ValueError, match="`shape`"):
            initializers.RandomNormal(seed=1)((-1,))

    _, before, after = _in_thread(lambda: _set_rounding(ROUNDINGS[0]), make)
    assert before == after
