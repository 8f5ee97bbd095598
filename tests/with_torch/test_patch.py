"""`patch`: which calls it takes over, in which thread, and that nothing of it stays."""

from __future__ import annotations

import sys
import threading
import types
from typing import Any

import pytest
import torch
from test_init import RANDOM, STRUCTURED, bits, empty
from torch import nn

import initializers.torch as ours
from initializers import RandomNormal, RandomUniform, SeedGenerator
from initializers.torch import patch

# As pairs: in a dict they would be replaced.
ORIGINALS = [(name, getattr(nn.init, name)) for name in dir(nn.init) if name.endswith("_")]


def snapshot() -> dict[Any, int]:
    """Return what every name in every module, and in its tables, is bound to."""
    found = {}
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        if isinstance(names, dict):
            for name, value in list(names.items()):
                if type(value) is dict and name != "__builtins__":
                    found.update(
                        {(id(value), str(k)): id(v) for k, v in list(value.items()) if callable(v)}
                    )
                elif callable(value):
                    found[id(names), name] = id(value)
    return found


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


def test_names_bound_at_import() -> None:
    user: Any = types.ModuleType("user_of_init")
    user.draw, user.table = nn.init.normal_, {"draw": nn.init.trunc_normal_}
    sys.modules["user_of_init"] = user
    try:
        with patch(3):
            assert bits(user.draw(empty(5))) == RandomNormal(0, 1, 3)((5,)).tobytes()
            second = bits(user.table["draw"](empty(5, 4)))
            counter = SeedGenerator(3)
            counter.next()
            assert second == bits(ours.trunc_normal_(empty(5, 4), seed=counter))
            # nn.modules.activation has `xavier_uniform_` by name.
            attention = nn.MultiheadAttention(8, 2)
        with patch(3):
            again = nn.init.normal_(empty(5)), nn.init.trunc_normal_(empty(5, 4))
            assert bits(again[1]) == second
            assert bits(nn.MultiheadAttention(8, 2).in_proj_weight) == bits(
                attention.in_proj_weight
            )
    finally:
        del sys.modules["user_of_init"]


def test_everything_is_restored() -> None:
    nn.MultiheadAttention(8, 2)
    before = snapshot()
    late: Any = types.ModuleType("imported_inside")

    def bind_and_fail() -> None:
        with patch(1):
            late.bound = nn.init.normal_
            sys.modules["imported_inside"] = late
            raise KeyError

    with pytest.raises(KeyError):
        bind_and_fail()
    try:
        assert late.bound is nn.init.normal_
        assert all(getattr(nn.init, name) is value for name, value in ORIGINALS)
        after = snapshot()
        assert {key: after[key] for key in before if key in after} == {
            key: value for key, value in before.items() if key in after
        }
    finally:
        del sys.modules["imported_inside"]
    torch.manual_seed(1)
    first = empty(5).normal_()
    torch.manual_seed(1)
    assert torch.equal(nn.init.normal_(empty(5)), first)


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


def test_nested() -> None:
    with patch(3):
        with patch(4):
            inner = bits(nn.init.normal_(empty(5)))
        outer = bits(nn.init.normal_(empty(5)))
    assert inner == RandomNormal(0, 1, 4)((5,)).tobytes()
    assert outer == RandomNormal(0, 1, 3)((5,)).tobytes()


def test_deprecated_names_and_seeds() -> None:
    with patch(3):
        assert bits(nn.init.normal(empty(5))) == RandomNormal(0, 1, 3)((5,)).tobytes()
    with pytest.raises(TypeError, match="`seed` must be an integer"):
        patch("3").__enter__()  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(1)
    expected = bits(ours.normal_(empty(5), generator=generator))
    generator.manual_seed(1)
    with patch(3):
        assert bits(empty(5).normal_(generator=generator)) == expected
