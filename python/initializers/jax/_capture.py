"""`capture`: the initializers of a Flax module's parameters, as a recipe by name."""

from __future__ import annotations

import inspect
import math
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from .._arguments.checks import check_bool, show
from .._arguments.seeds import check_seed_integer
from .._arguments.shapes import Shape
from .._classes.constants import Constant
from .._classes.registry import BUILT_IN
from .._classes.variance_scaling import VarianceScaling
from ..recipe import CaptureReport, Recipe, Spec, read_specs
from ..recipe._capture.known import describe_values
from ..recipe._capture.rules import Origin, make_scaling
from ..recipe._capture.variables import LARGEST, Variable, Words, make_result
from ..recipe._initializer_data import make_from_factory
from . import _init

# The module of JAX's own factories.
_FACTORIES = "jax._src.nn.initializers"
_lock = threading.Lock()
_WORDS = Words("module", "parameter", "a function of jax.nn.initializers or this package")
# The code of the function that a factory returns → the factory.
_INNER = {
    code: factory
    for factory in map(partial(getattr, jax.nn.initializers), dir(jax.nn.initializers))
    if inspect.isfunction(factory)
    for code in factory.__code__.co_consts
    if isinstance(code, types.CodeType) and code.co_name == "init"
}


@dataclass(frozen=True, eq=False)
class _Call:
    """A function that made a parameter or another variable, as Flax called it."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    is_parameter: bool
    origin: Origin


def capture(
    module: Any, *inputs: Any, seed: int, strict: bool = False
) -> tuple[Recipe, CaptureReport]:
    """Return the recipe of the functions that initialize a Flax module, and a report.

    `module.init(key, *inputs)` is traced by `jax.eval_shape`: no array is made. Each function that
    a parameter is created with is one of `jax.nn.initializers`, which is told by its arguments, or
    of this package. Another function is run; if it gives the same values for two keys, they are
    kept as numbers.

    The recipe has few rules by the names of `init_tree`, such as `params/Dense_0/kernel`, with
    comments that name the modules; it states the convention `"keras"`, which is Flax's order of
    axes. Its values are this package's, from `seed` and the names. Rules for other collections,
    such as `batch_stats`, are `optional`.

    A parameter without such a function gets no rule and stands in `report.opaque`, with the line
    that created it; so does one whose shape `nn.scan` or `nn.vmap` changed, if its values depend on
    the shape: give it a `Rule` with `stack`.

    Modules of `flax.nnx` are refused: their constructors call the functions and keep the arrays
    only.

    Args:
        module: A `flax.linen` module that is not bound.
        *inputs: Example inputs of its `init`: arrays or `jax.ShapeDtypeStruct`s.
        seed: The recipe's seed, an integer in `[-2**127, 2**127)`.
        strict: Whether a parameter without a rule is an error.

    Returns:
        The recipe and a `CaptureReport`.

    Raises:
        TypeError: If `module` is no module of `flax.linen`, or an argument has a wrong type.
        ValueError: If no parameter has a function that is known, or `seed` is out of range; with
            `strict`, if a parameter has no rule. Errors of the module itself are not changed.

    Examples:
        >>> import jax
        >>> from flax import linen
        >>> inputs = jax.ShapeDtypeStruct((1, 3), "float32")
        >>> recipe, report = capture(linen.Dense(2), inputs, seed=1)
        >>> recipe.rules
        (Rule('Zeros', '*/bias'), Rule('LecunNormal', '*'))
        >>> report.specs["params/kernel"].shape
        (3, 2)
    """
    linen = sys.modules.get("flax.linen")
    if linen is None or not isinstance(module, linen.Module):
        nnx = sys.modules.get("flax.nnx")
        is_nnx = nnx is not None and isinstance(module, nnx.Module)
        hint = "; a module of flax.nnx keeps arrays only, not the functions that made them"
        raise TypeError(
            f"`module` must be a module of flax.linen, received: {show(module)}"
            + (hint if is_nnx else "")
        )
    check_seed_integer(seed)
    check_bool("strict", strict)
    with _recorded() as calls:
        tree = jax.eval_shape(module.init, jax.random.key(0), *inputs)
    specs = read_specs(tree)
    found = [_find(name, spec, calls.get(name)) for name, spec in specs.items()]
    origin = "its parameters' functions by initializers.jax.capture"
    return make_result(found, specs, seed, strict, type(module).__name__, origin, _WORDS)


@contextmanager
def _recorded() -> Iterator[dict[str, _Call]]:
    """Record the functions of all variables that this thread creates, by their names."""
    from flax.core.scope import Scope

    calls: dict[str, _Call] = {}
    thread = threading.get_ident()
    param, variable = Scope.param, Scope.variable

    def note(
        scope: Any,
        collection: str,
        name: str,
        function: Any,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
    ) -> None:
        if threading.get_ident() != thread or function is None:
            return
        given = {key: value for key, value in keywords.items() if key != "unbox"}
        key = "/".join((collection, *scope.path, name))
        origin = Origin(_name(function), *_locate())
        call = _Call(function, arguments, given, collection == "params", origin)
        calls.setdefault(key, call)

    def record_param(self: Any, name: str, init_fn: Any, *args: Any, **kwargs: Any) -> Any:
        note(self, "params", name, init_fn, args, kwargs)
        return param(self, name, init_fn, *args, **kwargs)

    def record_variable(
        self: Any, col: str, name: str, init_fn: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        note(self, col, name, init_fn, args, kwargs)
        return variable(self, col, name, init_fn, *args, **kwargs)

    with _lock:
        Scope.param, Scope.variable = record_param, record_variable
        try:
            yield calls
        finally:
            Scope.param, Scope.variable = param, variable


def _locate() -> tuple[str, str]:
    """Return the method of a module that creates a variable, and its line."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        owner = frame.f_locals.get("self")
        is_module = isinstance(owner, sys.modules["flax.linen"].Module)
        if is_module and name not in ("flax.linen.module", __name__):
            return f"{type(owner).__name__}.{frame.f_code.co_name}", f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return "", ""


