"""Checks whether a tensor can be filled, and gives NumPy access to its memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.nn import Parameter
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from .._arguments.checks import show
from .._arguments.dtypes import DType, look_up
from .._arguments.shapes import Array, Shape
from .._filling import AnyFill, StackFill
from . import _launch

# Called for each filled block, on the CPU or on its device.
Finish: TypeAlias = "Callable[[Array | Tensor, Shape], None]"

_HOST = "cpu"


def dtype_of(tensor: Tensor) -> DType:
    """Return our dtype of `tensor`."""
    try:
        return _look_up_torch(tensor.dtype)
    except ValueError as error:
        raise ValueError(f"`tensor` has a dtype that cannot be filled: {error}") from None


@lru_cache(maxsize=64)
def _look_up_torch(dtype: torch.dtype) -> DType:
    return look_up(str(dtype).removeprefix("torch."))


def is_plain(tensor: Tensor) -> bool:
    """Return whether `tensor` is surely a whole dense tensor in memory of the CPU, without gaps.

    Such a tensor has none of the problems of `check_tensor` but that it could be traced. Most
    tensors are plain, and to know it takes a tenth of the time of the single checks.
    """
    return (
        type(tensor) in (Tensor, Parameter)
        and not is_functorch_wrapped_tensor(tensor)
        and not torch._is_functional_tensor(tensor)
        and tensor.is_cpu
        and tensor.layout is torch.strided
        and tensor.grad_fn is None
        and not tensor._is_view()
        and not tensor.is_inference()
        and not (tensor.is_conj() or tensor.is_neg() or tensor.is_quantized)
        and tensor.is_contiguous()
        and tensor.data_ptr() != 0  # not empty, and not freed as by FSDP
        and "ds_shape" not in tensor.__dict__
    )


def check_tensor(tensor: object) -> bool:
    """Return whether `tensor` has memory to fill; raise if it must not be filled.

    A fake tensor, or one on the device meta, has no memory. A tensor that autograd computed is
    refused: a parametrized module would not keep the values.

    Raises:
        TypeError: If it is not a tensor.
        ValueError: If its memory cannot hold a separate value for each element.
        RuntimeError: If the call is traced: the trace would not contain it.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"`tensor` must be a torch.Tensor, received: {show(tensor)}")
    if _is_traced(tensor):
        raise RuntimeError(
            "`tensor` must be filled outside of what is traced, compiled or transformed: the "
            "result would not contain the new values"
        )
    if is_plain(tensor):
        return True
    if not torch.nn.parameter.is_lazy(tensor) and _is_computed(tensor):
        raise ValueError(
            "`tensor` must not be computed from others, received one with "
            f"grad_fn={type(_root_of(tensor).grad_fn).__name__}: fill the module's parameters "
            "(init_module_ makes a parametrized weight by its plain name)"
        )
    for problem in _list_problems(tensor):
        raise ValueError(
            f"`tensor` must be {problem}, received: shape {tuple(tensor.shape)}, "
            f"dtype {tensor.dtype}"
        )
    return not is_abstract(tensor)


def is_abstract(tensor: Tensor) -> bool:
    """Return whether `tensor` has a shape and a dtype but no values."""
    if tensor.is_meta:
        return True
    fake = sys.modules.get("torch._subclasses.fake_tensor")
    return fake is not None and isinstance(tensor, fake.FakeTensor)


def has_no_memory(tensor: Tensor) -> bool:
    """Return whether a tensor is neither abstract nor empty, but has no memory of its own.

    This is true for subclasses that wrap other tensors, and for freed storages, as in FSDP.
    """
    if is_traceable_wrapper_subclass(tensor):
        return True
    if is_abstract(tensor) or tensor.numel() == 0 or tensor.device.type not in ("cpu", "cuda"):
        return False  # other devices hide their addresses
    try:
        return bool(tensor.data_ptr() == 0)
    except RuntimeError:
        return True


def has_shared_elements(tensor: Tensor) -> bool:
    """Return whether a tensor is expanded, so that several elements share memory."""
    if is_distributed(tensor):
        return False
    pairs = zip(tensor.shape, tensor.stride(), strict=True)
    return any(size > 1 and stride == 0 for size, stride in pairs)


def _root_of(tensor: Tensor) -> Tensor:
    return tensor._base if tensor._is_view() and tensor._base is not None else tensor


def _is_computed(tensor: Tensor) -> bool:
    return _root_of(tensor).grad_fn is not None


def is_distributed(tensor: Tensor) -> bool:
    """Return whether `tensor` is a DTensor. If its module is not loaded, none exists."""
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(tensor, module.DTensor)


def _is_traced(tensor: Tensor) -> bool:
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return True
    # Inside a transformed function, torch.func passes wrappers in place of tensors.
    if torch._is_functional_tensor(tensor) or is_functorch_wrapped_tensor(tensor):
        return True
    proxies = sys.modules.get("torch.fx.experimental.proxy_tensor")
    return proxies is not None and proxies.get_proxy_mode() is not None


