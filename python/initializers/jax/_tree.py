"""Initializes whole trees: every leaf from one seed, by the name of its path."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec, Sharding

from .._arguments.checks import show
from .._arguments.conventions import KERAS, TORCH
from .._arguments.dtypes import look_up
from .._arguments.shapes import Shape
from ..recipe import Rule
from ..recipe._planner import Planner
from ..recipe._resolve import ResolvedRules, RulesLike
from ._places import check_sharding, is_compiling, make_blocks, place_whole
from ._traced import trace_fill


def init_tree(
    tree: Any,
    rules: RulesLike,
    seed: int | None = None,
    shardings: Any = None,
    *,
    partial: bool = False,
) -> Any:
    """Initialize every array of a tree by its name.

    `tree` gives shapes and dtypes, as from `jax.eval_shape`, `flax.nnx.eval_shape` and
    `equinox.filter_eval_shape`; no array needs to exist. A name is the path in the tree with `/`
    between its parts, such as `params/Dense_0/kernel`, without boxes of Flax (`nnx.Variable`,
    `nn.Partitioned`). The values of a leaf depend on `seed`, its name, its global shape and its
    rule. Each process makes only the blocks of its own devices. Inside `jax.jit` the compiled
    program makes the values, as with the factories.

    Args:
        tree: Tree of arrays or `jax.ShapeDtypeStruct`s. Other leaves are kept.
        rules: A `Recipe`; a mapping from name patterns to an initializer, the result of one of this
            module's factories, a `Rule`, or None to keep the leaf; a list of such pairs and of
            `Rule`s with patterns, of which the first match applies, as in a mapping; a function of
            a leaf's name and shape that returns an initializer, a `Rule` or None; or an object with
            such a method `choose`. Fans are counted in the order (*kernel, inputs, outputs), in
            layers of `equinox.nn` in their order (outputs, inputs, *kernel), unless a rule or the
            recipe states another `convention`. A leaf keeps its dtype, whatever a rule says.
        seed: An integer in `[-2**127, 2**127)`; overrides the seed of a `Recipe`, which None keeps.
            A leaf's seed is `fold_in(seed, name)`.
        shardings: A sharding, or a `PartitionSpec` under `jax.set_mesh`, for all leaves; or a tree
            of them that is a prefix of `tree`, such as `nnx.get_named_sharding(tree, mesh)` or,
            under `jax.set_mesh`, `nnx.get_partition_spec(tree)`. None: the leaf's own `sharding`,
            else whole on every device of the current mesh, else on the default device.
        partial: Whether the tree is part of a model, so that rules may match no leaf.

    Returns:
        The tree, with an array for every leaf that a rule applies to.

    Raises:
        TypeError: If an argument has a wrong type, or no leaf is an array or `ShapeDtypeStruct`.
        ValueError: If a leaf cannot be filled, no rule matches it, two leaves have one name, or a
            rule that is not optional matches no leaf. No array has been made then.

    Examples:
        >>> import jax
        >>> shapes = {"dense": {"kernel": jax.ShapeDtypeStruct((3, 2), "float32")}}
        >>> init_tree(shapes, {"*": "he_normal"}, seed=1)["dense"]["kernel"].shape
        (3, 2)
    """
    chosen = ResolvedRules(rules, seed)
    leaves, structure = jax.tree.flatten(tree)
    places = _spread(shardings, tree, len(leaves))
    named = list(_list_leaves(tree))
    arrays = [(name, tuple(leaf.shape), own) for name, leaf, own in named if _is_array(leaf)]
    if not arrays:
        raise TypeError(
            f"`tree` must have an array or a jax.ShapeDtypeStruct as a leaf, received: {show(tree)}"
        )
    counts = Counter(name for name, _, _ in arrays)
    for name, count in counts.items():
        if count > 1:
            raise ValueError(
                f"`tree` must have leaves of different names, as equal names give equal values, "
                f"received {count} of the name {name!r}"
            )
    found = iter(chosen.choose_all(arrays, partial=partial))
    planner = Planner(chosen.seed)
    makers = [
        _plan(name, leaf, place, next(found) if _is_array(leaf) else None, planner)
        for (name, leaf, _), place in zip(named, places, strict=True)
    ]
    pairs = zip(leaves, makers, strict=True)
    return structure.unflatten(leaf if make is None else make() for leaf, make in pairs)


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and hasattr(leaf, "dtype")


def _plan(
    name: str, leaf: Any, place: Any, rule: Rule | None, planner: Planner
) -> Callable[[], Any] | None:
    """Return a function that makes the leaf, or None to keep it."""
    if rule is None:
        return None
    shape: Shape = tuple(leaf.shape)
    try:
        kind = look_up(leaf.dtype)
        fill = planner.plan_fill(rule, name, shape, kind)
        compiling = is_compiling()
        if place is None:
            place = getattr(leaf, "sharding", None)
            if compiling and not (isinstance(place, NamedSharding) and place.mesh.axis_names):
                place = None  # on one device or without a mesh: the program places it
        sharding = None if place is None else check_sharding(place, shape)
    except (TypeError, ValueError) as error:
        hint = ""
        if "flax.nnx" in sys.modules and not jnp.issubdtype(leaf.dtype, jnp.inexact):
            # Probably the keys and counters of dropout.
            hint = " (to split off what is no weight: `nnx.split(model, nnx.Param, ...)`)"
        raise type(error)(f"leaf {name!r} cannot be filled: {error}{hint}") from None
    if compiling:
        return lambda: trace_fill(fill, shape, kind, sharding)
    if sharding is None:
        return lambda: place_whole(fill, shape, kind)
    return lambda: make_blocks(fill, shape, kind, sharding)


def list_specs(tree: Any) -> list[tuple[Any, ...]]:
    """Return (name, shape, dtype, convention) of each array or ShapeDtypeStruct in a tree."""
    return [
        (name, leaf.shape, leaf.dtype, convention)
        for name, leaf, convention in _list_leaves(tree)
        if _is_array(leaf)
    ]


def list_values(tree: Any) -> Iterator[tuple[str, Any]]:
    """Yield (name, leaf) of each array in a tree."""
    for name, leaf, _ in _list_leaves(tree):
        if _is_array(leaf):
            yield name, leaf


def _list_leaves(tree: Any) -> Iterator[tuple[str, Any, str]]:
    """Yield (name, leaf, convention) of every leaf, in order."""
    own = _find_equinox(tree)
    for path, node in jax.tree_util.tree_flatten_with_path(tree, is_leaf=_is_box)[0]:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        for leaf in jax.tree.leaves(node):
            yield name, leaf, TORCH if id(leaf) in own else KERAS


def _find_equinox(tree: Any) -> set[int]:
    """Return the ids of leaves in Equinox layers, which store (outputs, inputs, *kernel)."""
    if "equinox" not in sys.modules:
        return set()

    def is_layer(node: Any) -> bool:
        names = {each.__name__ for each in type(node).__mro__ if _is_of_equinox(each)}
        return bool(names) and not names & _CONTAINERS

    layers = [node for node in jax.tree.leaves(tree, is_leaf=is_layer) if is_layer(node)]
    return {id(leaf) for layer in layers for leaf in jax.tree.leaves(layer)}


# Containers may hold modules of any library.
_CONTAINERS = {"Lambda", "Sequential", "Shared"}


def _is_of_equinox(kind: type) -> bool:
    return kind.__module__.partition("._")[0] == "equinox.nn"


def _is_box(node: Any) -> bool:
    """Return whether `node` is a Flax box: an array with metadata."""
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
