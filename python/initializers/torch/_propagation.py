"""Measures the scales of activations and gradients of a torch module, by hooks on a copy."""

from __future__ import annotations

import copy
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import Module
from torch.utils._pytree import tree_leaves, tree_map_only

from .._arguments.checks import show
from .._arguments.seeds import fold_in
from ..propagation._generators import generators_kept
from ..propagation._inputs import ask_for_inputs, make_batch, make_normal, split_inputs
from ..propagation._measure import Value, mean_square, measure, rms_of
from ..propagation._taps import count_taps
from ..propagation._theory import Call, Effect
from ..recipe._resolve import ResolvedRules
from ._module import init_module_
from ._names import named_modules
from ._tensor import is_abstract

_NORMS = (
    nn.modules.batchnorm._BatchNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)


def measure_model(
    model: Module, inputs: Any, loss: Any, rules: ResolvedRules | None, seed: int, training: bool
) -> list[Call]:
    """Return the passes through the layers of a module, without changing it.

    See `initializers.propagate`.
    """
    model = _copy(model)
    if rules is not None:
        init_module_(model, rules, rules.seed)
    _check_memory(model)
    model.train(training)
    model.zero_grad(set_to_none=True)
    home = next((each.device for each in model.parameters()), torch.device("cpu"))
    devices = [home] if home.type not in ("cpu", "meta") else []
    arguments, keywords = _make_inputs(model, inputs, seed, home)
    kept = torch.random.fork_rng(devices, device_type=home.type if devices else "cuda")
    with torch.enable_grad(), torch.compiler.set_stance("force_eager"), _Tape(model) as tape:
        with kept, generators_kept():
            torch.manual_seed(fold_in(seed, "propagate", "torch") >> 1)
            output = model(*arguments, **keywords)
        _make_loss(output, loss, seed).backward()
    return tape.finish()


def _copy(model: Module) -> Module:
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if is_abstract(tensor) and not tensor.is_meta:
            # A copy would have a copy of its mode, which frees storages in use: see `_capture`.
            raise ValueError(
                f"`model` must be constructed outside of FakeTensorMode, received: {name}, an "
                f"instance of {type(tensor).__name__}"
            )
    try:
        return copy.deepcopy(model)
    except Exception as error:  # any type: the contents of the module decide
        raise TypeError(
            f"`model` must be copyable (copy.deepcopy), received: {type(model).__name__} ({error})"
        ) from error


def _check_memory(model: Module) -> None:
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if torch.nn.parameter.is_lazy(tensor) or tensor.is_meta:
            what = "on meta" if tensor.is_meta else "uninitialized"
            raise ValueError(
                f"`model` must have values, or be given `rules`, received: {name} {what}"
            )


@dataclass(eq=False)
class _Record:
    call: Call
    module: Module


class _Tape:
    """Records the passes through all modules of a model inside a `with` block."""

    def __init__(self, model: Module) -> None:
        self._names: dict[Module, str] = {}
        for name, module in named_modules(model):
            self._names.setdefault(module, name)
        self._records: list[_Record] = []
        self._counts: Counter[Module] = Counter()
        self._started = 0
        self._open: list[tuple[int, tuple[Value, ...], list[Tensor]]] = []
        self._latest: deque[tuple[Tensor, int, Value]] = deque(maxlen=4)
        self._handles: list[Any] = []

    def __enter__(self) -> _Tape:
        for module in self._names:
            self._handles += [
                module.register_forward_pre_hook(self._start, with_kwargs=True),
                # Before other hooks, which might replace the output.
                module.register_forward_hook(self._record, with_kwargs=True, prepend=True),
            ]
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _start(self, module: Module, arguments: Any, keywords: Any) -> None:
        self._started += 1
        given = [each for each in tree_leaves((arguments, keywords)) if isinstance(each, Tensor)]
        # Measured now: the module may change its inputs in place.
        values = tuple(self._measure(each) for each in given if each.numel())
        self._open.append((self._started, values, given))

    def _measure(self, tensor: Tensor) -> Value:
        """Return the statistics of a tensor; those of the latest tensors are cached."""
        for other, version, value in self._latest:
            if other is tensor and version == tensor._version:
                return value
        value = _measure(tensor)
        self._latest.append((tensor, tensor._version, value))
        return value

    def _record(self, module: Module, arguments: Any, keywords: Any, output: Any) -> None:
        tensor = _first_float(output)
        count = self._counts[module]
        self._counts[module] += 1
        started, values, given = self._open.pop()
        if tensor is None or not tensor.numel():
            return
        name = self._names[module] or type(module).__name__
        call = Call(
            name=f"{name}#{count}" if count else name,
            type=type(module).__name__,
            inputs=values,
            output=self._measure(tensor),
            effect=_find_effect(module, given[0], tensor) if given else None,
            is_leaf=started == self._started,
        )
        self._records.append(_Record(call, module))

        def keep(gradient: Tensor) -> None:
            call.gradient = rms_of(_to_numpy(gradient))

        if tensor.requires_grad:
            tensor.register_hook(keep)

    def finish(self) -> list[Call]:
        """Return the calls, after the gradients were computed."""
        for record in self._records:
            # Parameters of inner layers that were not called count as the module's own.
            parameters = record.module.parameters(recurse=record.call.is_leaf)
            matrices = [each for each in parameters if each.dim() > 1]
            is_table = isinstance(record.module, (nn.Embedding, nn.EmbeddingBag))
            record.call.is_weighted = bool(matrices) and not is_table
            gradients = [_to_numpy(each.grad) for each in matrices if each.grad is not None]
            if gradients:
                record.call.weight_gradient = rms_of(*gradients)
        return [record.call for record in self._records]


