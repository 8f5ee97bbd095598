"""Wrong parameters and seeds are errors that name the argument; no generator moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import initializers
from cases import INF
from initializers import (
    S4D,
    HeNormal,
    Hippo,
    Identity,
    LogOfUniform,
    LstmBias,
    RandomNormal,
    RandomUniform,
    RingRadius,
    Rotary,
    SeedGenerator,
    Sinusoidal,
    TimeStepBias,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
    calculate_gain,
    compute_fans,
    fold_in,
)

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (NAN, ValueError),
        (INF, ValueError),
        (-INF, ValueError),
        (10**400, ValueError),
        (np.float16("inf"), ValueError),
        ("1", TypeError),
        (b"1", TypeError),
        (None, TypeError),
        (1j, TypeError),
        (np.complex64(1), TypeError),
        ([1.0], TypeError),
        (np.ones(1), TypeError),
        (np.array("1"), TypeError),
        (np.datetime64(1, "s"), TypeError),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("cls", "argument"),
    [
        (RandomNormal, "mean"),
        (RandomNormal, "stddev"),
        (TruncatedNormal, "mean"),
        (TruncatedNormal, "stddev"),
        (RandomUniform, "minval"),
        (RandomUniform, "maxval"),
        (VarianceScaling, "scale"),
        (Identity, "gain"),
        (TimeStepBias, "dt_min"),
        (TimeStepBias, "dt_max"),
        (TimeStepBias, "dt_floor"),
        (LogOfUniform, "minval"),
        (LogOfUniform, "maxval"),
        (RingRadius, "min_radius"),
        (RingRadius, "max_radius"),
        (LstmBias, "forget"),
        (Sinusoidal, "base"),
        (Rotary, "base"),
    ],
)
def test_parameters_must_be_finite_numbers(cls: Any, argument: str, value: Any, error: Any) -> None:
    with pytest.raises(error, match=f"`{argument}` must be a finite number.*, received: "):
        cls(**{argument: value})


@pytest.mark.parametrize(
    ("cls", "arguments", "text"),
    [
        (
            RandomNormal,
            {"stddev": -1e-9},
            "`stddev` must be a finite number >= 0, received: -1e-09",
        ),
        (TruncatedNormal, {"stddev": -1}, "`stddev` must be a finite number >= 0, received: -1"),
        (RandomUniform, {"minval": 1, "maxval": 0}, "`maxval` .* >= `minval` = 1.0, received: 0"),
        (VarianceScaling, {"scale": 0}, "`scale` must be a finite number > 0, received: 0"),
        (VarianceScaling, {"scale": -1.0}, "`scale` must be a finite number > 0, received: -1"),
        (VarianceScaling, {"mode": "fan_inn"}, r"received: 'fan_inn' \(did you mean 'fan_in'\?\)"),
        (VarianceScaling, {"distribution": "norm"}, "`distribution` must be one of .*'norm'"),
        (
            TruncatedNormal,
            {"bounds": (2, 2)},
            r"`bounds` must be two numbers lower < upper.*\(2, 2",
        ),
        (TruncatedNormal, {"bounds": (0, NAN)}, r"`bounds` .* lower < upper.*, received: \(0, nan"),
        (TruncatedNormal, {"bounds": (37, INF)}, r"`bounds` must include numbers between -37 and"),
        (TruncatedNormal, {"bounds": (-INF, -37)}, r"`bounds` must include .*, received: \(-inf"),
        (TimeStepBias, {"dt_min": 0}, r"`dt_min` .* in \[1e-300, 1e300\], received: 0"),
        (TimeStepBias, {"dt_max": 1e-4}, "`dt_max` .* <= 1e300 and >= `dt_min` = 0.001, received:"),
        (TimeStepBias, {"dt_floor": -1}, "`dt_floor` must be a finite number >= 0, received: -1"),
        (LogOfUniform, {"minval": -1}, "`minval` must be a finite number >= 0, received: -1"),
        (LogOfUniform, {"maxval": 0.5}, "`maxval` .* >= 1e-250 and >= `minval` = 1.0, received:"),
        (LogOfUniform, {"minval": 0, "maxval": 0}, "`maxval` .* >= 1e-250 and .*, received: 0"),
        (RingRadius, {"min_radius": 1.5}, r"`min_radius` .* in \[0, 1\], received: 1.5"),
        (RingRadius, {"max_radius": 0}, r"`max_radius` .* in \[1e-100, 1\] and .*, received: 0"),
        (
            RingRadius,
            {"min_radius": 0.5, "max_radius": 0.4},
            ">= `min_radius` = 0.5, received: 0.4",
        ),
        (LstmBias, {"gates": "igo"}, "`gates` must be four different .*, received: 'igo'"),
        (LstmBias, {"gates": "iifo"}, "`gates` must be four different .*, received: 'iifo'"),
        (LstmBias, {"gates": "IFGO"}, "`gates` must be four different .*, received: 'IFGO'"),
        (LstmBias, {"gates": "iago"}, "one of them 'f', such as 'ifgo', received: 'iago'"),
        (S4D, {"part": "log"}, "`part` must be one of 'log_real', 'real', 'imaginary', received:"),
        (Hippo, {"part": "C"}, "`part` must be one of 'A', 'B', received: 'C'"),
        (Sinusoidal, {"base": 0.5}, r"`base` .* in \[1, 1e300\], received: 0.5"),
        (Rotary, {"part": "tan"}, "`part` must be one of 'frequencies', 'cos', 'sin', received:"),
    ],
)
def test_parameters_out_of_range_are_refused(
    cls: Any, arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        cls(**arguments)


@pytest.mark.parametrize(
    ("cls", "arguments", "text"),
    [
        (VarianceScaling, {"mode": None}, "`mode` must be one of 'fan_in', .*, received: None"),
        (VarianceScaling, {"distribution": 3}, "`distribution` must be one of .*, received: 3"),
        (VarianceScaling, {"distribution": np.ones(2)}, "`distribution` must be .*: an array of"),
        (TruncatedNormal, {"bounds": 2}, "`bounds` must be two numbers .*, received: 2"),
        (TruncatedNormal, {"bounds": (1, 2, 3)}, "`bounds` must be two numbers .*, received"),
        (TruncatedNormal, {"bounds": ("0", 1)}, "`bounds` must be two numbers .*, received: '0'"),
        (HeNormal, {"input_axes": 0, "output_axes": [1]}, "`input_axes` must be a list of differ"),
        (HeNormal, {"input_axes": [0], "output_axes": [1.0]}, "`output_axes` .*, received: .1.0"),
        (HeNormal, {"input_axes": "0", "output_axes": [1]}, "`input_axes` .*, received: '0'"),
        (RingRadius, {"softplus": 1}, "`softplus` must be a bool, received: 1"),
        (LstmBias, {"gates": None}, "`gates` must be four different .*, received: None"),
        (Sinusoidal, {"interleaved": "no"}, "`interleaved` must be a bool, received: 'no'"),
        (Sinusoidal, {"endpoint": None}, "`endpoint` must be a bool, received: None"),
        (Rotary, {"interleaved": 0}, "`interleaved` must be a bool, received: 0"),
        (Hippo, {"part": None}, "`part` must be one of 'A', 'B', received: None"),
    ],
)
def test_parameters_of_another_type_are_refused(
    cls: Any, arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises(TypeError, match=text):
        cls(**arguments)


def test_bad_axes_are_refused() -> None:
    for axes in ({"input_axes": [0]}, {"output_axes": [0]}):
        with pytest.raises(ValueError, match="`input_axes` and `output_axes` must be given togeth"):
            HeNormal(**axes)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"must be given together, received: .*None"):
            compute_fans((2, 3), **axes)
    with pytest.raises(ValueError, match=r"`input_axes` .* different .*, received: \[0, 0\]"):
        HeNormal(input_axes=[0, 0], output_axes=[1])
    generator = SeedGenerator(1)
    with pytest.raises(ValueError, match=r"`input_axes` must name axes of .*, received: 2 in \[2"):
        HeNormal(generator, [2], [1])((3, 4))
    with pytest.raises(ValueError, match=r"`output_axes` must name axes of .*, received: -3 in"):
        HeNormal(generator, [0], [-3])((3, 4))
    with pytest.raises(ValueError, match=r"`output_axes` must name different axes .*\[1, -1\]"):
        HeNormal(generator, [0], [1, -1])((3, 4))
    assert generator.counter == 0


@pytest.mark.parametrize(
    ("make", "dtype", "received"),
    [
        (lambda seed: RandomNormal(stddev=9900.0, seed=seed), "float16", "stddev=9900"),
        (lambda seed: RandomNormal(mean=500.0, seed=seed), "float8_e4m3fn", "mean=500"),
        (lambda seed: RandomNormal(stddev=1e38, seed=seed), "float32", "stddev=1e.38"),
        (lambda seed: RandomNormal(stddev=1e308, seed=seed), "float64", "stddev=1e.308"),
        (lambda seed: TruncatedNormal(stddev=4e4, seed=seed), "float16", "stddev=40000"),
        (lambda seed: RandomUniform(0, 1e5, seed=seed), "float16", "maxval=100000"),
        (lambda seed: RandomUniform(-3e38, 3e38, seed=seed), "float32", "minval=-3e"),
        (lambda seed: RandomUniform(-1e308, 1e308, seed=seed), "float64", "minval=-1e"),
        (lambda seed: VarianceScaling(1e300, seed=seed), "bfloat16", "scale=1e.300"),
    ],
)
def test_values_that_overflow_the_dtype_are_refused(make: Any, dtype: str, received: str) -> None:
    generator = SeedGenerator(1)
    for shape in ((3, 3), (0, 3)):
        for seed in (1, generator):
            out = np.zeros(shape, Zeros()((), dtype).dtype)
            with pytest.raises(ValueError, match=f"{received}.* cannot fill {dtype}: .*, received"):
                make(seed)(shape, out=out)
            assert not out.astype(float).any()
    assert generator.counter == 0


@pytest.mark.parametrize(
    ("seed", "error"),
    [
        (1.0, TypeError),
        (np.float64(1), TypeError),
        ("1", TypeError),
        (b"1", TypeError),
        ([1], TypeError),
        (np.array([1]), TypeError),
        (1j, TypeError),
        (2**127, ValueError),
        (-(2**127) - 1, ValueError),
        (10**5000, ValueError),
        (np.random.default_rng(), TypeError),
        ({}, ValueError),
        ({"class_name": "HeNormal", "config": {}}, ValueError),
        ({"class_name": "SeedGenerator"}, ValueError),
        ({"class_name": "SeedGenerator", "config": {"sead": 1}}, ValueError),
        ({"class_name": "SeedGenerator", "config": {"seed": 1.0}}, TypeError),
        ({"class_name": "SeedGenerator", "config": {}, "registered_name": "a>b"}, ValueError),
    ],
    ids=lambda value: str(value)[:20] if not isinstance(value, int) else "integer",
)
def test_bad_seeds_are_refused(seed: Any, error: type[Exception]) -> None:
    for cls in (RandomNormal, HeNormal):
        with pytest.raises(error, match=r"`(seed|config)`.* must (be|have) .*received: "):
            cls(seed=seed)
    if not isinstance(seed, dict):
        with pytest.raises(error, match=r"`seed` must be an integer in .*, received: "):
            SeedGenerator(seed)
        with pytest.raises(error, match=r"`seed` must be an integer in .*, received: "):
            fold_in(seed, "name")


def test_bad_arguments_of_functions_are_refused() -> None:
    with pytest.raises(TypeError, match=r"`seed` must be .*, received: None"):
        HeNormal().with_seed(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`name` must be a string or None, received: 3"):
        SeedGenerator(1, 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`path` must have at least one part"):
        fold_in(1)
    for part in (1.0, None, b"a", np.float64(1)):
        with pytest.raises(
            TypeError, match="`path` must consist of strings and integers, received: "
        ):
            fold_in(1, "a", part)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"an integer in `path` must be .*, received: 17014"):
        fold_in(1, 2**127)
    with pytest.raises(ValueError, match=r"`path` must be Unicode text, received: '\\ud800'"):
        fold_in(1, "\ud800")
    with pytest.raises(ValueError, match=r"'relu6' \(did you mean 'relu'\?\)"):
        calculate_gain("relu6")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`param` must be a finite number, received: '1'"):
        calculate_gain("leaky_relu", "1")  # type: ignore[arg-type]
    for flag in (True, np.True_, np.array(True)):
        with pytest.raises(TypeError, match="`param` must be a finite number, received: "):
            calculate_gain("leaky_relu", flag)  # type: ignore[arg-type]
    for threads, error in (
        (0, ValueError),
        (1025, ValueError),
        (2.0, TypeError),
        (True, TypeError),
    ):
        before = initializers.get_num_threads()
        with pytest.raises(error, match="`n` must be an integer from 1 to 1024, received: "):
            initializers.set_num_threads(threads)  # type: ignore[arg-type]
        assert initializers.get_num_threads() == before
