"""`fill_`: memory of any strides, autograd, refused tensors."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from test_init import DTYPES, bits, empty
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from initializers import Constant, HeNormal, Initializer, RandomNormal, SeedGenerator, Zeros
from initializers.torch import _tensor, fill_, normal_


@pytest.mark.parametrize("name", DTYPES)
def test_strided_tensors_are_filled_in_place(name: str) -> None:
    dtype = DTYPES[name]
    kernel = HeNormal(3)((5, 4, 6), name)  # in Keras's layout
    expected = np.ascontiguousarray(kernel.transpose(2, 1, 0))
    plain = empty(6, 4, 5, dtype=dtype)
    address = plain.data_ptr()
    assert fill_(plain, "he_normal", 3) is plain
    assert plain.data_ptr() == address
    assert bits(plain) == expected.tobytes()
    base = empty(12, 9, 10, dtype=dtype)
    fill_(base[::2, 1:9:2, ::2], HeNormal(), 3)
    assert bits(base[::2, 1:9:2, ::2]) == expected.tobytes()
    base[::2, 1:9:2, ::2] = 7.0
    assert (base.float() == 7).all()  # the rest of the memory is unchanged
    turned = empty(5, 6, 4, dtype=dtype).permute(1, 2, 0)
    assert bits(fill_(turned, HeNormal(), 3)) == expected.tobytes()
    channels_last = empty(2, 3, 4, 5, dtype=dtype).to(memory_format=torch.channels_last)
    assert (
        bits(fill_(channels_last, HeNormal(), 3, convention="keras"))
        == HeNormal(3)((2, 3, 4, 5), name).tobytes()
    )


def test_large_strided_tensors_are_filled_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    from initializers import _filling

    monkeypatch.setattr(_filling, "_PIECE", 1000)  # many pieces along each dimension
    expected = RandomNormal(seed=3)((7, 11, 3001)).tobytes()
    assert bits(fill_(empty(7, 3001, 11).transpose(1, 2), RandomNormal(), 3)) == expected


def test_scalars_and_empty_tensors_are_filled() -> None:
    assert fill_(empty(), RandomNormal(), 3).item() == RandomNormal(seed=3)(()).item()
    assert fill_(empty(0, 3), RandomNormal(), 3).shape == (0, 3)


def test_seeds_are_integers_or_generators() -> None:
    own = RandomNormal(seed=5)
    assert bits(fill_(empty(9), own)) == own((9,)).tobytes()
    counter = SeedGenerator(5)
    # All pieces of a strided tensor are one draw.
    assert bits(fill_(empty(18)[::2], RandomNormal(), counter)) == own((9,)).tobytes()
    assert counter.counter == 1
    with pytest.raises(ValueError, match="must not both be given"):
        fill_(empty(3), RandomNormal(), 1, generator=torch.Generator())
    with pytest.raises(TypeError, match="`seed` must be an integer"):
        fill_(empty(3), RandomNormal(), "1")  # type: ignore[arg-type]


def test_initializers_of_users_are_accepted() -> None:
    class Ramp(Initializer):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return np.arange(np.prod(shape)).reshape(shape).astype(dtype)

    as_keras = [[0, 1], [2, 3], [4, 5]]
    assert fill_(empty(2, 3).t(), Ramp(), convention="keras").tolist() == as_keras
    assert fill_(empty(3, 2), Ramp()).tolist() == [[0, 3], [1, 4], [2, 5]]
    # A plain function gets the tensor's own shape.
    assert fill_(empty(3, 2), Ramp().__call__).tolist() == as_keras
    with pytest.raises(ValueError, match=r"`convention` must be one of 'keras', 'torch', received"):
        fill_(empty(3, 2), Ramp(), convention="jax")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="with_seed"):
        fill_(empty(2), Ramp(), 1)
    with pytest.raises(ValueError, match="must return an array of shape"):
        fill_(empty(2), lambda shape, dtype: np.zeros(3))
    with pytest.raises(ValueError, match="bananas"):
        fill_(empty(2), "bananas")
    assert fill_(empty(2, dtype=torch.int32), Constant(3)).tolist() == [3, 3]


def test_autograd_sees_the_write() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    version = weight._version
    loss = (weight * weight).sum()
    fill_(weight, RandomNormal(), 1)
    assert weight._version > version
    assert weight.requires_grad
    assert weight.is_leaf
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_tensors_without_memory_are_left_alone() -> None:
    meta = torch.empty(3, device="meta")
    assert normal_(meta) is meta
    with FakeTensorMode():
        fake = torch.empty(3)
        assert not fake.is_meta
        state = torch.get_rng_state()
        assert normal_(fake) is fake
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.filterwarnings("ignore:.*quantize_per_tensor:UserWarning")
def test_unsuitable_tensors_are_refused() -> None:
    base = empty(3)
    with torch.inference_mode():
        inference = empty(3)
        fill_(inference, Zeros())
    complex_base = torch.full((3,), 7 + 7j)
    cases = [
        (base.expand(4, 3), "without elements that share memory"),
        (torch.eye(3).to_sparse(), "dense"),
        (torch.quantize_per_tensor(base, 0.1, 0, torch.qint8), "without quantization"),
        (complex_base.conj(), "without a conjugate or negative bit"),
        (complex_base.conj().imag, "without a conjugate or negative bit"),
        (inference, "used inside torch.inference_mode()"),
    ]
    for tensor, message in cases:
        with pytest.raises(ValueError, match=re.escape(f"`tensor` must be {message}")):
            fill_(tensor, Zeros())
    with pytest.raises(ValueError, match="uninitialized lazy parameter"):
        fill_(torch.nn.LazyLinear(3).weight, Zeros())
    with pytest.raises(TypeError, match=r"`tensor` must be a torch\.Tensor, received"):
        fill_(np.zeros(3), Zeros())
    with pytest.raises(ValueError, match="dtype that cannot be filled"):
        fill_(base.to(torch.float8_e5m2fnuz), RandomNormal(), 1)
    assert (base == 7).all()
    assert (complex_base == 7 + 7j).all()


def make(x: Any) -> Any:
    y = torch.zeros(3)
    normal_(y, seed=1)
    return x + y


@pytest.mark.parametrize("mode", ["real", "fake", "symbolic"])
def test_tracing_is_refused(mode: str) -> None:
    with pytest.raises(RuntimeError, match="outside of what is traced"):
        make_fx(make, tracing_mode=mode)(torch.ones(3))


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace:FutureWarning")
def test_compiling_and_transforming_are_refused() -> None:
    with pytest.raises(RuntimeError, match="outside of what is traced"):
        torch.jit.trace(make, torch.ones(3), check_trace=False)
    with pytest.raises(RuntimeError, match="outside of what is traced"):
        torch.compile(make, backend="eager")(torch.ones(3))
    for transform in (torch.func.vmap, torch.func.functionalize):
        with pytest.raises(RuntimeError, match="outside of what is traced"):
            transform(lambda x: normal_(x, seed=1))(torch.ones(2, 3))


def test_other_devices_are_filled_through_one_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    # A fake device: this machine has none but the CPU.
    expected = RandomNormal(seed=1)((5, 4)).tobytes()
    monkeypatch.setattr(_tensor, "_HOST", "another")
    tensor = empty(8, 5).t()[:, ::2]
    version = tensor._version
    assert bits(fill_(tensor, RandomNormal(), 1)) == expected
    assert tensor._version > version
