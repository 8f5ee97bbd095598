"""The kernels for GPUs in Triton's interpreter, on CPU tensors: their values equal the core's.

`test_gpu.py` runs it in a new process with TRITON_INTERPRET=1, which Triton reads when the kernels
are created. `_launch.DEVICES` sends CPU tensors to the kernels; nothing else is replaced. The test
proves nothing about the code that a compiler makes of the kernels.

The file has over 400 lines because Triton takes seconds to start in each process.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from numpy.typing import NDArray
from torch import nn

import reference
from initializers import (
    Constant,
    HeNormal,
    Initializer,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    SeedGenerator,
    TruncatedNormal,
    Zeros,
    _core,
)
from initializers._arguments.dtypes import FLOATS, look_up
from initializers._classes.base import ArrayInitializer
from initializers._filling import plan_fill
from initializers.torch import Rule, _launch, _triton, fill_, init_module_, trunc_normal_

INFINITY = float("inf")
SEED = 2**100 + 12345
DTYPES = {name: getattr(torch, name) for name in FLOATS}
LAWS = {
    "uniform": RandomUniform(-0.05, 0.3),
    "normal": RandomNormal(0.1, 0.3),
    "two_sigma": TruncatedNormal(0.1, 0.3),
    "across": TruncatedNormal(0.1, 0.3, bounds=(-1, 3)),
    "above": TruncatedNormal(0.1, 0.3, bounds=(8, 9)),
    "below": TruncatedNormal(0.1, 0.3, bounds=(-INFINITY, -0.5)),
    "unreached": TruncatedNormal(0.1, 0.3, bounds=(-9, INFINITY)),
}
EDGES = {
    "one value": RandomUniform(0.3, 0.3),
    "two values in bfloat16": RandomUniform(1, 1 + 2**-7),
    "up to zero": RandomUniform(-1, 0),
    "negative zero in float8": RandomUniform(-1e-9, 1e-9),
    "subnormal in float32": RandomUniform(-1e-41, 3e-41),
    "subnormal normals": RandomNormal(0, 1e-40),
    "no width": RandomNormal(-2, 0),
    "small for float8": RandomNormal(0, 0.002),
    "large for float8": RandomNormal(0, 60),
    "half": TruncatedNormal(0, 1, bounds=(0, INFINITY)),
    "far": TruncatedNormal(0, 1, bounds=(36, INFINITY)),
    "narrow": TruncatedNormal(-1, 0.5, bounds=(2, 2 + 2**-20)),
    "median outside": TruncatedNormal(0, 1, bounds=(-2, 0)),
}


@pytest.fixture(autouse=True)
def on_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Treat CPU tensors as a GPU's; ignore NumPy's warnings about values that a mask drops."""
    assert _triton.INTERPRETED
    monkeypatch.setattr(_launch, "DEVICES", {"cpu"})
    monkeypatch.setattr(_launch, "_broken", [])
    _launch._find_problem.cache_clear()
    with np.errstate(all="ignore"):
        yield


def fill(
    initializer: ArrayInitializer,
    dtype: str,
    shape: tuple[int, ...],
    start: tuple[int, ...] | None = None,
    extent: tuple[int, ...] | None = None,
) -> torch.Tensor:
    """Return a block made by a kernel alone."""
    start, extent = start or (0,) * len(shape), shape if extent is None else extent
    part = torch.empty(extent, dtype=DTYPES[dtype])
    plan = plan_fill(initializer.with_seed(SEED), shape, look_up(dtype))
    assert _launch.fill_on_device(plan, part, start)
    assert not _launch._broken
    return part


def assert_same(
    initializer: ArrayInitializer,
    dtype: str,
    shape: tuple[int, ...],
    start: tuple[int, ...] | None = None,
    extent: tuple[int, ...] | None = None,
) -> None:
    got = fill(initializer, dtype, shape, start, extent)
    index = None
    if start is not None and extent is not None:
        index = tuple(slice(low, low + size) for low, size in zip(start, extent, strict=True))
    expected = initializer.with_seed(SEED)(shape, dtype, index=index)
    assert bits(got) == expected.tobytes()


