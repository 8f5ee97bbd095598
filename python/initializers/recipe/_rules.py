"""Which initializer each weight of a model gets, by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

import numpy as np

from .._arguments.checks import show, to_integer
from .._arguments.conventions import check_convention
from .._arguments.dtypes import DType
from .._arguments.seeds import check_seed_integer, fold_in
from .._arguments.shapes import Shape
from .._classes.axis_order import find_order
from .._classes.base import Initializer
from .._classes.serialization import get
from .._classes.variance_scaling import VarianceScaling
from .._filling import AnyFill, Fill, StackFill, plan_fill
from . import _coverage

# A weight's name, its shape, and the convention of what holds it.
Named: TypeAlias = "tuple[str, Shape, str | None]"

# The indices of stacked axes in the name of a stacked tensor.
_LETTERS = "ijkl"

# The module of the factories of JAX's initializers, and of what they return.
_JAX = "initializers.jax"


@dataclass(frozen=True)
class Rule:
    """How one weight is filled: an initializer, and what its framework does differently.

    Attributes:
        initializer: An initializer, its name or its configuration, as `get` takes it, or what a
            factory of `initializers.jax` returned.
        permute: The order of axes in which the values are made, for a framework that keeps a weight
            transposed: `weight.transpose(permute)` gets the values, the fans and the seed's layout
            of its own shape. `(1, 0)` makes a PyTorch matrix (outputs, inputs) hold the values of a
            Keras kernel (inputs, outputs), `(2, 3, 1, 0)` does so for a 2-D convolution. None: as
            the convention says.
        name: The name that the seed is made from, where it is not the weight's own: two weights of
            one name have the same values. Of a stack it must contain `{i}` (and `{j}`, `{k}`, `{l}`
            for further stacked axes).
        stack: The number of leading axes, 0 to 4, along which separate tensors are stacked: each
            has the values of a weight by itself, with a name of its own. Without `name`, the
            indices follow the first part of the weight's name: `"blocks/kernel"` stacks
            `"blocks/0/kernel"`, `"blocks/1/kernel"`, …
        convention: `"torch"` for a weight (outputs, inputs, *kernel), `"keras"` for a kernel
            (*kernel, inputs, outputs); None: that of what holds the weight.
        optional: Whether the rule may match no weight.

    Raises:
        TypeError: If an attribute has a wrong type.
        ValueError: If it has a wrong value: an unknown `initializer`, a `permute` that does not
            name each axis once, a `name` of a stack without `{i}`.

    Examples:
        >>> Rule("he_normal", permute=(1, 0), name="dense/kernel").permute
        (1, 0)
    """

    initializer: Any
    permute: tuple[int, ...] | None = None
    name: str | None = None
    stack: int = 0
    convention: str | None = None
    optional: bool = False

    def __post_init__(self) -> None:
        _refuse_jax(self.initializer)
        initializer = get(self.initializer)
        if initializer is None:
            raise TypeError("`initializer` must be an initializer, received: None")
        object.__setattr__(self, "initializer", initializer)
        object.__setattr__(self, "permute", _check_permute(self.permute))
        object.__setattr__(self, "stack", _check_stack(self.stack))
        check_convention(self.convention)
        if not isinstance(self.optional, bool):
            raise TypeError(f"`optional` must be a bool, received: {show(self.optional)}")
        if self.name is not None and not isinstance(self.name, str):
            raise TypeError(f"`name` must be a string or None, received: {show(self.name)}")
        if self.name is not None and self.stack:
            _check_template(self.name, self.stack)

    def fit(self, name: str, shape: Shape, stated: str | None, host: str | None) -> Rule:
        """Return the rule for a weight of that name and shape, with the order of its axes.

        Raises:
            ValueError: If it does not fit the shape, or its values depend on an unknown convention.
        """
        if len(shape) < self.stack:
            raise ValueError(
                f"`stack` of the rule for {name!r} must be at most the rank of its shape {shape}, "
                f"received: {self.stack}"
            )
        part = shape[self.stack :]
        if self.permute is not None and len(self.permute) != len(part):
            raise ValueError(
                f"`permute` of the rule for {name!r} must name the {len(part)} axes of its shape "
                f"{part}, received: {self.permute}"
            )
        made = _make_from_factory(self.initializer, part)
        permute = self.permute
        if permute is None:
            permute = find_order(made, name, part, self.convention or stated, host)
        return replace(self, initializer=made, permute=permute)

    def seeded(self, seed: int, name: str) -> Any:
        """Return the initializer with the seed that belongs to the weight `name` under `seed`.

        Of a stack, `name` is that of one of its tensors. One without `with_seed` is returned as it
        is.
        """
        if not hasattr(self.initializer, "with_seed"):
            return self.initializer
        own = name if self.stack else self.name or name
        return self.initializer.with_seed(fold_in(seed, own))

    def list_names(self, name: str, shape: Shape) -> Iterator[str]:
        """Yield the names that the seeds of a stack's tensors are made from, in C order."""
        if not self.stack:
            yield self.name or name
            return
        for index in np.ndindex(*shape[: self.stack]):
            yield self._name_tensor(name, index)

    def _name_tensor(self, name: str, index: tuple[int, ...]) -> str:
        if self.name is None:
            match = re.search(r"[/.]", name)
            sign = match[0] if match else "/"
            end = match.start() if match else len(name)
            return sign.join([name[:end], *map(str, index)]) + name[end:]
        made = self.name
        for letter, number in zip(_LETTERS, index, strict=False):
            made = made.replace(f"{{{letter}}}", str(number))
        return made

    def plan_fill(
        self, seed: int, name: str, shape: Shape, dtype: DType, padding: tuple[int, ...] = ()
    ) -> AnyFill:
        """Return what fills any block of the weight `name` under `seed`; rows of padding by zeros.

        Raises:
            ValueError: If the initializer has no values for the shape or the dtype.
        """
        part = shape[self.stack :]

        def plan(index: tuple[int, ...]) -> Fill:
            own = self._name_tensor(name, index)
            return plan_fill(self.seeded(seed, own), part, dtype, self.permute)

        if not self.stack:
            return plan_fill(self.seeded(seed, name), part, dtype, self.permute, padding)
        return StackFill(plan, shape, self.stack, padding)


