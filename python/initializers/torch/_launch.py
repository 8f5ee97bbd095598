"""Fills tensors on GPUs, by the kernels of `_triton.py`.

Values without a kernel are made on the host and copied. They are the same.
"""

from __future__ import annotations

import math
import struct
import warnings
from contextlib import nullcontext
from functools import lru_cache

import torch
from torch import Tensor

from .._arguments.seeds import key_of
from .._arguments.shapes import Shape
from .._classes.writers import Draw, Repeat
from .._filling import Fill, cut, move
from .._memory.float_mode import standard_float_mode

# Device types whose tensors the kernels fill. Tests add "cpu", where Triton's interpreter runs.
DEVICES = {"cuda"}

# The oldest Triton and compute capability with which the kernels were tested.
_OLDEST_TRITON = (3, 6)
_OLDEST_CAPABILITY = (8, 0)

# The most elements of the buffer for memory with gaps.
_PIECE = 1 << 24
# Lanes of a program, each with up to 32 elements. In the interpreter a step costs the same for any
# number of lanes.
_LANES, _LANES_INTERPRETED = 128, 1 << 16
# Bytes of a vector store. Addresses and run lengths that are multiples of it are stored in vectors.
_ALIGNMENT = 16
_GROUP = 64

_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}

# The first reason why kernels failed. From then on the host makes the values.
_broken: list[str] = []


def fill_on_device(fill: Fill, part: Tensor, start: Shape) -> bool:
    """Fill a block of a tensor on its device; return False if the host must make it.

    Raises:
        ValueError: If values could overflow the dtype. Nothing was written then.
    """
    if part.device.type not in DEVICES:
        return False
    with torch.no_grad():
        if isinstance(fill.write, Repeat):
            part.copy_(_element_of(fill.write.pattern, part))
            return True
        if not isinstance(fill.write, Draw):
            return False
        with standard_float_mode():
            described = fill.write.describe()
        if described is None or not _is_usable(part.device):
            return False
        if fill.order is not None:
            part, start = part.permute(fill.order), tuple(start[axis] for axis in fill.order)
        arguments = (fill.write, *described)
        if part.is_contiguous():
            return _try_block(part, start, *arguments)
        for place in cut(tuple(part.shape), _PIECE):
            piece = torch.empty_like(part[place], memory_format=torch.contiguous_format)
            if not _try_block(piece, move(start, place), *arguments):
                return False
            part[place].copy_(piece)
        return True