def _find(name: str, spec: Spec, call: _Call | None) -> Variable:
    is_buffer = not name.startswith("params/")
    if call is None:
        reason = "created by no function that was called"
        return Variable(name, spec.shape, None, reason, None, is_buffer=is_buffer)
    initializer, reason, array = _convert(call, spec)
    return Variable(name, spec.shape, initializer, reason, call.origin, array, is_buffer)


def _convert(call: _Call, spec: Spec) -> tuple[Any, str, NDArray[Any] | None]:
    """Return an initializer without a seed, or None with a reason and perhaps the values."""
    function = inspect.unwrap(call.function)  # of `nn.with_partitioning`
    if call.is_parameter:
        own = tuple(call.arguments[0]) if call.arguments else tuple(call.keywords.get("shape", ()))
        try:
            made = _read_factory(function, own)
        except (TypeError, ValueError) as error:
            return None, str(error), None
        if made is not None:
            if own == spec.shape or not _needs_shape(made):
                return made, "", None
            reason = f"made in the shape {own} and stacked: it needs a Rule with `stack`"
            return None, reason, None
        made = _look_into(call, function, spec)
        if made is not None:
            return made, "", None
    return _run(call, function, spec)


def _look_into(call: _Call, function: Any, spec: Spec) -> Any:
    """Return the initializer of a function that reshapes what a factory's result makes, or None.

    `DenseGeneral`, and so attention, makes a matrix of the product of its inputs and of that of its
    outputs.
    """
    if math.prod(spec.shape) > LARGEST:
        return None
    inner: list[tuple[Any, Any, Any]] = []

    def look(frame: Any, event: str, _: Any) -> None:
        factory = _INNER.get(frame.f_code)
        if event == "call" and factory is not None:
            given = frame.f_locals
            names = inspect.signature(factory).parameters
            numbers = {key: value for key, value in given.items() if key in names}
            inner.append((factory(**{**numbers, "dtype": None}), given["key"], given["shape"]))

    earlier = sys.getprofile()
    sys.setprofile(look)
    try:
        made = np.asarray(function(jax.random.key(1), *call.arguments, **call.keywords))
    except Exception:
        return None  # `_run` says so
    finally:
        sys.setprofile(earlier)
    if len(inner) != 1 or made.shape != spec.shape:
        return None
    theirs, key, shape = inner[0]
    if not np.array_equal(np.asarray(theirs(key, shape, made.dtype)).reshape(made.shape), made):
        return None
    found = _read_factory(theirs, tuple(shape))
    if not _needs_shape(found):
        return found
    is_matrix = isinstance(found, VarianceScaling) and found.input_axes is None and len(shape) == 2
    for split in range(1, made.ndim) if is_matrix else ():
        if math.prod(made.shape[:split]) == shape[0]:
            return VarianceScaling(
                found.scale,
                found.mode,
                found.distribution,
                input_axes=range(split),
                output_axes=range(split, made.ndim),
            )
    return None


