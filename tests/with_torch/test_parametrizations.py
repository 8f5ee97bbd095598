"""Weights that torch computes from others: they equal the plain layer's, or torch's own result."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Replicate
from torch.nn.utils import parametrizations, parametrize, prune
from torch.testing._internal.two_tensor import TwoTensor

from initializers import Recipe, checkpoint
from initializers.torch import fill_, init_module_, normal_, patch, uniform_, zeros_


def rules(name: str, shape: Any) -> str:
    return "zeros" if name.endswith("bias") else "he_normal"


def plain(make: Callable[[], nn.Module] = lambda: nn.Linear(6, 6)) -> nn.Module:
    return init_module_(make(), rules, 7)


def old(wrap: Any, module: nn.Module, *arguments: Any) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch deprecates them
        return wrap(module, *arguments)


def old_weight_norm(module: nn.Module) -> nn.Module:
    return old(nn.utils.weight_norm, module)


def old_spectral_norm(module: nn.Module) -> nn.Module:
    return old(nn.utils.spectral_norm, module)


@pytest.mark.parametrize("orthogonal_map", ["householder", "matrix_exp", "cayley"])
@pytest.mark.parametrize("sizes", [(6, 6), (6, 4), (4, 6)])
def test_orthogonal_weights_depend_on_the_seed_alone(
    orthogonal_map: str, sizes: tuple[int, int]
) -> None:
    chosen = {"bias": "zeros", "weight": "orthogonal"}
    wanted = init_module_(nn.Linear(*sizes), chosen, 7).weight
    layers: list[Any] = []
    for _ in range(2):
        layer = parametrizations.orthogonal(nn.Linear(*sizes), orthogonal_map=orthogonal_map)
        torch.manual_seed(len(layers))
        state = torch.get_rng_state()
        layers.append(init_module_(layer, chosen, 7))
        assert torch.equal(torch.get_rng_state(), state)
    assert torch.allclose(layers[0].weight, wanted, atol=1e-6)
    # The rest of the basis, which training may reach, depends on the seed too.
    assert torch.equal(*(layer.parametrizations.weight[0].base for layer in layers))


def test_orthogonal_householder_without_trivialization() -> None:
    chosen = {"bias": "zeros", "weight": "orthogonal"}
    layer = parametrizations.orthogonal(
        nn.Linear(6, 6), orthogonal_map="householder", use_trivialization=False
    )
    wanted = init_module_(nn.Linear(6, 6), chosen, 7).weight
    assert torch.allclose(init_module_(layer, chosen, 7).weight, wanted, atol=1e-6)


@pytest.mark.parametrize("wrap", [parametrizations.weight_norm, old_weight_norm])
@pytest.mark.parametrize("make", [lambda: nn.Linear(6, 6), lambda: nn.Conv2d(3, 4, 3)])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_weight_norm_gives_the_plain_weight(wrap: Any, make: Any, device: str) -> None:
    with torch.device(device):
        layer = wrap(make())
    init_module_(layer, rules, 7)
    wanted = plain(make)
    assert torch.allclose(layer.weight, wanted.weight, rtol=1e-5)
    directions = dict(layer.named_parameters())
    name = "parametrizations.weight.original1" if wrap != old_weight_norm else "weight_v"
    assert torch.equal(directions[name], wanted.weight)
    assert not layer.bias.any()
    inputs = torch.ones(2, 3, 5, 5) if isinstance(wanted, nn.Conv2d) else torch.ones(2, 6)
    assert torch.allclose(layer(inputs), wanted(inputs), atol=1e-5)


@pytest.mark.parametrize("wrap", [parametrizations.spectral_norm, old_spectral_norm])
@pytest.mark.parametrize("make", [lambda: nn.Linear(60, 40), lambda: nn.Conv2d(3, 4, 3)])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_spectral_norm_gives_the_result_of_torch(wrap: Any, make: Any, device: str) -> None:
    layers = []
    for _ in range(2):
        with torch.device(device):
            layer = wrap(make())
        layers.append(init_module_(layer, rules, 7).eval())
    assert parametrize.is_parametrized(layers[0]) or hasattr(layers[0], "weight_orig")
    original = next(value for name, value in layers[0].named_parameters() if "orig" in name)
    assert torch.equal(original, plain(make).weight)
    inputs = torch.ones(2, 60) if isinstance(layers[0], nn.Linear) else torch.ones(2, 3, 5, 5)
    assert torch.equal(layers[0](inputs), layers[1](inputs))
    values = torch.linalg.svdvals(layers[0].weight.flatten(1))
    assert 0.99 < values[0] < 1.1
    buffers = dict(layers[0].named_buffers())
    assert len(buffers) == 2
    for name, other in layers[1].named_buffers():
        assert torch.equal(buffers[name], other)
        assert torch.allclose(buffers[name].norm(), torch.ones(()))


def test_pruned_weights_are_masked() -> None:
    layer = prune.l1_unstructured(nn.Linear(6, 6), "weight", 0.5)
    mask = layer.weight_mask.clone()
    init_module_(layer, rules, 7)
    assert torch.equal(layer.weight_orig, plain().weight)
    assert torch.equal(layer.weight, plain().weight * mask)


def test_recurrent_layers_give_the_plain_weights() -> None:
    def make() -> nn.Module:
        return nn.LSTM(3, 4)

    wrapped = parametrizations.weight_norm(make(), "weight_hh_l0")
    init_module_(wrapped, rules, 7)
    assert torch.allclose(wrapped.weight_hh_l0, plain(make).weight_hh_l0, rtol=1e-5)
    with torch.device("meta"):
        layer = make()
    inputs = torch.ones(2, 1, 3)
    assert torch.equal(init_module_(layer, rules, 7)(inputs)[0], plain(make)(inputs)[0])


class Scaled(nn.Module):  # type: ignore[misc]  # Any where torch is not installed
    """A parametrization with its own parameter and buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((6, 1), 3.0))
        self.register_buffer("shift", torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale + self.shift

    def right_inverse(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.shift) / self.scale


def test_parameters_of_a_parametrization_are_filled() -> None:
    layer = nn.Linear(6, 6)
    parametrize.register_parametrization(layer, "weight", Scaled())
    chosen = {"weight.0.scale": "random_uniform", "bias": "zeros", "*": "he_normal"}
    init_module_(layer, chosen, 7)
    assert torch.allclose(layer.weight, plain().weight, atol=1e-5)
    assert (layer.parametrizations.weight[0].scale != 3).all()
    assert layer.parametrizations.weight[0].shift == 1


def test_chains_of_parametrizations_are_filled() -> None:
    layer = parametrizations.weight_norm(nn.Linear(6, 6))
    parametrize.register_parametrization(layer, "weight", Scaled())
    init_module_(layer, {"weight.1.scale": None, "bias": "zeros", "*": "he_normal"}, 7)
    assert torch.allclose(layer.weight, plain().weight, atol=1e-5)


class Symmetric(nn.Module):  # type: ignore[misc]
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.triu() + x.triu(1).T


class Failing(Symmetric):
    def right_inverse(self, x: torch.Tensor) -> torch.Tensor:
        if torch.equal(x, plain().weight):
            raise RuntimeError("it is too late")
        return x


def test_refusals_change_nothing() -> None:
    symmetric = nn.Linear(6, 6)
    parametrize.register_parametrization(symmetric, "weight", Symmetric())
    failing = nn.Linear(6, 6)
    parametrize.register_parametrization(failing, "weight", Failing())
    cayley = parametrizations.orthogonal(
        nn.Linear(6, 6), orthogonal_map="cayley", use_trivialization=False
    )
    zero = {"*": "zeros"}
    chosen: Any
    for layer, chosen, message in [
        (symmetric, rules, "Symmetric has no `right_inverse`"),
        (failing, rules, "it is too late"),
        (cayley, rules, "not possible to assign"),
        (parametrizations.weight_norm(nn.Linear(6, 6)), zero, "has no direction"),
        (parametrizations.spectral_norm(nn.Linear(6, 6)), zero, "no singular vectors"),
        (old_weight_norm(nn.Linear(6, 6)), zero, "has no direction"),
        (old_spectral_norm(nn.Linear(6, 6)), zero, "no singular vectors"),
    ]:
        model = nn.Sequential(nn.Linear(2, 2), layer)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        with pytest.raises(ValueError, match=rf"'(1\.)?weight' cannot be filled: .*{message}"):
            init_module_(layer if layer is failing else model, chosen, 7)
        for name, value in model.state_dict().items():
            assert torch.equal(value, before[name])
    init_module_(symmetric, {"weight": None, "bias": "ones"}, 7)
    assert symmetric.bias.tolist() == [1] * 6


@pytest.mark.parametrize(
    "wrap", [parametrizations.weight_norm, parametrizations.spectral_norm, old_weight_norm]
)
def test_computed_weights_are_refused(wrap: Any) -> None:
    layer = wrap(nn.Linear(6, 6))
    calls: Any = (
        lambda: normal_(layer.weight, seed=1),
        lambda: uniform_(layer.weight[:2], seed=1),
        lambda: zeros_(layer.weight),
        lambda: fill_(layer.weight, "he_normal", 1),
    )
    for call in calls:
        with pytest.raises(ValueError, match="fill the module's parameters"):
            call()
    with patch(seed=1), pytest.raises(ValueError, match="fill the module's parameters"):
        nn.init.normal_(layer.weight)
    rows = nn.Linear(2, 2).weight[:1]  # a view has a grad_fn and permanent memory
    assert rows.grad_fn is not None
    assert fill_(rows, "ones").tolist() == [[1, 1]]


@pytest.mark.parametrize("wrap", [parametrizations.weight_norm, old_weight_norm])
def test_weight_norm_keeps_padding_rows_zero(wrap: Any) -> None:
    def make() -> nn.Module:
        return nn.Embedding(5, 3, padding_idx=1)

    layer = init_module_(wrap(make()), rules, 7)
    wanted = plain(make)
    assert layer.weight[1].tolist() == wanted.weight[1].tolist() == [0, 0, 0]
    assert torch.allclose(layer.weight, wanted.weight, rtol=1e-5)
    layer(torch.tensor([0, 1, 1, 2])).sum().backward()
    assert all(each.grad.isfinite().all() for each in layer.parameters())


class Tied(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 5, bias=False)
        self.embed = nn.Embedding(5, 6, padding_idx=1)
        self.head.weight = self.embed.weight


def test_ties_with_computed_weights() -> None:
    model = Tied()
    parametrizations.spectral_norm(model.head)
    init_module_(model, rules, 7)
    assert torch.equal(model.embed.weight, plain(Tied).embed.weight)
    assert model.head.parametrizations.weight.original is model.embed.weight
    model = Tied()
    parametrizations.weight_norm(model.head)  # its second original is the same memory
    with pytest.raises(
        ValueError, match=r"share no memory, received: 'head\.weight' and 'embed\.weight'"
    ):
        init_module_(model, rules, 7)
    model = Tied()
    parametrizations.orthogonal(model.head)
    with pytest.raises(ValueError, match=r"is tied to a weight that 'head\.weight' is computed"):
        init_module_(model, rules, 7)


@pytest.mark.parametrize(
    "wrap",
    [
        parametrizations.weight_norm,
        parametrizations.spectral_norm,
        parametrizations.orthogonal,
        old_weight_norm,
        old_spectral_norm,
    ],
)
def test_a_recipe_gives_the_plain_weights(wrap: Any, tmp_path: Any) -> None:
    recipe = Recipe({"bias": "zeros", "*": "he_normal"}, seed=7, convention="torch")
    values, wanted = recipe.init(wrap(nn.Linear(6, 6))), recipe.init(nn.Linear(6, 6))
    assert values.keys() == wanted.keys() == {"weight", "bias"}
    assert all((values[name] == wanted[name]).all() for name in wanted)
    path = checkpoint.write(recipe, wrap(nn.Linear(6, 6)), tmp_path)
    assert checkpoint.verify(path, specs=nn.Linear(6, 6)).ok


@pytest.fixture
def mesh() -> Any:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    dist.destroy_process_group()


def test_computed_shards_are_refused(mesh: Any) -> None:
    layer = parametrizations.weight_norm(nn.Linear(6, 6))
    fully_shard(layer, mesh=mesh)
    before = layer.bias.full_tensor()
    with pytest.raises(ValueError, match=r"'weight' cannot be filled: .* computed from DTensors"):
        init_module_(layer, rules, 7)
    assert torch.equal(layer.bias.full_tensor(), before)
    layer = init_module_(parametrizations.weight_norm(nn.Linear(6, 6)), rules, 7)
    wanted = layer.weight.detach().clone()
    assert torch.equal(fully_shard(layer, mesh=mesh).weight.full_tensor(), wanted)
    wrapped = nn.Linear(6, 6, bias=False)
    part = torch.zeros(6, 6)
    local = TwoTensor(part, part)
    wrapped.weight = nn.Parameter(DTensor.from_local(local, mesh, [Replicate()], run_check=False))
    with pytest.raises(ValueError, match=r"'weight' cannot be filled: .* instances of TwoTensor"):
        init_module_(wrapped, rules, 7)
