from typing import Any, Final, TypeAlias, TypeGuard, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

__all__ = [
    "STREAM_VERSION",
    "Pattern",
    "__version__",
    "available_simd",
    "coefficients",
    "describe_normal",
    "describe_truncated_normal",
    "describe_uniform",
    "fill_bytes",
    "fill_hippo",
    "fill_log_of_uniform",
    "fill_lstm_bias",
    "fill_normal",
    "fill_orthogonal",
    "fill_ring_radius",
    "fill_rotary",
    "fill_s4d",
    "fill_sinusoidal",
    "fill_time_step_bias",
    "fill_truncated_normal",
    "fill_uniform",
    "fill_words",
    "fold_in",
    "get_num_threads",
    "get_simd",
    "has_standard_float_mode",
    "is_shape",
    "multiply",
    "orthogonalize",
    "replace_float_mode",
    "set_num_threads",
    "set_simd",
    "unit_roots",
]

_Block: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]] | None

STREAM_VERSION: Final[int]
__version__: Final[str]

@final
class Pattern:
    def __new__(cls, text: str) -> Self: ...
    def fullmatch(self, name: str) -> bool: ...
    def __getnewargs__(self) -> tuple[str]: ...

def fill_uniform(
    out: NDArray[Any],
    dtype: str,
    seed: int,
    stream: int,
    block: _Block,
    minval: float,
    maxval: float,
) -> None: ...
def fill_normal(
    out: NDArray[Any], dtype: str, seed: int, stream: int, block: _Block, mean: float, stddev: float
) -> None: ...
def fill_truncated_normal(
    out: NDArray[Any],
    dtype: str,
    seed: int,
    stream: int,
    block: _Block,
    mean: float,
    stddev: float,
    lower: float,
    upper: float,
) -> None: ...
def fill_log_of_uniform(
    out: NDArray[Any],
    dtype: str,
    seed: int,
    stream: int,
    block: _Block,
    minval: float,
    maxval: float,
) -> None: ...
def fill_time_step_bias(
    out: NDArray[Any],
    dtype: str,
    seed: int,
    stream: int,
    block: _Block,
    dt_min: float,
    dt_max: float,
    dt_floor: float,
) -> None: ...
def fill_ring_radius(
    out: NDArray[Any],
    dtype: str,
    seed: int,
    stream: int,
    block: _Block,
    min_radius: float,
    max_radius: float,
    softplus: bool,
) -> None: ...
def fill_lstm_bias(
    out: NDArray[Any], dtype: str, block: _Block, forget: float, gates: str
) -> None: ...
def fill_s4d(out: NDArray[Any], dtype: str, block: _Block, part: str) -> None: ...
def fill_hippo(out: NDArray[Any], dtype: str, block: _Block, part: str) -> None: ...
def fill_sinusoidal(
    out: NDArray[Any], dtype: str, block: _Block, base: float, interleaved: bool, endpoint: bool
) -> None: ...
def fill_rotary(
    out: NDArray[Any], dtype: str, block: _Block, part: str, base: float, interleaved: bool
) -> None: ...
def coefficients() -> list[tuple[str, list[float]]]: ...
def describe_uniform(dtype: str, minval: float, maxval: float) -> tuple[str, list[float]]: ...
def describe_normal(dtype: str, mean: float, stddev: float) -> tuple[str, list[float]]: ...
def describe_truncated_normal(
    dtype: str, mean: float, stddev: float, lower: float, upper: float
) -> tuple[str, list[float]]: ...
def fill_orthogonal(
    out: NDArray[Any], dtype: str, seed: int, stream: int, block: _Block, gain: float
) -> None: ...
def fill_words(out: NDArray[np.uint32], seed: int, stream: int, first: int) -> None: ...
def multiply(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]: ...
def orthogonalize(matrix: NDArray[Any], out: NDArray[Any]) -> None: ...
def fill_bytes(out: NDArray[np.uint8], pattern: bytes) -> None: ...
def fold_in(seed: int, path: bytes) -> int: ...
def is_shape(shape: object) -> TypeGuard[tuple[int, ...]]: ...
def unit_roots(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def get_simd() -> str: ...
def set_simd(level: str | None) -> None: ...
def available_simd() -> list[str]: ...
def has_standard_float_mode() -> bool: ...
def replace_float_mode(mode: int | None) -> int: ...
