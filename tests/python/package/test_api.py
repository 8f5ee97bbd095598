"""How initializers are called, and what calls return."""

from __future__ import annotations

import resource
import threading
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import initializers
from cases import (
    FLOATS,
    GIVEN,
    NUMBERS,
    ORTHOGONAL,
    PRESETS,
    RANDOM,
    SPARSE,
    numpy_dtype,
    same_bits,
)
from initializers import (
    STFT,
    Constant,
    HeNormal,
    Identity,
    Initializer,
    Ones,
    RandomNormal,
    RandomUniform,
    SeedGenerator,
    Zeros,
)
from initializers._classes.registry import BUILT_IN, CLASSES, to_snake_case
from interpreter import run_code

MATRICES = (*RANDOM, *GIVEN, *ORTHOGONAL, SPARSE, Identity())


def test_snake_case_names_are_the_classes() -> None:
    for cls in CLASSES:
        assert getattr(initializers, cls.__name__) is cls
        if cls is not Initializer:
            assert getattr(initializers, to_snake_case(cls.__name__)) is cls
    exported = {
        name: getattr(initializers, name)
        for name in initializers.__all__
        if isinstance(getattr(initializers, name), type)
    }
    for other in ("ArrayInitializer", "Inspection", "Preview", "SeedGenerator", "Recipe", "Rule"):
        del exported[other]
    assert exported.items() <= BUILT_IN.items()


def test_public_objects_name_their_public_module() -> None:
    for name in initializers.__all__:
        thing = getattr(initializers, name)
        assert getattr(thing, "__module__", "initializers") == "initializers"
    assert initializers.STREAM_VERSION == 1
    assert initializers.__version__


def test_every_public_object_has_a_docstring() -> None:
    for name in initializers.__all__:
        if callable(getattr(initializers, name)):
            assert getattr(initializers, name).__doc__


def test_recipes_are_loaded_on_first_use() -> None:
    program = (
        "import sys, initializers; assert 'Recipe' in dir(initializers); "
        "assert 'initializers.recipe' not in sys.modules and 'json' not in sys.modules; "
        "from initializers import Recipe, Rule; assert Recipe is initializers.recipe.Recipe; "
        "assert Rule is initializers.recipe.Rule"
    )
    result = run_code(program)
    assert result.returncode == 0, result.stderr
    with pytest.raises(AttributeError, match="module 'initializers' has no attribute 'Recipes'"):
        initializers.Recipes  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("name", ["checkpoint", "propagation", "recipe", "typing"])
def test_submodules_are_loaded_on_first_use(name: str) -> None:
    program = (
        f"import sys, initializers; assert {name!r} in dir(initializers); "
        f"assert 'initializers.{name}' not in sys.modules; "
        f"assert initializers.{name} is sys.modules['initializers.{name}']"
    )
    result = run_code(program)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("initializer", MATRICES, ids=repr)
def test_default_dtype_is_float32_and_arrays_are_new(initializer: Any) -> None:
    first, second = initializer((3, 4)), initializer((3, 4))
    assert first.dtype == np.float32
    assert type(first) is np.ndarray
    assert first.flags.carray
    assert first.flags.owndata
    assert same_bits(first, second)
    first[...] = 7
    assert same_bits(initializer((3, 4)), second)


@pytest.mark.parametrize(
    "shape",
    [
        [2, 3],
        (np.int64(2), np.uint8(3)),
        np.array([2, 3]),
        iter((2, 3)),
        range(2, 4),
        type("Size", (tuple,), {})((2, 3)),
    ],
    ids=lambda shape: type(shape).__name__,
)
def test_shapes_of_any_sequence_type(shape: Any) -> None:
    assert same_bits(HeNormal(seed=1)(shape), HeNormal(seed=1)((2, 3)))


@pytest.mark.parametrize("shape", [5, np.int16(5), np.array(5)])
def test_an_integer_is_a_shape(shape: Any) -> None:
    assert same_bits(HeNormal(seed=1)(shape), HeNormal(seed=1)((5,)))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("initializer", [*RANDOM, *GIVEN], ids=repr)
def test_rank_0_and_size_0(initializer: Any, dtype: str) -> None:
    empty = initializer((3, 0, 2), dtype)
    assert empty.shape == (3, 0, 2)
    assert empty.dtype == numpy_dtype(dtype)
    out = np.empty((3, 0, 2), numpy_dtype(dtype))
    assert initializer((3, 0, 2), out=out) is out
    if isinstance(initializer, Constant) and initializer._array.ndim:
        return
    scalar = initializer((), dtype)
    assert scalar.shape == ()
    assert same_bits(scalar, initializer((), dtype, index=()))
    out = np.empty((), numpy_dtype(dtype))
    assert initializer((), out=out) is out
    assert same_bits(out, scalar)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("initializer", MATRICES, ids=repr)
