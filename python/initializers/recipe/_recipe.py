"""The class `Recipe`: rules for weights by name, and one seed.

Over 400 lines: `for_model` has an overload for every published recipe that takes numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias, overload

from .._arguments.checks import check_path, show
from .._arguments.conventions import check_convention
from .._arguments.dtypes import look_up
from .._arguments.seeds import check_seed_integer
from .._arguments.shapes import Array, Shape
from .._arguments.specs import Spec
from .._arguments.types import Convention
from .._charts.html import preformatted
from .._charts.progress import Progress, choose_progress
from . import _coverage, _text
from ._plan import Plan, Weight, make_plan, make_weight
from ._resolve import ResolvedRules, RuleList, parse_recipe_rules
from ._rule import Rule, check_comment
from ._sources import SpecsLike, read_specs

# The published recipes without numbers.
PlainName: TypeAlias = Literal[
    "bert",
    "convnext",
    "deepseek-v3",
    "dinov2",
    "efficientnet",
    "gemma3",
    "keras",
    "keras-convnexttiny",
    "keras-mobilenetv2",
    "llama",
    "llama-3.1-8b",
    "llama-3.2-1b",
    "mamba2",
    "mixtral",
    "olmo2",
    "qwen3",
    "vit",
    "whisper",
]


class Recipe:
    """The complete initialization of a model: rules by weight name, and one seed.

    The first rule whose pattern matches a weight's whole name applies to the weight. The weight's
    seed is `fold_in(seed, name)`. A recipe is data: nothing in it is ever evaluated or imported. It
    names initializers of this package, or registered ones, with plain numbers, and means the same
    in TOML, JSON and Python. The torch, JAX and Keras adapters accept a recipe wherever they accept
    rules.

    A weight has the dtype of its rule; else of the recipe, unless it holds integers; else its own;
    else float32. The adapters fill existing arrays and keep their dtypes.

    Fans and orthogonal matrices depend on which axes are inputs. Without a `convention`, the model
    decides: weights of torch modules, tensors and files of the format "pt" are `(outputs, inputs,
    *kernel)`; kernels of Keras models and JAX trees are `(*kernel, inputs, outputs)`. Plain shapes
    do not say, so they need `convention` if values depend on it. A recipe for several frameworks
    should state its convention: the values are then equal in all of them.

    In the convention `"torch"`, a weight `(outputs, inputs, *kernel)` of two or more dimensions
    gets the values of the kernel `(*kernel, inputs, outputs)`, transposed, as by `Rule(initializer,
    permute=(*range(2, rank), 1, 0))`. Initializers that do not depend on the convention are not
    transposed: constants, `Identity`, `RandomNormal`, `RandomUniform`, `TruncatedNormal`, and any
    with `input_axes`.

    Args:
        rules: A list of `Rule`s with patterns, and of pairs of a pattern (a glob, or an
            `re.compile`d expression) and an initializer, its name, its configuration, or a `Rule`
            without a pattern; or a mapping from patterns to these.
        seed: An integer in `[-2**127, 2**127)`.
        dtype: The dtype of float weights whose rule has none; None: the weight's own dtype.
        convention: `"keras"`: kernels are `(*kernel, inputs, outputs)`. `"torch"`: weights are
            `(outputs, inputs, *kernel)`. None: the model decides. A rule may have its own.
        comment: A comment for readers, such as a source.

    Attributes:
        rules: A tuple of `Rule`s.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value, or two rules have one pattern.

    Examples:
        >>> recipe = Recipe({"*.bias": "zeros", "*": "he_normal"}, seed=1, convention="torch")
        >>> recipe.init({"dense.weight": (2, 3), "dense.bias": (2,)})["dense.bias"].tolist()
        [0.0, 0.0]
    """

    def __init__(
        self,
        rules: RuleList,
        *,
        seed: int,
        dtype: str | None = None,
        convention: Convention | None = None,
        comment: str | None = None,
    ) -> None:
        self.rules = parse_recipe_rules(rules)
        self.seed = check_seed_integer(seed)
        self.dtype = None if dtype is None else look_up(dtype).name
        self.convention = check_convention(convention)
        self.comment = check_comment(comment)
        if not self.rules:
            raise ValueError(
                "`rules` must have at least one rule, such as {'*': 'he_normal'}, received none"
            )

    @overload
    @classmethod
    def for_model(cls, name: PlainName, *, seed: int = 0) -> Recipe: ...
    @overload
    @classmethod
    def for_model(cls, name: Literal["gpt2"], *, seed: int = 0, layers: int = 12) -> Recipe: ...
    @overload
    @classmethod
    def for_model(cls, name: Literal["megatron"], *, seed: int = 0, layers: int) -> Recipe: ...
    @overload
    @classmethod
    def for_model(
        cls,
        name: Literal["resnet"],
        *,
        seed: int = 0,
        layers: int = 50,
        names: Literal["keras", "torchvision"] = "torchvision",
    ) -> Recipe: ...
    @overload
    @classmethod
    def for_model(
        cls, name: Literal["keras-resnet50"], *, seed: int = 0, layers: int = 50
    ) -> Recipe: ...
    @overload
    @classmethod
    def for_model(cls, name: Literal["swin"], *, seed: int = 0, patch: int = 4) -> Recipe: ...
    @overload
    @classmethod
    def for_model(
        cls,
        name: Literal["clip"],
        *,
        seed: int = 0,
        layers: int = 12,
        text_layers: int = 12,
        width: int = 768,
    ) -> Recipe: ...
    @overload
    @classmethod
    def for_model(
        cls, name: Literal["t5"], *, seed: int = 0, width: int = 512, head_width: int = 64
    ) -> Recipe: ...
    @classmethod
    def for_model(cls, name: str, *, seed: int = 0, **numbers: Any) -> Recipe:
        """Return the published recipe of an architecture; its comments cite the source.

        Args:
            name: `"bert"`, `"clip"`, `"convnext"`, `"deepseek-v3"`, `"dinov2"`, `"efficientnet"`,
                `"gemma3"`, `"gpt2"`, `"keras"` (the defaults of Keras's layers), `"llama"`,
                `"mamba2"`, `"megatron"` (Llama's names, scaled to depth), `"mixtral"`, `"olmo2"`,
                `"qwen3"`, `"resnet"`, `"swin"`, `"t5"`, `"vit"` or `"whisper"`; or one of
                `model_specs`.
            seed: An integer in `[-2**127, 2**127)`.
            **numbers: The numbers of the model, such as `layers=12`; see `docs/recipes.md`.

        Raises:
            TypeError: If an argument has a wrong type.
            ValueError: If a name is unknown, or a number out of range.

        Examples:
            >>> Recipe.for_model("gpt2", layers=24).find("h.0.attn.c_proj.weight")
            2
        """
        from ._published import make_published

        return cls(seed=seed, **make_published(name, numbers))

    def with_seed(self, seed: int) -> Recipe:
        """Return this recipe with another seed."""
        return Recipe(
            self.rules,
            seed=seed,
            dtype=self.dtype,
            convention=self.convention,
            comment=self.comment,
        )

    def find(self, name: str) -> int | None:
        """Return the position in `rules` of the first rule that matches a name, or None."""
        return _coverage.find(self.rules, name)

    def choose(self, name: str, shape: Shape, convention: Convention | None = None) -> Rule:
        """Return the rule of a weight, fitted to its shape. The adapters call it.

        Args:
            name: The weight's name.
            shape: Its shape.
            convention: The convention of the model, used if the recipe does not state one.

        Raises:
            ValueError: If no rule matches, or the values depend on a convention that is unknown.
        """
        rule = ResolvedRules(self, self.seed).choose(
            name, tuple(shape), check_convention(convention)
        )
        assert rule is not None
        return rule

    def weight(self, name: str, spec: Any, convention: Convention | None = None) -> Weight:
        """Return the initialization of one weight, with the seed that belongs to its name.

        Args:
            name: The weight's name.
            spec: A `Spec`, a shape, or any object with `shape` and `dtype`.
            convention: The weight's convention, if neither the recipe nor `spec` states it.

        Raises:
            TypeError: If an argument has a wrong type.
            ValueError: If no rule matches the weight, or the rule does not fit the shape.
        """
        known = self._read({name: spec}, convention)[name]
        rule = self.choose(name, known.shape, known.convention)
        place = self.find(name)
        assert place is not None
        dtype = self._choose_dtype(self.rules[place], known.dtype)
        return make_weight(rule, self.seed, name, known, dtype)

    def _read(self, specs: Any, convention: Convention | None) -> dict[str, Spec]:
        """Return the specs of a model, in the convention that the caller states."""
        found = read_specs(specs)
        if check_convention(convention) is None:
            return found
        if self.convention not in (None, convention):
            raise ValueError(
                f"`convention` must be the recipe's, {self.convention!r}, received: {convention!r}"
            )
        return {name: replace(spec, convention=convention) for name, spec in found.items()}

    def _choose_dtype(self, rule: Rule, given: str | None) -> str:
        is_float = given is None or look_up(given).kind == "f"
        return rule.dtype or (self.dtype if is_float else None) or given or "float32"

    def plan(
        self, specs: SpecsLike, convention: Convention | None = None, partial: bool = False
    ) -> Plan:
        """Return which rule applies to which weight of a model.

        Args:
            specs: The model, as `read_specs` reads it: shapes by name, a file, a model, a tree.
            convention: The convention of the weights, if the recipe does not state it; None: as
                `specs` says.
            partial: Whether `specs` is part of a model, such as a pipeline stage: rules may then
                match no weight.

        Raises:
            TypeError: If an argument has a wrong type.
            ValueError: If no rule matches a weight, a rule has no values for its weight, a rule
                that is not optional matches no weight, or values depend on an unknown convention.

        Examples:
            >>> print(Recipe({"*": "zeros"}, seed=1).plan({"a.0": (2, 3), "a.1": (2, 3)}))
               weights  shape  dtype    number  elements
            ────────────────────────────────────────────
            1. * → Zeros()
               a.{0-1}  2 × 3  float32       2        12
            ────────────────────────────────────────────
            2 weights, 12 elements, 48 bytes
        """
        return make_plan(self, self._read(specs, convention), partial)

    def init(
        self,
        specs: SpecsLike,
        convention: Convention | None = None,
        partial: bool = False,
        *,
        progress: bool | Progress = False,
    ) -> dict[str, Array]:
        """Return the first values of all weights of a model, in new arrays.

        Args:
            specs: As for `plan`.
            convention: As for `plan`.
            partial: As for `plan`.
            progress: True for a line on standard error that counts the bytes; or a function that
                is called as `progress(done, total)` with numbers of bytes after each weight.

        Raises:
            TypeError: As `plan`, or if `progress` is neither a bool nor a function.
            ValueError: As `plan`. Nothing has been made then.
            MemoryError: If there is no memory for the result.

        Examples:
            >>> recipe = Recipe({"*": "he_normal"}, seed=1, convention="keras")
            >>> recipe.init({"kernel": (2, 3)})["kernel"].shape
            (2, 3)
        """
        tell = choose_progress(progress)
        plan = self.plan(specs, convention, partial)
        total, done, made = plan.nbytes, 0, {}
        for name, weight in plan.weights.items():
            made[name] = weight.make()
            done += weight.nbytes
            if tell is not None:
                tell(done, total)
        return made

    def to_toml(self) -> str:
        """Return the recipe as TOML, with each comment above its subject.

        Raises:
            ValueError: If a registered initializer has a null in its configuration.
        """
        return _text.write_toml(self)

    def to_json(self, indent: int | None = None) -> str:
        """Return the recipe as JSON, on one line or indented by `indent` spaces."""
        return _text.write_json(self, indent)

    @classmethod
    def from_toml(cls, text: str) -> Recipe:
        """Return a recipe from TOML.

        Raises:
            TypeError: If `text` is not a string.
            ValueError: If it is malformed, or not a recipe; the message names the place.
        """
        return cls._from_text(text, _text.read_toml)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Return a recipe from JSON.

        Raises:
            TypeError: If `text` is not a string.
            ValueError: If it is malformed, or not a recipe; the message names the place.
        """
        return cls._from_text(text, _text.read_json)

    @classmethod
    def _from_text(cls, text: object, read: Callable[[str], dict[str, Any]]) -> Recipe:
        if not isinstance(text, str):
            raise TypeError(f"`text` must be a string, received: {show(text)}")
        arguments = read(text)
        try:
            return cls(**arguments)
        except TypeError as error:  # a wrong type in a file is a wrong value of the text
            raise ValueError(str(error)) from None

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Recipe:
        """Return the recipe of a `.toml` or `.json` file.

        Raises:
            ValueError: If the file has another suffix or is no recipe; the message names the place.
            OSError: If it cannot be read.
        """
        file = check_path("path", path)
        read = cls.from_toml if _check_suffix(file) == ".toml" else cls.from_json
        try:
            return read(file.read_text(encoding="utf-8-sig"))
        except ValueError as error:
            raise ValueError(f"{str(file)!r}: {error}") from None

    def save(self, path: str | PathLike[str]) -> None:
        """Write the recipe to a `.toml` or `.json` file.

        Raises:
            ValueError: If the file has another suffix.
            OSError: If it cannot be written.
        """
        file = check_path("path", path)
        is_toml = _check_suffix(file) == ".toml"
        text = self.to_toml() if is_toml else self.to_json(indent=2) + "\n"
        file.write_text(text, encoding="utf-8", newline="\n")

    def _identity(self) -> tuple[Any, ...]:
        return self.seed, self.dtype, self.convention, self.rules

    # Recipes are equal if they give every weight the same values. Comments do not count.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recipe) and self._identity() == other._identity()

    __hash__ = None  # type: ignore[assignment]  # rules are not hashable

    def _repr_html_(self) -> str:
        return preformatted(self.to_toml())

    def __repr__(self) -> str:
        arguments = {"seed": self.seed, "dtype": self.dtype, "convention": self.convention}
        given = (f"{name}={value!r}" for name, value in arguments.items() if value is not None)
        return f"Recipe([{', '.join(map(repr, self.rules))}], {', '.join(given)})"


def _check_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in (".toml", ".json"):
        raise ValueError(f"`path` must end in .toml or .json, received: {str(path)!r}")
    return suffix
