"""One rule of a recipe: which weights it takes, by their names, and what they get."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from .. import _core
from .._arguments.checks import show
from .._arguments.conventions import check_convention
from .._arguments.dtypes import look_up
from .._classes.registry import key_of
from .._classes.serialization import get, serialize
from ._rules import Rule


@dataclass(frozen=True)
class RecipeRule:
    """What the weights of some names get.

    A rule is data: its initializer is one of this package or registered, and is kept by its name
    and configuration.

    Attributes:
        pattern: A pattern of whole names: `*` is any text, `?` any character, `[abc]` one of some.
            With `regex`, a regular expression for whole names, matched in linear time: without
            look-around, back-references and flags but m and s (see `docs/recipes.md`).
        initializer: An initializer, its name or its configuration, as `get` takes it. It must have
            no seed: every weight has one of its own.
        regex: Whether `pattern` is a regular expression.
        dtype: The dtype of these weights; None for the recipe's.
        permute: The order of axes in which the values are made, as in `Rule`; it goes before the
            convention.
        convention: `"keras"` or `"torch"`, how these weights are laid out; None for the recipe's.
        stack: The number of leading axes along which separate tensors are stacked, as in `Rule`.
        name: Of a stack that is the only weight of its rule, the names of its tensors, such as
            `"blocks/{i}/kernel"`, as in `Rule`.
        optional: Whether the rule may take no weight of a model.
        comment: What a reader should know of it, such as a formula.

    Raises:
        TypeError: If an attribute has a wrong type.
        ValueError: If it has a wrong value.

    Examples:
        >>> RecipeRule("*.bias", "zeros")
        RecipeRule('*.bias', 'Zeros')
    """

    pattern: str
    initializer: Any
    regex: bool = False
    dtype: str | None = None
    permute: tuple[int, ...] | None = None
    convention: str | None = None
    optional: bool = False
    comment: str | None = None
    stack: int = 0
    name: str | None = None
    _compiled: ClassVar[_core.Pattern]  # no field: it is made from the pattern

    def __post_init__(self) -> None:
        check_text("pattern", self.pattern)
        for argument in ("regex", "optional"):
            if not isinstance(getattr(self, argument), bool):
                raise TypeError(
                    f"`{argument}` must be a bool, received: {show(getattr(self, argument))}"
                )
        if self.regex:
            object.__setattr__(self, "_compiled", _compile(self.pattern))
        object.__setattr__(self, "comment", check_comment(self.comment))
        if self.dtype is not None:
            object.__setattr__(self, "dtype", look_up(self.dtype).name)
        if self.name is not None and not self.stack:
            raise ValueError(
                "a rule of a recipe must have no `name` without `stack`, as it would be that of "
                f"many weights, received: {show(self.name)}"
            )
        check_convention(self.convention)
        rule = Rule(self.initializer, self.permute, self.name, self.stack)
        object.__setattr__(self, "permute", rule.permute)
        object.__setattr__(self, "stack", rule.stack)
        object.__setattr__(self, "initializer", _as_data(rule.initializer))

    @property
    def label(self) -> str:
        """The pattern as a reader tells it from others: a regular expression between slashes."""
        return f"/{self.pattern}/" if self.regex else self.pattern

    @property
    def law(self) -> str:
        """The initializer as a table shows it, such as `"RandomNormal(stddev=0.02)"`."""
        name, config = describe(self.initializer)
        # An array is shorter as what it is than as its configuration.
        values = {key: getattr(self.initializer, key, value) for key, value in config.items()}
        given = (
            f"{key}={value:.6g}" if isinstance(value, float) else f"{key}={show(value)}"
            for key, value in values.items()
        )
        return f"{name}({', '.join(given)})"

    def takes(self, name: str) -> bool:
        """Return whether the rule is for the weight of that name, if none before it is."""
        if self.regex:
            return self._compiled.fullmatch(name)
        return fnmatchcase(name, self.pattern)

    def to_rule(self) -> Rule:
        """Return what an adapter fills a weight with."""
        return Rule(self.initializer, self.permute, self.name, self.stack, self.convention)

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as a recipe's file has it: what is not the default."""
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
        if not isinstance(other, RecipeRule):
            return NotImplemented
        # As text, so that 1 is not 1.0: a constant keeps its type.
        return repr(_without_comment(self)) == repr(_without_comment(other))

    __hash__ = None  # type: ignore[assignment]  # a configuration can hold lists

    def __repr__(self) -> str:
        name, config = describe(self.initializer)
        fields = self.to_dict()
        keys = ("dtype", "permute", "convention", "stack", "name", "optional")
        given = [repr(self.pattern), repr(self.initializer) if config else repr(name)]
        given += ["regex=True"] * self.regex
        given += [f"{key}={getattr(self, key)!r}" for key in keys if key in fields]
        return f"{type(self).__name__}({', '.join(given)})"


def _without_comment(rule: RecipeRule) -> dict[str, Any]:
    return {key: value for key, value in rule.to_dict().items() if key != "comment"}


def check_text(argument: str, value: object) -> str:
    """Return `value` if it is Unicode text."""
    if not isinstance(value, str):
        raise TypeError(f"`{argument}` must be a string, received: {show(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"`{argument}` must be Unicode text, received: {show(value)}") from None
    return value


def check_comment(comment: object) -> str | None:
    """Return a comment that every line of a file can hold; None for an empty one."""
    if comment is None:
        return None
    text = check_text("comment", comment)
    if any((ord(sign) < 32 and sign not in "\t\n") or sign == "\x7f" for sign in text):
        raise ValueError(
            f"`comment` must have no control characters but new lines, received: {show(text)}"
        )
    return text or None


def _compile(pattern: str) -> _core.Pattern:
    try:
        return _core.Pattern(pattern)
    except ValueError as error:
        raise ValueError(
            "`regex` must be a regular expression without look-around, back-references and flags "
            f"but m and s, received: {show(pattern)} ({error})"
        ) from None


def _as_data(initializer: Any) -> Any:
    """Return what a file would give back for `initializer`: a class of this package, registered."""
    if hasattr(initializer, "law"):
        raise TypeError(
            "`initializer` of a recipe must be data, such as 'he_normal', not what a factory of "
            f"initializers.jax returns, received: {show(initializer)}"
        )
    config = serialize(initializer)
    seed = getattr(initializer, "_init_seed", None)
    if seed is not None:
        raise ValueError(
            "`initializer` of a rule must have no seed, as the recipe gives one to each weight, "
            f"received: {show(initializer)}"
        )
    return get(config)


def describe(initializer: Any) -> tuple[str, dict[str, Any]]:
    """Return the name of an initializer, and those of its arguments that are not the default."""
    data = serialize(initializer)
    assert data is not None
    if data["class_name"] == "function":
        return data["config"], {}
    key = key_of(type(initializer), "")
    is_ours = key.startswith("initializers>")
    parameters = inspect.signature(type(initializer)).parameters
    # Of other classes the defaults may change, so all is said; but TOML has no null.
    return data["class_name"] if is_ours else key, {
        name: value
        for name, value in data["config"].items()
        if name != "seed"
        and not (name in parameters and _is_default(value, parameters[name].default, is_ours))
    }


def _is_default(value: object, default: object, is_ours: bool) -> bool:
    default = [*default] if isinstance(default, tuple) else default
    return (is_ours or value is None) and repr(value) == repr(default)