def _first_float(output: Any) -> Tensor | None:
    leaves = output.values() if isinstance(output, dict) else tree_leaves(output)
    for each in leaves:
        if isinstance(each, Tensor) and each.is_floating_point():
            return each
    return None


def _to_numpy(tensor: Tensor) -> Any:
    tensor = tensor.detach().cpu()
    # NumPy has no bfloat16. float32 represents it; its precision is recorded separately.
    return (tensor.float() if tensor.dtype.itemsize < 4 else tensor).numpy()


def _measure(tensor: Tensor) -> Value:
    if tensor.is_floating_point():
        return measure(_to_numpy(tensor), precision=torch.finfo(tensor.dtype).eps)
    return measure(tensor.detach().cpu().numpy())


def _find_effect(module: Module, x: Tensor, y: Tensor) -> Effect | None:
    """Return the effect of a module, or None if theory does not cover it."""
    if isinstance(module, nn.Linear):
        return _effect_of(module.in_features, module)
    if isinstance(module, nn.modules.conv._ConvNd) and not module.transposed:
        padding = module._reversed_padding_repeated_twice[::-1]
        if module.padding_mode != "zeros":
            padding = [0] * len(padding)
            taps = float(np.prod(module.kernel_size))
        else:
            rank = len(module.kernel_size)
            taps = count_taps(
                tuple(x.shape[-rank:]),
                tuple(y.shape[-rank:]),
                module.kernel_size,
                module.stride,
                padding[::2],
                module.dilation,
            )
        return _effect_of(module.in_channels / module.groups * taps, module)
    if isinstance(module, _NORMS):
        weight = getattr(module, "weight", None)
        bias = getattr(module, "bias", None)
        uses_batch = module.training or getattr(module, "running_mean", None) is None
        scale = 1.0 if weight is None else _square(weight)
        return Effect(scale, _square(bias), normalizes=True) if uses_batch else None
    if isinstance(module, nn.Embedding):
        return Effect(0.0, _square(module.weight))
    return None


def _effect_of(fan_in: float, module: Any) -> Effect:
    return Effect(fan_in * _square(module.weight), _square(module.bias))


def _square(tensor: Tensor | None) -> float:
    return 0.0 if tensor is None else mean_square(_to_numpy(tensor))


def _make_inputs(model: Module, inputs: Any, seed: int, home: torch.device) -> Any:
    dtype = next(
        (each.dtype for each in model.parameters() if each.is_floating_point()),
        torch.get_default_dtype(),
    )

    def convert(value: Any) -> Any:
        if isinstance(value, (np.ndarray, list)):
            value = torch.as_tensor(np.asarray(value))
            value = value.to(dtype) if value.is_floating_point() else value
        return tree_map_only(Tensor, _to_be_followed, value)

    def _to_be_followed(tensor: Tensor) -> Tensor:
        tensor = tensor.detach().to(home)
        if not tensor.is_floating_point():
            return tensor
        # Neither a leaf, so that it may be changed in place, nor the caller's tensor.
        return tensor.clone().requires_grad_().clone()

    if inputs is None:
        inputs = _guess_inputs(model, seed)
    return split_inputs(inputs, seed, convert)


def _guess_inputs(model: Module, seed: int) -> Any:
    """Return a batch for the first module with parameters, if its input shape is known."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            return make_batch((module.in_features,), seed)
        if isinstance(module, nn.Embedding):
            return make_batch((None,), seed, below=module.num_embeddings)
        if next(iter(module._parameters.values()), None) is not None:
            break
    raise ask_for_inputs(model, "inputs=(64, 3, 32, 32)")


def _make_loss(output: Any, loss: Callable[[Any], Any] | None, seed: int) -> Tensor:
    if loss is not None:
        value = loss(output)
        if not isinstance(value, Tensor) or value.numel() != 1 or not value.requires_grad:
            raise TypeError(
                f"`loss` must return a scalar tensor with a gradient, received: {show(value)}"
            )
        return value
    leaves = [each for each in tree_leaves(output) if isinstance(each, Tensor)]
    total: Any = None
    for i, each in enumerate(leaves):
        if each.is_floating_point() and each.requires_grad:
            weights = torch.as_tensor(make_normal(tuple(each.shape), seed, "loss", i))
            # float64: the sum of a narrow dtype could overflow.
            part = (each.double() * weights.to(each.device)).sum()
            total = part if total is None else total + part
    if total is None:
        raise TypeError(
            f"`model` must return a tensor that depends on its inputs, received: {show(output)}"
        )
    result: Tensor = total
    return result