def _refuse_jax(initializer: object) -> None:
    """Raise TypeError for an initializer of JAX, and for a factory of ours that was not called."""
    module = getattr(initializer, "__module__", None) or ""
    if not callable(initializer) or not isinstance(module, str):
        return
    name = str(getattr(initializer, "__qualname__", "")).partition(".")[0]
    if module.startswith("jax.") and "initializers" in module:
        raise TypeError(
            f"`initializer` must be made by this package, such as `initializers.jax.{name}` "
            f"or a name ('he_normal'), received JAX's own: {show(initializer)}"
        )
    if module.startswith(_JAX) and not hasattr(initializer, "law"):
        raise TypeError(
            f"`initializer` must be what a factory returns, `{name}(…)`, received the factory: "
            f"{show(initializer)}"
        )


def _make_from_factory(initializer: Any, shape: Shape) -> Any:
    """Return the initializer that a factory of `initializers.jax` means for a shape."""
    law = getattr(initializer, "law", None)
    if law is None or not str(getattr(initializer, "__module__", "")).startswith(_JAX):
        return initializer
    made = law(shape, 0)
    if isinstance(made, VarianceScaling):
        rank = len(shape)
        kernel = tuple(range(rank - 2))
        if (made.input_axes, made.output_axes) == ((*kernel, rank - 2), (*kernel, rank - 1)):
            # JAX's default axes are those of a kernel: then the weight's convention counts.
            return VarianceScaling(made.scale, made.mode, made.distribution)
    return made


def _check_permute(permute: object) -> tuple[int, ...] | None:
    if permute is None:
        return None
    wanted = f"`permute` must name each axis once, such as (1, 0), received: {show(permute)}"
    if not isinstance(permute, (tuple, list)):
        raise TypeError(wanted)
    axes = tuple(axis for axis in map(to_integer, permute) if axis is not None)
    if len(axes) != len(permute):
        raise TypeError(wanted)
    if sorted(axes) != list(range(len(axes))):
        raise ValueError(wanted)
    return axes


def _check_stack(stack: object) -> int:
    number = to_integer(stack)
    wanted = f"`stack` must be an integer in 0 to {len(_LETTERS)}, received: {show(stack)}"
    if number is None:
        raise TypeError(wanted)
    if not 0 <= number <= len(_LETTERS):
        raise ValueError(wanted)
    return number


def _check_template(name: str, stack: int) -> None:
    wanted = [f"{{{letter}}}" for letter in _LETTERS[:stack]]
    if set(re.findall(r"\{\w*\}", name)) != set(wanted):
        raise ValueError(
            f"`name` of a stack must contain {' and '.join(wanted)}, such as "
            f"'blocks/{'/'.join(wanted)}/kernel', and no other braces, received: {show(name)}"
        )


@dataclass(frozen=True)
class _Pattern:
    """A pattern of a mapping and its rule; None: what it matches is left as it is."""

    pattern: str
    rule: Rule | None

    @property
    def label(self) -> str:
        return self.pattern

    @property
    def optional(self) -> bool:
        return self.rule is not None and self.rule.optional

    def takes(self, name: str) -> bool:
        return fnmatchcase(name, self.pattern)


