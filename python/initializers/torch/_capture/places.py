"""Lines of the model's source that call operations."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import torch

from ...recipe._capture.rules import Origin

# Libraries' own helpers, which write for a function of the model: ends of file names.
_HELPERS = (
    *("torch/nn/init.py", "transformers/initialization.py", "layers/weight_init.py"),
    *("contextlib.py", "functools.py"),
)
_TORCH = str(Path(torch.__file__).parent)
_MODULES = str(Path(_TORCH, "nn", "modules"))
_OURS = str(Path(__file__).parent.parent.parent)


def find_origin(call: str) -> Origin:
    """Return the function of the model that is being run, and its line."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and _is_helper(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None:
        return Origin(call, "", "")
    return Origin(call, _name_function(frame), describe_place(frame))


def describe_place(frame: types.FrameType) -> str:
    """Return `"module:line"`."""
    return f"{frame.f_globals.get('__name__', frame.f_code.co_filename)}:{frame.f_lineno}"


def find_place(error: BaseException) -> str:
    """Return the innermost line of a model that an exception passed through, or nothing."""
    place, trace = "", error.__traceback__
    while trace is not None:
        if not _is_helper(trace.tb_frame.f_code.co_filename):
            name = trace.tb_frame.f_globals.get("__name__", "")
            place = f"{name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _is_helper(filename: str) -> bool:
    if filename.startswith(_MODULES):
        return False
    return filename.startswith((_TORCH, _OURS)) or filename.endswith(_HELPERS)


def _name_function(frame: types.FrameType) -> str:
    """Return `"Linear.reset_parameters"`, by the class that defines the method."""
    code = frame.f_code
    name = code.co_name
    owner = frame.f_locals.get("self")
    for cls in type(owner).__mro__ if owner is not None else ():
        method = vars(cls).get(name)
        if getattr(getattr(method, "__wrapped__", method), "__code__", None) is code:
            return f"{cls.__name__}.{name}"
    return f"{type(owner).__name__}.{name}" if isinstance(owner, torch.nn.Module) else name