def test_out_is_filled_and_returned(initializer: Any, dtype: str) -> None:
    expected = initializer((3, 5), dtype)
    out = np.full((3, 5), 9).astype(expected.dtype)
    assert initializer((3, 5), out=out) is out
    assert same_bits(out, expected)
    out[...] = 9
    assert initializer((3, 5), dtype, out=out) is out
    assert same_bits(out, expected)


def test_out_may_be_part_of_an_array_or_a_file(tmp_path: Path) -> None:
    expected = HeNormal(seed=1)((3, 5))
    stack = np.zeros((4, 3, 5), np.float32)
    HeNormal(seed=1)((3, 5), out=stack[2])
    assert same_bits(stack[2].copy(), expected)
    assert not stack[[0, 1, 3]].any()
    file = np.memmap(tmp_path / "weights", np.float32, "w+", shape=(3, 5))
    assert HeNormal(seed=1)((3, 5), out=file) is file
    file.flush()
    assert (tmp_path / "weights").read_bytes() == expected.tobytes()
    low = np.memmap(tmp_path / "low", ml_dtypes.bfloat16, "w+", shape=(3, 5))
    assert same_bits(np.array(HeNormal(seed=1)((3, 5), out=low)), expected.astype(low.dtype))


def test_arguments_are_accepted_by_keyword() -> None:
    for initializer in (HeNormal(seed=1), Zeros(), Identity(), STFT()):
        shape = (3, 1, 3) if isinstance(initializer, STFT) else (3, 3)
        by_keyword = initializer(shape=shape, dtype="float32")
        assert same_bits(by_keyword, initializer(shape, "float32"))


def test_calls_do_not_change_an_instance() -> None:
    for initializer in (*MATRICES, STFT()):
        before = {name: getattr(initializer, name) for name in dir(initializer)}
        initializer((3, 1, 3) if isinstance(initializer, STFT) else (3, 3), "float16")
        assert dir(initializer) == list(before)
        assert vars(initializer).keys() <= before.keys()


def test_low_precision_is_the_float32_tensor_cast() -> None:
    for initializer in (RandomNormal(stddev=3.0, seed=1), HeNormal(seed=2)):
        exact = initializer((50, 7))
        for dtype in ("float16", *FLOATS[3:]):
            assert same_bits(initializer((50, 7), dtype), exact.astype(numpy_dtype(dtype)))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="tells the memory in use")
def test_new_zeros_touch_no_memory() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    before = resident()
    zeros = Zeros()((2**30,), "uint8")
    assert zeros[-1] == 0
    assert resident() - before < 2**26


@pytest.mark.parametrize("dtype", NUMBERS)
def test_constants_fill_every_dtype(dtype: str) -> None:
    assert same_bits(Zeros()((2, 3), dtype), np.zeros((2, 3), numpy_dtype(dtype)))
    assert same_bits(Ones()((2, 3), dtype), np.ones((2, 3), numpy_dtype(dtype)))
    assert same_bits(Identity()((2, 3), dtype), np.eye(2, 3).astype(numpy_dtype(dtype)))


def test_concurrent_calls_give_the_serial_result() -> None:
    expected = {preset: preset(seed=3)((200, 300)) for preset in PRESETS}
    results: list[bool] = []

    def fill() -> None:
        results.extend(same_bits(cls(seed=3)((200, 300)), expected[cls]) for cls in PRESETS)

    threads = [threading.Thread(target=fill) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8 * len(PRESETS)


def test_the_base_class_cannot_be_called() -> None:
    with pytest.raises(NotImplementedError, match="Initializer must implement `__call__`"):
        Initializer()((2, 2))


def test_with_seed_changes_only_the_seed() -> None:
    original = RandomUniform(0.0, 1.0, seed=1)
    copy = original.with_seed(2)
    assert (copy.seed, copy.minval, original.seed) == (2, 0.0, 1)
    assert copy == RandomUniform(0.0, 1.0, seed=2)
    generator = SeedGenerator(3)
    assert HeNormal().with_seed(generator).seed is generator
    for given in GIVEN:
        assert given.with_seed(1) is given
        with pytest.raises(TypeError, match="`seed` must be an integer in"):
            given.with_seed(1.0)  # type: ignore[arg-type]


def test_the_number_of_threads_is_set_and_read() -> None:
    before = initializers.get_num_threads()
    try:
        initializers.set_num_threads(3)
        assert initializers.get_num_threads() == 3
    finally:
        initializers.set_num_threads(before)


def test_import_is_light() -> None:
    program = (
        "import sys, numpy; known = set(sys.modules); import initializers; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - known})"
    )
    loaded = run_code(program).stdout.split()
    heavy = {"ml_dtypes", "scipy", "importlib", "hashlib", "random", "difflib", "inspect"}
    heavy |= {"keras", "torch", "jax", "tensorflow", "dataclasses"}
    assert not heavy & set(loaded)
