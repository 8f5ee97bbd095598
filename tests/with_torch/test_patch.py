"""`patch`: which calls it intercepts, in which thread, and that it restores everything."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import sys
import threading
import time
import types
import warnings
from typing import Any

import pytest
import torch
from test_init import RANDOM, STRUCTURED, bits, empty
from torch import nn

import initializers.torch as ours
from initializers import RandomNormal, RandomUniform, SeedGenerator
from initializers.torch import patch

ORIGINALS = {name: getattr(nn.init, name) for name in dir(nn.init) if name.endswith("_")}


def snapshot() -> dict[str, Any]:
    """Return the identity of every function of torch that `patch` may replace."""
    return {
        name: (value, value.__code__, dict(value.__dict__), inspect.signature(value))
        for name, value in vars(nn.init).items()
        if inspect.isfunction(value)
    }


def test_calls_take_the_streams_in_turn() -> None:
    counter = SeedGenerator(3)
    with patch(3):
        for function, arguments in RANDOM + STRUCTURED:
            theirs = getattr(nn.init, function.__name__)(empty(20, 10), **arguments)
            assert bits(theirs) == bits(function(empty(20, 10), seed=counter, **arguments))
        nn.init.ones_(empty(3))  # draws nothing
        method = empty(4).normal_(1.0, std=0.5)
        assert bits(method) == RandomNormal(1.0, 0.5, counter)((4,)).tobytes()
        for uniform in (empty(4).uniform_(-1, 2), empty(4).uniform_(-1, to=2)):
            assert bits(uniform) == RandomUniform(-1, 2, counter)((4,)).tobytes()
        assert bits(empty(4).uniform_()) == RandomUniform(0, 1, counter)((4,)).tobytes()
        keyword = empty(4).uniform_(**{"from": 0.5, "to": 0.7})
        assert bits(keyword) == RandomUniform(0.5, 0.7, counter)((4,)).tobytes()
    assert counter.counter == len(RANDOM + STRUCTURED) + 5


class User:
    """Keeps a function where no search by name finds it."""

    draw = staticmethod(nn.init.normal_)

    def __init__(self, draw: Any = nn.init.normal_) -> None:
        self.default = draw
        self.partial = functools.partial(nn.init.normal_, std=1.0)


def test_every_reference_is_patched() -> None:
    user: Any = types.ModuleType("user_of_init")
    user.draw, user.table = nn.init.normal_, {"draw": nn.init.normal_}
    users = (
        *(user.draw, user.table["draw"], User.draw, User().default, User().partial),
        *(nn.init.normal_, (lambda draw: lambda tensor: draw(tensor))(nn.init.normal_)),
    )
    counter = SeedGenerator(3)
    with patch(3):
        for draw in users:
            assert bits(draw(empty(5))) == RandomNormal(0, 1, counter)((5,)).tobytes()
        # nn.modules.activation has `xavier_uniform_` by name.
        attention = nn.MultiheadAttention(8, 2).in_proj_weight
    counter.next(), counter.next()  # weight and bias of the output layer
    expected = ours.xavier_uniform_(empty(24, 8), seed=counter)
    assert bits(attention) == bits(expected)


def test_modules_imported_inside_are_patched(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imported_inside.py").write_text(
        "from torch import randn\nfrom torch.nn.init import normal_\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    counter = SeedGenerator(3)
    with patch(3):
        import imported_inside  # type: ignore[import-not-found]

        for _ in range(2):
            for tensor in (imported_inside.normal_(empty(5)), imported_inside.randn(5)):
                assert bits(tensor) == RandomNormal(0, 1, counter)((5,)).tobytes()
    assert imported_inside.normal_ is nn.init.normal_
    del sys.modules["imported_inside"]


def test_leaving_restores_everything() -> None:
    before = snapshot()

    def bind_and_fail() -> None:
        with patch(1), patch(2):
            assert inspect.signature(nn.init.normal_) == before["normal_"][-1]
            raise KeyError

    with pytest.raises(KeyError):
        bind_and_fail()
    assert snapshot() == before
    assert all(getattr(nn.init, name) is value for name, value in ORIGINALS.items())
    torch.manual_seed(1)
    first = empty(5).normal_()
    torch.manual_seed(1)
    assert torch.equal(nn.init.normal_(empty(5)), first)
    torch.manual_seed(1)
    assert torch.equal(torch.randn(5), first)


def test_entering_costs_nothing() -> None:
    """The cost does not depend on the number of modules: a search of all took 0.1 s and more."""
    names = [f"filler_{i}" for i in range(3000)]
    for name in names:
        module: Any = types.ModuleType(name)
        module.__dict__.update({f"name_{i}": {"key": i} for i in range(100)})
        sys.modules[name] = module
    try:
        times = []
        for _ in range(20):
            start = time.perf_counter()
            with patch(1):
                pass
            times.append(time.perf_counter() - start)
    finally:
        for name in names:
            del sys.modules[name]
    assert min(times) < 0.01  # 0.00005 s when it was written


def test_only_in_the_thread_that_entered() -> None:
    torch.manual_seed(1)
    expected = bits(nn.init.normal_(empty(5)))
    results = []

    def other() -> None:
        torch.manual_seed(1)
        results.append(bits(nn.init.normal_(empty(5))))
        with patch(4):
            results.append(bits(nn.init.normal_(empty(5))))

    with patch(3):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert bits(nn.init.normal_(empty(5))) == RandomNormal(0, 1, 3)((5,)).tobytes()
    assert results == [expected, RandomNormal(0, 1, 4)((5,)).tobytes()]


def test_nested_patches_restore_the_outer_one() -> None:
    with patch(3):
        with patch(4):
            inner = bits(nn.init.normal_(empty(5)))
        outer = bits(nn.init.normal_(empty(5)))
    assert inner == RandomNormal(0, 1, 4)((5,)).tobytes()
    assert outer == RandomNormal(0, 1, 3)((5,)).tobytes()


def test_deprecated_names_warn_and_bad_seeds_are_refused() -> None:
    with (
        patch(3),
        pytest.warns(FutureWarning, match=r"`nn\.init\.normal` is now deprecated") as caught,
    ):
        assert bits(nn.init.normal(empty(5))) == RandomNormal(0, 1, 3)((5,)).tobytes()
    assert caught[0].filename == __file__
    with pytest.raises(TypeError, match="`seed` must be an integer"):
        patch("3").__enter__()  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(1)
    expected = bits(ours.normal_(empty(5), generator=generator))
    generator.manual_seed(1)
    with patch(3):
        assert bits(empty(5).normal_(generator=generator)) == expected


def test_local_shards_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch draws each shard by its local shape: every process would get the same values."""
    from torch import distributed
    from torch.distributed import tensor as distributed_tensor
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import _random
    from torch.testing._internal.distributed.fake_pg import FakeStore

    class Tracker:
        """Tracker as on devices with a generator per shard, such as GPUs."""

        def _distribute_region(self, spec: Any) -> Any:
            return contextlib.nullcontext()

    distributed.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)
    try:
        mesh = init_device_mesh("cpu", (2,))
        monkeypatch.setattr(_random, "_rng_tracker", Tracker())
        monkeypatch.setattr(_random, "is_rng_supported_mesh", lambda mesh: True)
        where: Any = {"device_mesh": mesh, "placements": [distributed_tensor.Shard(0)]}
        message = r"must not make a DTensor inside patch, received: local shape \(2, 3\)"
        with patch(3):
            for draw in (distributed_tensor.randn, distributed_tensor.rand):
                with pytest.raises(NotImplementedError, match=message):
                    draw(4, 3, **where)
                with torch.device("cpu"), pytest.raises(NotImplementedError, match=message):
                    draw(4, 3, **where)
            like = torch.randn_like(distributed_tensor.empty(4, 3, **where))
        whole = RandomNormal(0, 1, 3)((4, 3))
        assert bits(like.to_local()) == whole[:2].tobytes()
    finally:
        distributed.destroy_process_group()


def test_resized_embeddings_of_transformers() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of the imports
        from transformers import GPT2Config, GPT2LMHeadModel

        tokens = {"bos_token_id": 0, "eos_token_id": 0}
        config = GPT2Config(vocab_size=50, n_embd=8, n_layer=1, n_head=2, n_positions=8, **tokens)
        model = GPT2LMHeadModel(config)
    results = []
    for _ in range(2):
        before = torch.get_rng_state()
        with patch(3):
            resized = copy.deepcopy(model).resize_token_embeddings(60)
        assert torch.equal(torch.get_rng_state(), before)
        results.append(bits(resized.weight))
        assert results[0] == results[-1]
    assert resized.weight[50:].std() > 0