def _read_factory(function: Any, shape: Shape) -> Any:
    """Return the initializer of a factory's result, or None for another function."""
    if getattr(function, "__module__", "") == _FACTORIES:
        factory = function.__qualname__.partition(".")[0]
        ours = getattr(_init, factory, None)
        if ours is None:
            return None
        if function.__qualname__ != factory:
            given = inspect.getclosurevars(function).nonlocals
            known = inspect.signature(ours).parameters
            ours = ours(**{key: value for key, value in given.items() if key in known})
        function = ours
    made = make_from_factory(function, shape)
    if type(made).__name__ not in BUILT_IN or made is function:
        return None
    if isinstance(made, VarianceScaling) and made.input_axes is None:
        return make_scaling(made.scale, made.mode, made.distribution)
    config = {key: value for key, value in made.get_config().items() if key != "seed"}
    return BUILT_IN[type(made).__name__].from_config(config)


def _needs_shape(initializer: Any) -> bool:
    """Return whether the law of an element depends on the shape."""
    if isinstance(initializer, Constant):
        return np.ndim(initializer.value) > 0
    name = type(initializer).__name__
    return name not in ("Zeros", "Ones", "RandomNormal", "RandomUniform", "TruncatedNormal")


def _run(call: _Call, function: Any, spec: Spec) -> tuple[Any, str, NDArray[Any] | None]:
    """Find the values of a function that does not draw."""
    drawn = f"drawn by {_name(function)}, which is no function of jax.nn.initializers"
    if math.prod(spec.shape) > LARGEST:
        return None, f"{_name(function)} makes more than {LARGEST} values", None
    made = []
    for number in (1, 2):
        keys = (jax.random.key(number),) if call.is_parameter else ()
        try:
            value = np.asarray(function(*keys, *call.arguments, **call.keywords))
        except Exception as error:  # the module's own code; tracers cannot be read
            return None, f"{_name(function)} raised {type(error).__name__}", None
        made.append(np.asarray(value))
    one, other = made
    if one.tobytes() != other.tobytes():
        return None, drawn, None
    initializer, reason = describe_values(one)
    if one.shape != spec.shape and (initializer is None or _needs_shape(initializer)):
        return None, f"made in the shape {one.shape} and stacked", None
    return initializer, reason, None if initializer else one


def _name(function: Any) -> str:
    """Return the name of a function, or of the factory that returned it."""
    function = inspect.unwrap(function)
    name = str(getattr(function, "__qualname__", type(function).__name__))
    module = str(getattr(function, "__module__", ""))
    if module.startswith(__name__.rpartition(".")[0]):
        return "initializers.jax"
    return name.partition(".")[0] if module == _FACTORIES else name.rpartition(".")[2]
