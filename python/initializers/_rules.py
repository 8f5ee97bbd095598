"""What each weight of a model is filled with, by its name, as the adapters are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from ._base import Initializer
from ._block import Shape
from ._checks import show, to_integer
from ._seed import check_seed_integer, fold_in
from ._serialize import get

Chooser: TypeAlias = Callable[[str, Shape], Any]


@dataclass(frozen=True)
class Rule:
    """How one weight is filled: an initializer, and what its framework does differently.

    Attributes:
        initializer: An initializer, its name or its configuration, as `get` takes it.
        permute: The order of axes in which the values are made, for a framework that keeps a weight
            transposed: `weight.transpose(permute)` gets the values, the fans and the seed's layout
            of its own shape. `(1, 0)` makes a PyTorch matrix (outputs, inputs) hold the values of a
            Keras kernel (inputs, outputs), `(2, 3, 1, 0)` does so for a 2-D convolution. None: as
            it is.
        name: The name that the seed is made from, where it is not the weight's own: two weights of
            one name have the same values.

    Raises:
        TypeError: If an attribute has a wrong type.
        ValueError: If `initializer` is unknown, or `permute` does not name each axis once.

    Examples:
        >>> Rule("he_normal", permute=(1, 0), name="dense/kernel").permute
        (1, 0)
    """

    initializer: Any
    permute: tuple[int, ...] | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        initializer = get(self.initializer)
        if initializer is None:
            raise TypeError("`initializer` must be an initializer, received: None")
        object.__setattr__(self, "initializer", initializer)
        object.__setattr__(self, "permute", _check_permute(self.permute))
        if self.name is not None and not isinstance(self.name, str):
            raise TypeError(f"`name` must be a string or None, received: {show(self.name)}")

    def seeded(self, seed: int, name: str) -> Any:
        """Return the initializer with the seed that belongs to the weight `name` under `seed`.

        One without `with_seed` is returned as it is.
        """
        if not hasattr(self.initializer, "with_seed"):
            return self.initializer
        return self.initializer.with_seed(fold_in(seed, self.name or name))


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


class Rules:
    """Chooses the rules of all weights of a model under one seed.

    Args:
        recipe: A function of a weight's name and shape that returns an initializer, a `Rule`, or
            None for a weight to be left as it is; an object with such a method `choose`; or a
            mapping from patterns of names (`*`, `?`, `[seq]`) to such results, of which the first
            that matches counts.
        seed: An integer in `[-2**127, 2**127)`; None for the attribute `seed` of `recipe`.
    """

    def __init__(self, recipe: object, seed: int | None) -> None:
        self.seed = check_seed_integer(getattr(recipe, "seed", None) if seed is None else seed)
        self._choose = _chooser(recipe)

    def choose(self, name: str, shape: Shape) -> Rule | None:
        """Return the rule of the weight `name`, or None if it is to be left as it is.

        Raises:
            ValueError: If no pattern matches, or the rule's `permute` does not fit the shape.
            TypeError: If what was chosen is no initializer.
        """
        found = self._choose(name, shape)
        if found is None:
            return None
        rule = found if isinstance(found, Rule) else Rule(found)
        if rule.permute is not None and len(rule.permute) != len(shape):
            raise ValueError(
                f"`permute` of the rule for {name!r} must name the {len(shape)} axes of its shape "
                f"{shape}, received: {rule.permute}"
            )
        return rule


def _chooser(recipe: object) -> Chooser:
    choose = getattr(recipe, "choose", None)
    if callable(choose):
        return choose  # type: ignore[no-any-return]
    if isinstance(recipe, Mapping):
        rules = {str(pattern): value for pattern, value in recipe.items()}
        return lambda name, shape: _match(rules, name)
    if callable(recipe) and not isinstance(recipe, (Initializer, type)):
        return recipe
    raise TypeError(
        "`recipe` must be a function of name and shape, an object with such a method `choose`, or "
        f"a mapping from patterns to initializers, received: {show(recipe)}"
    )


def _match(rules: Mapping[str, Any], name: str) -> Any:
    for pattern, value in rules.items():
        if fnmatchcase(name, pattern):
            return value
    raise ValueError(
        f"`recipe` must have a pattern for every weight, received none that matches {name!r} "
        f"among {show(list(rules))}"
    )
