"""The class `Rule`: an initializer, how it is applied, and the pattern of weight names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

import numpy as np

from .._arguments.checks import check_bool, check_text, show, to_integer
from .._arguments.conventions import check_convention
from .._arguments.dtypes import DType, look_up
from .._arguments.seeds import fold_in
from .._arguments.shapes import Shape
from .._arguments.types import Convention
from .._classes.axis_order import find_order
from .._classes.serialization import get
from .._filling import AnyFill, Fill, StackFill, plan_fill
from ._initializer_data import (
    describe,
    identify,
    make_from_factory,
    refuse_jax,
    summarize,
)
from ._patterns import Pattern

# The placeholders of stacked axes in the name of a stacked tensor: `{i}`, `{j}`, …
_LETTERS = "ijkl"

# The options of a rule beside pattern and initializer, in the order of files.
OPTIONS = ("dtype", "permute", "convention", "stack", "name", "optional")


@dataclass(frozen=True, repr=False, eq=False)
class Rule:
    """An initializer, how it is applied, and the pattern of the weights to which it applies.

    A rule without a pattern is used in a mapping from patterns to rules, in a pair of a pattern and
    a rule, or as the result of a function of a weight's name and shape.

    In a `Recipe` a rule is data: its initializer is one of this package or registered, has no seed
    and is stored by name and configuration, and `name` needs `stack`.

    Attributes:
        initializer: An initializer, its name or its configuration, as for `get`, or the result of a
            factory of `initializers.jax`.
        pattern: A pattern of whole names: `*` is any text, `?` any character, `[abc]` one of some.
            With `regex`, a regular expression for whole names, matched in linear time: without
            look-around, back-references and flags but m and s (see `docs/recipes.md`).
        regex: Whether `pattern` is a regular expression.
        dtype: In a recipe, the dtype of these weights; None: the recipe's. The adapters fill
            existing arrays and keep their dtypes.
        permute: The axis order in which the values are made, for a framework that stores a weight
            transposed: `weight.transpose(permute)` gets the values and fans of its own shape.
            `(1, 0)` gives a PyTorch matrix (outputs, inputs) the values of a Keras kernel (inputs,
            outputs); `(2, 3, 1, 0)` does so for a 2-D convolution. None: as the convention says.
        name: The name from which the seed is derived, if it is not the weight's own: two weights of
            one name have the same values. For a stack it must contain `{i}` (and `{j}`, `{k}`,
            `{l}` for further stacked axes).
        stack: The number of leading axes, 0 to 4, along which separate tensors are stacked. Each
            tensor has the values of a separate weight with its own name. Without `name`, the
            indices follow the first part of the weight's name: `"blocks/kernel"` stacks
            `"blocks/0/kernel"`, `"blocks/1/kernel"`, …
        convention: `"torch"` for a weight (outputs, inputs, *kernel), `"keras"` for a kernel
            (*kernel, inputs, outputs); None: the recipe's, else the model's.
        optional: Whether the rule may match no weight.
        comment: A comment for readers, such as a formula.

    Two rules are equal if they differ only in their comments.

    Raises:
        TypeError: If an attribute has a wrong type.
        ValueError: If it has a wrong value: an unknown `initializer`, a `permute` that does not
            name each axis once, a `name` of a stack without `{i}`.

    Examples:
        >>> Rule("zeros", "*.bias", optional=True)
        Rule('Zeros', '*.bias', optional=True)
        >>> Rule("he_normal", permute=(1, 0), name="dense/kernel").permute
        (1, 0)
    """

    initializer: Any
    pattern: str | None = None
    _: KW_ONLY
    regex: bool = False
    dtype: str | None = None
    permute: tuple[int, ...] | None = None
    name: str | None = None
    stack: int = 0
    convention: Convention | None = None
    optional: bool = False
    comment: str | None = None

    def __post_init__(self) -> None:
        for argument in ("regex", "optional"):
            check_bool(argument, getattr(self, argument))
        if self.pattern is not None:
            self._set(_matcher=Pattern(self.pattern, self.regex))
        elif self.regex:
            raise ValueError("`regex` must be False for a rule without a pattern, received: True")
        self._set(comment=check_comment(self.comment))
        if self.dtype is not None:
            self._set(dtype=look_up(self.dtype).name)
        check_convention(self.convention)
        refuse_jax(self.initializer)
        initializer = get(self.initializer)
        if initializer is None:
            raise TypeError("`initializer` must be an initializer, received: None")
        self._set(
            initializer=initializer,
            permute=_check_permute(self.permute),
            stack=_check_stack(self.stack),
        )
        if self.name is not None and not isinstance(self.name, str):
            raise TypeError(f"`name` must be a string or None, received: {show(self.name)}")
        if self.name is not None:
            check_text("name", self.name)
        if self.name is not None and self.stack:
            _check_template(self.name, self.stack)

    def _set(self, **attributes: Any) -> None:
        for key, value in attributes.items():
            object.__setattr__(self, key, value)

    @property
    def label(self) -> str:
        """The pattern in messages and tables: a regular expression stands between slashes."""
        matcher: Pattern | None = vars(self).get("_matcher")
        return "" if matcher is None else matcher.label

    @property
    def summary(self) -> str:
        """The initializer in tables, such as `"RandomNormal(stddev=0.02)"`."""
        return summarize(self.initializer)

    def matches(self, name: str) -> bool:
        """Return whether the pattern matches a weight's whole name; without one, never.

        Raises:
            TypeError: If `name` is not a string.
            ValueError: If it is not Unicode text.
        """
        matcher: Pattern | None = vars(self).get("_matcher")
        return matcher is not None and matcher.matches(name)

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as in a recipe's file: the options that differ from their defaults.

        Raises:
            TypeError: If its initializer cannot be written.
        """
        name, config = describe(self.initializer)
        fields = {
            "regex" if self.regex else "glob": self.pattern,
            "initializer": name,
            "config": config or None,
            "dtype": self.dtype,
            "permute": None if self.permute is None else [*self.permute],
            "convention": self.convention,
            "stack": self.stack or None,
            "name": self.name,
            "optional": self.optional or None,
            "comment": self.comment,
        }
        return {key: value for key, value in fields.items() if value is not None}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rule):
            return NotImplemented
        return self._identity() == other._identity()

    __hash__ = None  # type: ignore[assignment]  # a configuration can hold lists

    def _identity(self) -> tuple[object, ...]:
        options = (getattr(self, key) for key in ("pattern", "regex", *OPTIONS))
        return (identify(self.initializer), *options)

    def __repr__(self) -> str:
        given = [self._show_initializer()]
        given += [repr(self.pattern)] * (self.pattern is not None)
        options = {key: getattr(self, key) for key in ("regex", *OPTIONS)}
        # All defaults are falsy. The only other falsy value is permute=().
        given += [f"{key}={value!r}" for key, value in options.items() if value or value == ()]
        return f"{type(self).__name__}({', '.join(given)})"

    def _show_initializer(self) -> str:
        try:
            name, config = describe(self.initializer)
        except TypeError:
            return repr(self.initializer)
        has_seed = getattr(self.initializer, "_init_seed", None) is not None
        return repr(self.initializer) if config or has_seed else repr(name)

    def fit(self, name: str, shape: Shape, stated: str | None, host: str | None) -> Rule:
        """Return the rule for a weight, see `_fit`; errors name the rule."""
        try:
            return self._fit(name, shape, stated, host)
        except (TypeError, ValueError) as error:
            if self.pattern is None:
                raise
            raise type(error)(f"rule {self.pattern!r}: {error}") from None

    def _fit(self, name: str, shape: Shape, stated: str | None, host: str | None) -> Rule:
        """Return the rule for a weight of that name and shape, with the order of its axes.

        Args:
            name: The weight's name.
            shape: Its shape.
            stated: The convention that the recipe states.
            host: The convention of the model that holds the weight.

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
        made = make_from_factory(self.initializer, part)
        permute = self.permute
        if permute is None:
            permute = find_order(made, name, part, self.convention or stated, host)
        if made is not self.initializer:
            return replace(self, initializer=made, permute=permute)
        if permute == self.permute:
            return self
        fitted = object.__new__(type(self))  # every attribute has been checked
        fitted.__dict__.update(self.__dict__, permute=permute)
        return fitted

    def seeded(self, seed: int, name: str) -> Any:
        """Return the initializer with the seed that belongs to the weight `name` under `seed`.

        For a stack, `name` names one of its tensors. An initializer without `with_seed` is returned
        unchanged.
        """
        if not hasattr(self.initializer, "with_seed"):
            return self.initializer
        own = name if self.stack else self.name or name
        return self.initializer.with_seed(fold_in(seed, own))

    def list_names(self, name: str, shape: Shape) -> Iterator[str]:
        """Yield the names from which the seeds of a stack's tensors are derived, in C order."""
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
        """Return the fill of the weight `name` under `seed`, with zeros in its padding rows.

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


def check_comment(comment: object) -> str | None:
    """Return a comment that a file can hold; None for an empty comment."""
    if comment is None:
        return None
    text = check_text("comment", comment)
    if any((ord(sign) < 32 and sign not in "\t\n") or sign == "\x7f" for sign in text):
        raise ValueError(
            f"`comment` must have no control characters but new lines, received: {show(text)}"
        )
    return text or None


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