def _element_of(pattern: bytes, part: Tensor) -> Tensor:
    """Return a 0-d tensor on the device of `part` that holds these bytes."""
    repeated = bytearray(pattern * (part.element_size() // len(pattern)))
    return torch.frombuffer(repeated, dtype=part.dtype).reshape(()).to(part.device)


def _is_usable(device: torch.device) -> bool:
    if not _broken:
        problem = _find_problem(device)
        if problem is None:
            return True
        _give_up(problem)
    return False


@lru_cache(maxsize=64)
def _find_problem(device: torch.device) -> str | None:
    """Return why kernels cannot run on a device, or None."""
    try:
        import triton
    except ImportError:
        return "Triton is not installed"
    version = tuple(int(part) for part in triton.__version__.split(".")[:2])
    if version < _OLDEST_TRITON:
        oldest = ".".join(map(str, _OLDEST_TRITON))
        return f"Triton {triton.__version__} is older than {oldest}"
    if device.type != "cuda":
        return None
    if torch.version.hip is not None:
        return "they are tested on NVIDIA's GPUs only"
    capability = torch.cuda.get_device_capability(device)
    if capability < _OLDEST_CAPABILITY:
        return f"{torch.cuda.get_device_name(device)} has compute capability {capability}"
    return None


def _give_up(problem: str) -> None:
    _broken.append(problem)
    warnings.warn(
        f"initializers makes the values of GPU tensors on the host, which is slower, since its "
        f"kernels cannot be used: {problem}. The values are the same.",
        RuntimeWarning,
        stacklevel=2,
    )


def _try_block(part: Tensor, start: Shape, draw: Draw, law: str, parameters: list[float]) -> bool:
    """Fill a contiguous block; if the kernel cannot run, warn once and return False."""
    if part.numel() == 0:
        return True
    first, outer, length = find_runs(draw.shape, start, tuple(part.shape))
    flat = part.view(_INTEGERS[part.element_size()]).reshape(-1)
    try:
        whole = length - length % _ALIGNMENT
        if not outer and 0 < whole < length:
            # The remainder, less than a vector, is launched separately.
            _launch(flat[:whole], first, outer, whole, draw, law, parameters)
            flat, first, length = flat[whole:], first + whole, length - whole
        _launch(flat, first, outer, length, draw, law, parameters)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # Triton needs a compiler, a writeable cache, a driver that it knows
        _give_up(f"{type(error).__name__}: {error}")
        return False
    return True


def find_runs(shape: Shape, start: Shape, extent: Shape) -> tuple[int, list[tuple[int, int]], int]:
    """Split a block into runs of elements with consecutive numbers in the whole tensor.

    Returns:
        The number of the first element; the extent and stride of each dimension outside a run; the
        length of a run.
    """
    first, stride, length = 0, 1, 1
    outer: list[tuple[int, int]] = []
    whole = True
    for size, low, count in zip(reversed(shape), reversed(start), reversed(extent), strict=True):
        first += low * stride
        if whole:
            length *= count
        elif count > 1:
            outer.insert(0, (count, stride))
        whole &= count == size
        stride *= size
    return first, outer, length


def _launch(
    out: Tensor,
    first: int,
    outer: list[tuple[int, int]],
    length: int,
    draw: Draw,
    law: str,
    parameters: list[float],
) -> None:
    """Fill the integers `out` with runs, as `find_runs` returns them."""
    from . import _triton as kernels

    most = _LANES_INTERPRETED if kernels.INTERPRETED else _LANES
    device = out.device
    runs = math.prod(count for count, _ in outer)
    step = math.gcd(first, *(stride for _, stride in outer))  # divides the start of each run
    # The most groups that a run touches. They decide how many lanes it needs.
    late = first % _GROUP if not outer else _GROUP - math.gcd(step, _GROUP)
    groups = -(-(late + length) // _GROUP)
    needed = groups * (4 if draw.dtype.name == "float64" else 2)
    lanes = min(most, _power_of_two(needed)) if outer or kernels.INTERPRETED else most
    at_once = most // lanes if not kernels.INTERPRETED else min(most // lanes, _power_of_two(runs))
    pieces = -(-needed // lanes)
    stream = draw.stream & 0xFFFFFFFF, draw.stream >> 32
    bits = (struct.unpack("<q", struct.pack("<d", value))[0] for value in parameters)
    arguments = [*struct.unpack("<8I", key_of(draw.seed)), *stream, runs, length, pieces, *bits]
    used = kernels.PARAMETERS.value + 7
    arguments += [0] * (used - len(arguments))
    # One copy, which does not wait for the GPU.
    packed = torch.tensor([*arguments, first], dtype=torch.int64).to(device, non_blocking=True)
    starts = packed[used:]
    for count, stride in outer:
        steps = torch.arange(count, dtype=torch.int64, device=device) * stride
        starts = (starts[:, None] + steps).reshape(-1)
    aligned = step % _ALIGNMENT == 0 and length % _ALIGNMENT == 0
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        kernels.fill_kernel[(pieces * -(-runs // at_once),)](
            out,
            packed,
            starts,
            law,
            draw.dtype.name,
            at_once,
            lanes,
            aligned and out.data_ptr() % _ALIGNMENT == 0,
            **kernels.OPTIONS,
        )


def _power_of_two(n: int) -> int:
    """Return the smallest power of two >= n, for n >= 1."""
    return 1 << (n - 1).bit_length()
