"""Whole trees of arrays: every leaf from one seed, by the name of its path."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.sharding import PartitionSpec, Sharding

from .._block import Shape
from .._checks import show
from .._dtypes import look_up
from .._rules import Rules
from .._write import plan_fill
from ._array import check_sharding, make_blocks, place_whole


def init_tree(tree: Any, recipe: Any, seed: int | None = None, shardings: Any = None) -> Any:
    """Give every array of a tree its first value, by its name.

    `tree` tells shapes and dtypes, as from `jax.eval_shape`, `flax.nnx.eval_shape` and
    `equinox.filter_eval_shape`: no array need exist before. A name is the path in the tree with
    `/` between its parts, such as `params/Dense_0/kernel`; boxes of Flax (`nnx.Variable`,
    `nn.Partitioned`) are no part of it. The values of a leaf depend on `seed`, its name, its global
    shape and what `recipe` says. Each process makes the blocks of its own devices only.

    Args:
        tree: A tree of arrays or `jax.ShapeDtypeStruct`s. Other leaves are kept.
        recipe: A `Recipe`; a function of a leaf's name and shape that returns an initializer, a
            `Rule`, or None for a leaf to be kept; an object with such a method `choose`; or a
            mapping from patterns of names to such results, of which the first that matches counts.
            A leaf has the dtype that it has, whatever a `Recipe` says.
        seed: An integer in `[-2**127, 2**127)`; None for that of a `Recipe`. A leaf's is
            `fold_in(seed, name)`.
        shardings: A sharding, or a `PartitionSpec` where `jax.set_mesh` has set a mesh, for all
            leaves; or a tree of them that is a prefix of `tree`. None: the leaf's own `sharding`,
            else the default device.

    Returns:
        The tree with arrays in place of the leaves that `recipe` chose for.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If a leaf cannot be filled, or `recipe` has nothing for it. No array has been
            made then.

    Examples:
        >>> import jax
        >>> shapes = {"dense": {"kernel": jax.ShapeDtypeStruct((3, 2), "float32")}}
        >>> init_tree(shapes, {"*": "he_normal"}, seed=1)["dense"]["kernel"].shape
        (3, 2)
    """
    rules = Rules(recipe, seed)
    leaves, structure = jax.tree.flatten(tree)
    places = _spread(shardings, tree, len(leaves))
    makers = [
        _plan(name, leaf, place, rules)
        for name, leaf, place in zip(_list_names(tree), leaves, places, strict=True)
    ]
    pairs = zip(leaves, makers, strict=True)
    return structure.unflatten(leaf if make is None else make() for leaf, make in pairs)


def _plan(name: str, leaf: Any, place: Any, rules: Rules) -> Callable[[], Any] | None:
    """Return what makes a leaf, or None if it is to be kept."""
    if not hasattr(leaf, "shape") or not hasattr(leaf, "dtype"):
        return None
    shape: Shape = tuple(leaf.shape)
    rule = rules.choose(name, shape)
    if rule is None:
        return None
    try:
        kind = look_up(leaf.dtype)
        fill = plan_fill(rule.seeded(rules.seed, name), shape, kind, rule.permute)
        place = getattr(leaf, "sharding", None) if place is None else place
        sharding = None if place is None else check_sharding(place, shape)
    except (TypeError, ValueError) as error:
        raise type(error)(f"leaf {name!r} cannot be filled: {error}") from None
    if sharding is None:
        return lambda: place_whole(fill, shape, kind)
    return lambda: make_blocks(fill, shape, kind, sharding)


def list_arrays(tree: Any) -> Iterator[tuple[str, Any]]:
    """Yield what tells shape and dtype in a tree, by the names of `init_tree`."""
    for name, leaf in zip(_list_names(tree), jax.tree.leaves(tree), strict=True):
        if hasattr(leaf, "shape") and hasattr(leaf, "dtype"):
            yield name, leaf


def _list_names(tree: Any) -> Iterator[str]:
    """Yield the name of every leaf, in the order of the leaves."""
    for path, node in jax.tree_util.tree_flatten_with_path(tree, is_leaf=_is_box)[0]:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        yield from [name] * len(jax.tree.leaves(node))


def _is_box(node: Any) -> bool:
    """Return whether `node` is an array with what Flax knows of it."""
    for place, kind in (("flax.nnx", "Variable"), ("flax.core.meta", "AxisMetadata")):
        loaded = sys.modules.get(place)
        if loaded is not None and isinstance(node, getattr(loaded, kind)):
            return True
    return False


def _is_place(node: Any) -> bool:
    return node is None or isinstance(node, (Sharding, PartitionSpec))


def _spread(shardings: Any, tree: Any, count: int) -> list[Any]:
    """Return the sharding of every leaf, or None."""
    if _is_place(shardings):
        return [shardings] * count
    try:
        spread = jax.tree.broadcast(shardings, tree, is_leaf=_is_place)
    except ValueError as error:
        raise ValueError(
            f"`shardings` must be a prefix of `tree`, received: {show(shardings)} ({error})"
        ) from None
    return list(jax.tree.leaves(spread, is_leaf=_is_place))
