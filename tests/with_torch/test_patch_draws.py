"""Draws of torch inside `patch`: our values where they are covered, else one warning."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from test_init import bits, empty
from torch import nn

import initializers.torch as ours
from initializers import RandomNormal, RandomUniform, SeedGenerator
from initializers.torch import patch


def test_functions_that_create_tensors_give_our_values() -> None:
    normal, uniform = functools.partial(RandomNormal, 0, 1), functools.partial(RandomUniform, 0, 1)
    like = torch.zeros(3, 4, dtype=torch.float64)
    out = torch.zeros(5)
    calls: list[tuple[Any, tuple[int, ...], str, Any]] = [
        (lambda: torch.randn(3, 4), (3, 4), "float32", normal),
        (lambda: torch.randn((3, 4), dtype=torch.bfloat16), (3, 4), "bfloat16", normal),
        (lambda: torch.randn(size=[3], device="cpu"), (3,), "float32", normal),
        (lambda: torch.randn(()), (), "float32", normal),
        (lambda: torch.randn(5, out=out), (5,), "float32", normal),
        (lambda: torch.randn_like(like), (3, 4), "float64", normal),
        (lambda: torch.randn_like(like, dtype=torch.float16), (3, 4), "float16", normal),
        (lambda: nn.Parameter(torch.randn(7)), (7,), "float32", normal),
        (lambda: torch.normal(0.0, 1.0, (2, 3)), (2, 3), "float32", normal),
        (lambda: torch.rand(3, 4), (3, 4), "float32", uniform),
        (lambda: torch.rand(3, requires_grad=True), (3,), "float32", uniform),
        (lambda: torch.rand([2], generator=None), (2,), "float32", uniform),
        (lambda: torch.rand_like(like), (3, 4), "float64", uniform),
        (lambda: torch.rand_like(like.t()), (4, 3), "float64", uniform),
    ]
    counter = SeedGenerator(3)
    with patch(3):
        for make, shape, dtype, law in calls:
            tensor = make()
            assert bits(tensor) == law(counter)(shape, dtype).tobytes(), (shape, dtype)
        assert torch.rand(3, requires_grad=True).requires_grad
        assert torch.randn(5, out=out) is out
        with torch.device("meta"):
            assert torch.randn(3).is_meta
        assert torch.randn_like(like, device="meta").is_meta
    with torch.device("meta"), patch(3):
        assert torch.randn(3).is_meta
        assert bits(torch.randn(3, device="cpu")) == RandomNormal(0, 1, 3)((3,)).tobytes()


def test_normal_accepts_tensors_of_parameters() -> None:
    mean, std = torch.tensor([[0.5], [-2.0]]), torch.tensor([0.1, 1.0, 3.0])

    def expect(shape: tuple[int, ...], dtype: str = "float32") -> Any:
        return torch.from_numpy(RandomNormal(0, 1, counter)(shape, dtype))

    counter = SeedGenerator(3)
    with patch(3):
        assert torch.equal(torch.normal(mean, std), expect((2, 3)) * std + mean)
        assert torch.equal(torch.normal(mean, 0.5), expect((2, 1)) * 0.5 + mean)
        assert torch.equal(torch.normal(mean), expect((2, 1)) + mean)
        assert torch.equal(torch.normal(2.0, std), expect((3,)) * std + 2.0)
        assert torch.equal(torch.normal(mean=2.0, std=std), expect((3,)) * std + 2.0)
        wide = mean.double()
        assert torch.equal(torch.normal(wide, std), expect((2, 3), "float64") * std + wide)
        alias = std.clone()
        returned = torch.normal(mean[0], alias, out=alias)
        assert returned is alias
        assert torch.equal(alias, expect((3,)) * std + mean[0])
        expected = bits(ours.normal_(empty(4), 2.0, 3.0, seed=counter))
        assert bits(torch.normal(2.0, 3.0, size=(4,))) == expected
        assert bits(torch.normal(2.0, 3.0, (4,), out=empty(4))) != expected
        counter.next()
        assert torch.normal(mean.to("meta"), std.to("meta")).shape == (2, 3)
        # Sampling from a distribution, as in transformers' resize_token_embeddings.
        sample = torch.distributions.Normal(mean, std).sample()
        assert torch.equal(sample, expect((2, 3)) * std + mean)
        with pytest.raises(ValueError, match=r"`std` must be >= 0 everywhere, received: -1\.0"):
            torch.normal(mean, -torch.ones(3))
        with pytest.raises(ValueError, match="`std` must be a finite number >= 0"):
            torch.normal(0.0, -1.0, (3,))
        with pytest.raises(TypeError, match="invalid combination of arguments"):
            torch.normal(0.0, 1.0)


def test_complex_values_have_variance_one() -> None:
    with patch(3):
        normal, uniform = (make(10**5, dtype=torch.complex64) for make in (torch.randn, torch.rand))
    counter = SeedGenerator(3)
    parts = RandomNormal(0, np.sqrt(0.5), counter)((10**5, 2)).tobytes()
    assert bits(torch.view_as_real(normal)) == parts
    assert bits(torch.view_as_real(uniform)) == RandomUniform(0, 1, counter)((10**5, 2)).tobytes()
    assert abs(normal.abs().square().mean().item() - 1) < 0.03


def test_a_given_generator_stays_torchs_own() -> None:
    def draw() -> list[bytes]:
        generator = torch.Generator().manual_seed(1)
        return [
            bits(torch.randn(4, generator=generator)),
            bits(torch.rand_like(empty(4), generator=generator)),
            bits(torch.normal(0.0, torch.ones(3), generator=generator)),
            bits(torch.randperm(5, generator=generator).double()),
        ]

    expected = draw()
    with warnings.catch_warnings(), patch(3):
        warnings.simplefilter("error")
        assert draw() == expected
        assert bits(torch.randn(3)) == RandomNormal(0, 1, 3)((3,)).tobytes()


OTHERS = {
    "Tensor.bernoulli": lambda: torch.ones(2).bernoulli(),
    "Tensor.bernoulli_": lambda: empty(2).bernoulli_(0.5),
    "Tensor.cauchy_": lambda: empty(2).cauchy_(),
    "Tensor.exponential_": lambda: torch.distributions.Exponential(torch.ones(2)).sample(),
    "Tensor.geometric_": lambda: empty(2).geometric_(0.5),
    "Tensor.log_normal_": lambda: empty(2).log_normal_(),
    "Tensor.multinomial": lambda: torch.ones(2).multinomial(1),
    "Tensor.random_": lambda: empty(2).random_(),
    "torch._sample_dirichlet": lambda: torch.distributions.Dirichlet(torch.ones(2)).sample(),
    "torch._standard_gamma": lambda: torch.distributions.Gamma(torch.ones(2), 1.0).sample(),
    "torch.bernoulli": lambda: torch.distributions.Bernoulli(torch.ones(2)).sample(),
    "torch.binomial": lambda: torch.binomial(torch.ones(2), torch.ones(2)),
    "torch.multinomial": lambda: torch.distributions.Categorical(torch.ones(2)).sample(),
    "torch.poisson": lambda: torch.distributions.Poisson(torch.ones(2)).sample(),
    "torch.randint": lambda: torch.randint(3, (2,)),
    "torch.randint_like": lambda: torch.randint_like(empty(2), 3),
    "torch.randperm": lambda: torch.randperm(3),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_draws_warn_once(name: str) -> None:
    torch.manual_seed(1)
    expected = OTHERS[name]()
    torch.manual_seed(1)
    with warnings.catch_warnings(record=True) as caught, patch(3):
        warnings.simplefilter("always")
        assert torch.equal(OTHERS[name](), expected)
        OTHERS[name]()
    assert [str(warning.message) for warning in caught] == [
        f"{name}: drawn from torch's generator inside patch"
    ]
    with pytest.warns(UserWarning, match="drawn from torch's generator"), patch(3):
        OTHERS[name]()  # one warning for each `with`


def test_a_warning_points_to_the_caller() -> None:
    with pytest.warns(UserWarning, match="randperm") as caught, patch(3), torch.device("cpu"):
        torch.randperm(3)
    assert caught[0].filename == __file__


def test_draws_without_values_or_of_layers_do_not_warn() -> None:
    with patch(3):
        torch.empty(3, device="meta").exponential_()
        nn.Dropout()(torch.ones(3))
        nn.functional.rrelu(torch.ones(3), training=True)
        nn.functional.scaled_dot_product_attention(*torch.ones(3, 1, 2, 2), dropout_p=0.5)


def test_every_random_operator_is_known() -> None:
    """Every drawing operator of torch is covered, warned of, or part of a layer's forward pass."""
    draws = set()
    for name in dir(torch.ops.aten):
        packet = getattr(torch.ops.aten, name)
        for overload in getattr(packet, "overloads", list)():
            if torch.Tag.nondeterministic_seeded in getattr(packet, overload).tags:
                draws.add(name)
    covered = {"normal", "normal_", "rand", "rand_like", "randn", "randn_like", "uniform_"}
    warned = {name.split(".")[1] for name in OTHERS}
    layers = ("dropout", "attention", "rnn", "rrelu", "lstm", "gru")
    forward = {name for name in draws if any(layer in name for layer in layers)}
    # Operators of graphs: no Python code calls them by a name of torch or of Tensor.
    functional = {name for name in draws if not hasattr(torch, name) and not name.endswith("_")}
    assert draws - covered - warned - forward - functional == set()
    assert covered <= draws


def test_compiled_and_vectorized_draws_are_torchs() -> None:
    compiled = torch.compile(lambda x: x + torch.randn(3), backend="eager")
    calls: list[Any] = [
        lambda: compiled(torch.zeros(3)),
        lambda: torch.func.vmap(lambda x: x + torch.randn(3), randomness="different")(
            torch.zeros(2, 3)
        ),
    ]
    for call in calls:
        with pytest.warns(UserWarning, match=r"torch\.randn: drawn from torch's"), patch(3):
            first = call()
        with pytest.warns(UserWarning, match=r"torch\.randn: drawn from torch's"), patch(3):
            assert not torch.equal(call(), first)