def bits(tensor: torch.Tensor) -> bytes:
    return bytes(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("law", LAWS)
def test_every_law_equals_the_core(law: str, dtype: str) -> None:
    assert_same(LAWS[law], dtype, (20_003,))


@pytest.mark.parametrize(
    "dtype",
    [
        "float32",
        pytest.param("float64", marks=pytest.mark.long),
        pytest.param("bfloat16", marks=pytest.mark.long),
        pytest.param("float8_e4m3fn", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("edge", EDGES)
def test_extreme_parameters_equal_the_core(edge: str, dtype: str) -> None:
    assert_same(EDGES[edge], dtype, (2000,))


@pytest.mark.parametrize(
    ("law", "dtype"),
    [
        ("normal", "float32"),
        pytest.param("uniform", "bfloat16", marks=pytest.mark.long),
        pytest.param("two_sigma", "float64", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize(
    ("shape", "start", "extent"),
    [
        ((), None, None),
        ((1,), None, None),
        ((64,), None, None),
        ((4097,), (0,), (15,)),
        ((4097,), (63,), (2,)),
        ((4097,), (16,), (4081,)),
        ((300, 37), (11, 0), (200, 37)),  # rows: one run
        ((128, 256), (3, 64), (100, 128)),  # columns, stored in vectors
        ((99, 101), (5, 7), (83, 90)),  # columns, stored one by one
        ((500, 700), (0, 699), (500, 1)),  # one column
        ((7, 6, 5, 40), (1, 2, 0, 16), (5, 3, 5, 16)),
        ((2, 30_000), (0, 1), (2, 29_999)),
        ((3, 0, 5), None, None),
        ((2**35, 3), (2**34 + 5, 1), (70, 2)),  # beyond 2^34 elements
        ((2**40,), (2**37 + 32,), (4096,)),  # beyond 2^32 blocks
        ((2**62,), (2**62 - 2001,), (2001,)),
    ],
)
def test_blocks_equal_the_core(
    shape: tuple[int, ...],
    start: tuple[int, ...] | None,
    extent: tuple[int, ...] | None,
    law: str,
    dtype: str,
) -> None:
    assert_same(LAWS[law], dtype, shape, start, extent)


@pytest.mark.parametrize("lanes", [4, 128])
def test_the_number_of_lanes_changes_nothing(lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many programs, as a GPU runs them."""
    monkeypatch.setattr(_launch, "_LANES_INTERPRETED", lanes)
    assert_same(LAWS["normal"], "float32", (90 * lanes + 3,))
    assert_same(LAWS["normal"], "float64", (4, 40 * lanes), (1, 3), (2, 36 * lanes))


@triton.jit
def words_kernel(
    out, radii, angles, args, LAW: tl.constexpr, DTYPE: tl.constexpr, N: tl.constexpr
) -> None:
    """Apply a law to the given words."""
    at = tl.arange(0, N)
    one, other = _triton._values(
        tl.load(radii + at),
        tl.load(angles + at),
        _triton._parameters(args),
        LAW,
        DTYPE == "float64",
    )
    tl.store(out + at, _triton._bits(one, DTYPE))
    tl.store(out + N + at, _triton._bits(other, DTYPE))


def extreme_words(dtype: Any) -> NDArray[Any]:
    width = 8 * np.dtype(dtype).itemsize
    powers = [1 << shift for shift in range(width)]
    near = [(power + change) % (1 << width) for power in powers for change in range(-2, 3)]
    near += [(power * 3 + change) % (1 << width) for power in powers for change in range(-2, 3)]
    near += [(1 << width) - power for power in powers] + [(1 << width) - 129, (1 << width) - 128]
    return np.array(sorted(set(near)), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("law", LAWS)
def test_extreme_words_equal_the_reference(law: str, dtype: str) -> None:
    """Words that no seed within reach gives, against the reference in NumPy."""
    word = np.uint32 if dtype == "float32" else np.uint64
    found = extreme_words(word)
    n = 1 << (len(found) * 8 - 1).bit_length()
    radii = np.resize(found, n)
    angles = np.random.default_rng(1).permutation(radii)
    name, parameters = plan_fill(LAWS[law], (n,), look_up(dtype)).write.describe()  # type: ignore
    values = np.array([*parameters, *[0.0] * (7 - len(parameters))])
    places = [0] * _triton.PARAMETERS.value + values.view(np.int64).tolist()
    signed = np.int32 if dtype == "float32" else np.int64
    out = torch.empty(2 * n, dtype=torch.int32 if dtype == "float32" else torch.int64)
    args = torch.tensor(places, dtype=torch.int64)
    one, other = (torch.from_numpy(words) for words in (radii, angles))
    words_kernel[(1,)](out, one, other, args, name, dtype, n)

    compute = np.dtype(dtype).type
    mean, stddev = compute(parameters[0]), compute(parameters[1])
    if name == "uniform":
        both = [mean + stddev * reference.unit(words) for words in (radii, angles)]
        expected = np.minimum(np.concatenate(both), compute(parameters[2]))
    else:
        if name == "normal":
            z = np.concatenate(reference.radius_angle(radii, angles))
        else:
            words = np.concatenate([radii, angles])
            bounds = LAWS[law].bounds  # type: ignore[attr-defined]
            z = (
                reference.two_sigma(words)
                if name == "two_sigma"
                else reference.inversion(words, *map(float, bounds))
            )
        expected = mean + stddev * z.astype(compute)
    assert np.array_equal(out.numpy(), expected.view(signed))


@triton.jit
def rounding_kernel(out, x, DTYPE: tl.constexpr, N: tl.constexpr) -> None:
    at = tl.program_id(0) * N + tl.arange(0, N)
    tl.store(out + at, _triton._bits(tl.load(x + at), DTYPE).to(tl.int32))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float8_e4m3fn", "float8_e5m2"])
def test_rounding_equals_the_core(dtype: str) -> None:
    """Every exponent, and every midpoint between values of the dtype with its neighbors."""
    form = reference.DTYPES[dtype]
    values = np.arange(form.top, dtype=form.pattern).view(form.dtype).astype(np.float32)
    middles = ((values[1:].astype(np.float64) + values[:-1]) / 2).astype(np.float32)
    points = np.concatenate([values, middles]).view(np.uint32)
    points = np.concatenate([points, points + 1, points - 1]).view(np.float32)
    points = points[np.isfinite(points) & (points >= 0)]
    points = np.concatenate([points, -points])
    n = 1 << 16
    x = torch.from_numpy(np.resize(points, -(-len(points) // n) * n))
    out = torch.empty(len(x), dtype=torch.int32)
    rounding_kernel[(len(x) // n,)](out, x, dtype, n)
    expected = reference.rounded(dtype, x.numpy()).view(form.pattern)
    assert np.array_equal(out.numpy(), expected.astype(np.int32))


def host(initializer: Any, tensor: torch.Tensor, seed: int = SEED) -> torch.Tensor:
    """Fill a tensor as on the CPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_launch, "DEVICES", set())
        return fill_(tensor, initializer, seed)


def test_memory_with_gaps_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_launch, "_PIECE", 50)
    for make in (
        lambda: torch.zeros(40, 30).t(),
        lambda: torch.zeros(60, 40)[::2, 5:25],
        lambda: torch.zeros(4, 6, 3, 5).to(memory_format=torch.channels_last),
    ):
        assert torch.equal(fill_(make(), HeNormal(), SEED), host(HeNormal(), make()))


@pytest.mark.parametrize("dtype", [*DTYPES.values(), torch.int64, torch.bool, torch.complex128])
def test_constants_are_filled(dtype: torch.dtype) -> None:
    for initializer in (Zeros(), Constant(1), Constant([1, 0, 1])):
        part = torch.full((3, 3), 1).to(dtype).t()
        assert bits(fill_(part, initializer)) == bits(host(initializer, part.clone()))


def test_a_constant_keeps_all_its_bits() -> None:
    for value, dtype in ((float("nan"), torch.float8_e5m2), (-0.0, torch.bfloat16)):
        part = torch.empty(3, dtype=dtype)
        assert bits(fill_(part, Constant(value))) == bits(host(Constant(value), part.clone()))


def model(device: str) -> nn.Module:
    with torch.device(device):
        return nn.Sequential(
            nn.Embedding(20, 12, padding_idx=3),
            nn.Linear(12, 8),
            nn.Linear(8, 8, dtype=torch.bfloat16),
        )


def test_a_module_equals_the_same_on_the_host() -> None:
    rules = {
        "*.bias": "zeros",
        "1.weight": Rule("he_normal", permute=(1, 0)),
        "2.weight": Orthogonal(),
        "*": RandomNormal(),
    }
    made = init_module_(model("meta"), rules, SEED, device="cpu").state_dict()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_launch, "DEVICES", set())
        expected = init_module_(model("cpu"), rules, SEED).state_dict()
    assert {name: bits(part) for name, part in made.items()} == {
        name: bits(part) for name, part in expected.items()
    }
    assert made["0.weight"][3].eq(0).all()


@pytest.mark.parametrize("dtype", DTYPES.values())
def test_absolute_bounds_are_kept(dtype: torch.dtype) -> None:
    for mean, std, a, b in ((0, 0.02, -2, 2), (0.3, 0.5, -0.7, 1.1), (0, 1, -2, 2), (1, 2, 0, 9)):
        made = trunc_normal_(torch.empty(2000, dtype=dtype), mean, std, a, b, seed=1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_launch, "DEVICES", set())
            expected = trunc_normal_(torch.empty(2000, dtype=dtype), mean, std, a, b, seed=1)
        assert bits(made) == bits(expected)


def test_autograd_sees_the_write() -> None:
    tensor = torch.zeros(5)
    version = tensor._version
    fill_(tensor, RandomNormal(), 1)
    assert tensor._version > version
    part = nn.Parameter(torch.zeros(5))
    assert fill_(part, RandomNormal(), 1).requires_grad


def test_a_fill_draws_once_from_a_generator() -> None:
    for initializer in (RandomNormal(seed=SeedGenerator(5)), Orthogonal(seed=SeedGenerator(5))):
        fill_(torch.empty(30, 30).t(), initializer)
        assert initializer.seed.counter == 1  # type: ignore[union-attr]


def test_streams_equal_the_core() -> None:
    generator = SeedGenerator(5)
    generator._counter = 2**33 + 7
    made = fill_(torch.empty(300), RandomNormal(seed=generator))
    expected = np.empty(300, np.float32)
    _core.fill_normal(expected, "float32", 5, 2**33 + 7, None, 0.0, 0.05)
    assert bits(made) == expected.tobytes()


def test_errors_equal_those_of_the_host() -> None:
    for initializer, dtype in (
        (RandomNormal(stddev=1e5), torch.float16),
        (RandomUniform(-500, 500), torch.float8_e4m3fn),
        (TruncatedNormal(stddev=1e5, bounds=(-1, 3)), torch.float16),
        (RandomNormal(), torch.int32),
    ):
        messages = []
        for run in (fill_, host):
            tensor = torch.zeros(4, dtype=dtype)
            with pytest.raises(ValueError) as caught:  # noqa: PT011
                run(initializer, tensor, 1) if run is host else run(tensor, initializer, 1)
            assert not tensor.to(torch.float32).any()
            messages.append(str(caught.value))
        assert messages[0] == messages[1]


class Foreign(Initializer):
    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return np.ones(shape, dtype)


def test_the_host_fills_where_no_kernel_exists() -> None:
    for initializer in (Orthogonal(seed=1), Foreign()):
        assert not _launch.fill_on_device(
            plan_fill(initializer, (4, 4), look_up(None)), torch.empty(4, 4), (0, 0)
        )
    assert fill_(torch.zeros(4, 4), Foreign()).all()


def assert_falls_back(words: str) -> None:
    with pytest.warns(RuntimeWarning, match=words):
        first = fill_(torch.zeros(300), RandomNormal(), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = fill_(torch.zeros(300), RandomNormal(), 1)  # the warning comes once
    expected = RandomNormal(seed=1)((300,)).tobytes()
    assert bits(first) == bits(second) == expected


def test_the_host_fills_without_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    assert_falls_back("on the host.*: Triton is not installed")


def test_the_host_fills_with_an_old_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton, "__version__", "2.9.1")
    assert_falls_back(r"Triton 2\.9\.1 is older than")


def test_the_host_fills_where_kernels_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __getitem__(self, grid: Any) -> Any:
            raise RuntimeError("no C compiler")

    monkeypatch.setattr(_triton, "fill_kernel", Broken())
    assert_falls_back("RuntimeError: no C compiler")