def _list_problems(tensor: Tensor) -> Iterator[str]:
    if torch.nn.parameter.is_lazy(tensor):
        raise ValueError(
            "`tensor` must have a shape, received an uninitialized lazy parameter: "
            "run the module on an input first"
        )
    size = getattr(tensor, "ds_shape", None)
    if size is not None and tuple(size) != tuple(tensor.shape):
        raise ValueError(
            f"`tensor` must have its elements, received a placeholder of ZeRO-3 for shape "
            f"{tuple(size)}: fill it inside deepspeed.zero.GatheredParameters"
        )
    if tensor.layout != torch.strided:
        yield "dense (layout torch.strided)"
    if tensor.is_quantized:
        yield "without quantization"
    if tensor.is_conj() or tensor.is_neg():
        yield "without a conjugate or negative bit (see Tensor.resolve_conj, Tensor.resolve_neg)"
    if tensor.is_inference() and not torch.is_inference_mode_enabled():
        yield "used inside torch.inference_mode(), where it was made"
    if is_distributed(tensor):
        from ._dtensor import list_problems

        yield from list_problems(tensor)
    elif has_no_memory(tensor):
        yield f"one that has memory of its own, not an instance of {type(tensor).__name__}"
    else:
        if has_shared_elements(tensor):
            yield "without elements that share memory (see Tensor.clone)"


def write(tensor: Tensor, fill: AnyFill, finish: Finish | None = None) -> None:
    """Fill the part of a checked tensor that this process holds; run `finish` on each block.

    CPU memory is filled in place. On a GPU a kernel makes the values if there is one; else they are
    made in a CPU buffer and copied. So `finish` gets a tensor or an array.
    """
    try:
        if finish is None and is_plain(tensor) and _HOST not in _launch.DEVICES:
            fill(as_array(tensor.detach()), (0,) * tensor.dim())
            return
        for part, start in _list_blocks(tensor):
            if _fill_on_device(fill, part, start):
                with torch.no_grad():
                    fill.clear_padding(part, start)
                    if finish is not None:
                        finish(part, start)
                continue
            on_host = part.device.type == _HOST
            host = part if on_host else torch.empty(part.shape, dtype=part.dtype, device="cpu")
            array = as_array(host)
            fill(array, start)
            if finish is not None:
                finish(array, start)
            if not on_host:
                with torch.no_grad():
                    part.copy_(host)
    finally:
        # Autograd does not see NumPy's writes, and would silently use overwritten values.
        torch.autograd.graph.increment_version(tensor)


def _fill_on_device(fill: AnyFill, part: Tensor, start: Shape) -> bool:
    if not isinstance(fill, StackFill):
        return _launch.fill_on_device(fill, part, start)
    # All tensors of a stack have kernels or none has: so none is made twice.
    return all(
        _launch.fill_on_device(each, part[index], begin)
        for index, each, begin in fill.split(tuple(part.shape), start)
    )


def _list_blocks(tensor: Tensor) -> Iterator[tuple[Tensor, Shape]]:
    if is_distributed(tensor):
        from ._dtensor import list_blocks

        yield from list_blocks(tensor)
    elif tensor.numel() > 0:
        yield tensor.detach(), (0,) * tensor.dim()


def as_array(tensor: Tensor) -> Array:
    """Return the memory of a tensor on the CPU as an array, without a copy.

    `Tensor.numpy` would forbid resizing the memory, which FSDP does, and supports neither bfloat16
    nor float8.
    """
    kind = dtype_of(tensor)
    size = kind.numpy.itemsize
    shape = tuple(tensor.shape)
    if tensor.numel() == 0:
        return np.empty(shape, kind.numpy)
    strides = None
    if not tensor.is_contiguous():
        strides = tuple(stride * size for stride in tensor.stride())
    array: Array = np.asarray(_Memory(tensor, shape, strides, f"|V{size}"))
    return array.view(kind.numpy)


class _Memory:
    """The memory of a tensor, for NumPy. The array refers to it, and so keeps the tensor alive."""

    __slots__ = ("__array_interface__", "_tensor")

    def __init__(
        self, tensor: Tensor, shape: Shape, strides: tuple[int, ...] | None, kind: str
    ) -> None:
        self._tensor = tensor
        self.__array_interface__ = {
            "version": 3,
            "data": (tensor.data_ptr(), False),
            "typestr": kind,
            "shape": shape,
            "strides": strides,
        }


def to_array(tensor: Tensor) -> Array:
    """Return the values of a tensor on the host, copied if they are not there.

    Raises:
        ValueError: If it is on meta, sharded, or of a dtype that NumPy lacks.
    """
    if tensor.is_meta:
        raise ValueError("it is on the device meta, and has no values yet")
    if is_distributed(tensor):
        raise ValueError("it is a DTensor: inspect its `full_tensor()`")
    return as_array(tensor.detach().cpu().resolve_conj().resolve_neg())