class Rules:
    """Chooses the rules of all weights of a model under one seed.

    Args:
        rules: A `Recipe`; a mapping from patterns of names (`*`, `?`, `[seq]`) to an initializer, a
            `Rule`, or None for a weight to be left as it is, of which the first that matches
            counts; a function of a weight's name and shape that returns such a result; or an object
            with such a method `choose`.
        seed: An integer in `[-2**127, 2**127)`; None for the attribute `seed` of `rules`.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value.
    """

    def __init__(self, rules: object, seed: int | None) -> None:
        self.seed = check_seed_integer(getattr(rules, "seed", None) if seed is None else seed)
        if isinstance(rules, Rules):
            self.__dict__ = {**vars(rules), "seed": self.seed}
            return
        self._entries: Sequence[Any] | None = None
        self._subject = "`rules`"
        self._take: Callable[[int], tuple[Rule | None, str | None]]
        self._choose: Callable[[str, Shape], Any]
        from . import Recipe

        if isinstance(rules, Recipe):
            self._entries, self._subject = rules.rules, "the recipe"
            self._take = rules._take
        elif isinstance(rules, Mapping):
            entries = [_Pattern(*_check_pair(*pair)) for pair in rules.items()]
            self._entries = entries
            self._take = lambda place: (entries[place].rule, None)
        else:
            self._choose = _find_function(rules)

    def choose(self, name: str, shape: Shape, convention: str | None = None) -> Rule | None:
        """Return the rule of the weight `name`, or None if it is to be left as it is.

        Args:
            name: Its name.
            shape: Its shape.
            convention: That of what holds the weight; None: unknown.

        Raises:
            ValueError: If no pattern matches, the rule does not fit the shape, or its values depend
                on an unknown convention.
            TypeError: If what was chosen is no initializer.
        """
        return self.choose_all([(name, shape, convention)], partial=True)[0]

    def choose_all(
        self, weights: Iterable[Named], others: Iterable[str] = (), partial: bool = False
    ) -> list[Rule | None]:
        """Return the rules of all weights of a model, in their order.

        Args:
            weights: Name, shape and convention of every weight.
            others: Names that need no rule, but are what a rule may be for.
            partial: Whether the weights are a part of a model, so that rules may be left over.

        Raises:
            TypeError: If what was chosen is no initializer.
            ValueError: As `choose`, or if a rule that is not optional matches no weight.
        """
        if not isinstance(partial, bool):
            raise TypeError(f"`partial` must be a bool, received: {show(partial)}")
        weights = list(weights)
        if self._entries is None:
            chosen: list[tuple[Rule | None, str | None]] = [
                (_to_rule(self._choose(name, shape)), None) for name, shape, _ in weights
            ]
        else:
            places = _coverage.assign(
                self._entries,
                [name for name, _, _ in weights],
                others=list(others),
                partial=partial,
                subject=self._subject,
            )
            chosen = [self._take(place) for place in places]
            self._check_stacks(places, [name for name, _, _ in weights])
        return [
            None if rule is None else rule.fit(name, shape, stated, host)
            for (rule, stated), (name, shape, host) in zip(chosen, weights, strict=True)
        ]

    def _check_stacks(self, places: Sequence[int], names: Sequence[str]) -> None:
        """Raise ValueError where the tensors of two stacks would have the same names."""
        for place in set(places):
            rule, _ = self._take(place)
            if rule is None or rule.name is None or not rule.stack:
                continue
            found = [name for name, own in zip(names, places, strict=True) if own == place]
            if len(found) > 1:
                raise ValueError(
                    f"a rule with `stack` and `name`={rule.name!r} must match one weight, "
                    f"received: {', '.join(map(repr, found))}"
                )


def _to_rule(value: object) -> Rule | None:
    return value if value is None or isinstance(value, Rule) else Rule(value)


def _check_pair(pattern: object, value: object) -> tuple[str, Rule | None]:
    if not isinstance(pattern, str):
        raise TypeError(
            "`rules` must have patterns of names that are strings (a Recipe takes regular "
            f"expressions too), received: {show(pattern)}"
        )
    try:
        return pattern, _to_rule(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"rule {pattern!r}: {error}") from None


def _find_function(rules: object) -> Callable[[str, Shape], Any]:
    choose = getattr(rules, "choose", None)
    if callable(choose):
        return choose  # type: ignore[no-any-return]
    if callable(rules) and not isinstance(rules, (Initializer, type)):
        return rules
    raise TypeError(
        "`rules` must be a Recipe, a mapping from patterns to initializers, a function of name and "
        f"shape, or an object with such a method `choose`, received: {show(rules)}"
    )
