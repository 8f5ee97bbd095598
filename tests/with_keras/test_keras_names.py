"""`seed_model` and `name_variables`: what the values depend on."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras_models import BACKEND, digest, lstm, to_numpy, transformer, values

import initializers
from initializers import fold_in
from initializers.keras import HeNormal, RandomNormal, install, name_variables, seed_model
from initializers.keras._adapter import Adapter
from initializers.keras._classes import BY_NAME

Dense = keras.layers.Dense


def test_other_names_mean_the_classes() -> None:
    for name, cls in BY_NAME.items():
        assert getattr(initializers.keras, name) is cls


def stack(*layers: Any) -> Any:
    return keras.Sequential([keras.Input((4,)), *layers])


def kernels(model: Any) -> dict[str, Any]:
    return {name: value for name, value in values(model).items() if name.endswith("kernel")}


def test_names_of_variables() -> None:
    inner = stack(Dense(4), Dense(4, name="given"))
    model = keras.Sequential([keras.Input((4,)), Dense(4), inner, Dense(4), Dense(4, name="x_1")])
    assert list(kernels(model)) == [
        "dense/kernel",
        "sequential/dense/kernel",
        "sequential/given/kernel",
        "dense#1/kernel",
        "x_1/kernel",
    ]
    shared = Dense(4)
    inputs = keras.Input((4,))
    towers = [stack(shared, Dense(4)), stack(shared, Dense(4))]
    model = keras.Model(inputs, [tower(inputs) for tower in towers])
    assert list(kernels(model)) == [
        "sequential/dense/kernel",
        "sequential/dense#1/kernel",
        "sequential#1/dense#1/kernel",
    ]


def test_names_of_wrappers_and_cells() -> None:
    for _ in range(2):  # the second model has other numbers in its names
        layer = keras.layers.Bidirectional(keras.layers.LSTM(2))
        layer.build((None, 3, 4))
        assert list(kernels(layer)) == [
            f"{way}_lstm/lstm_cell/{kind}"
            for way in ("forward", "backward")
            for kind in ("kernel", "recurrent_kernel")
        ]


def test_unnamed_variables_get_a_name() -> None:
    class Two(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.first = self.add_weight(shape=(2, 2))
            self.second = self.add_weight(shape=(2, 2))
            self.named = self.add_weight(shape=(2, 2), name="named")

    layer = Two()
    layer.build(())
    assert list(name_variables(layer)) == ["variable", "variable#1", "named"]


def test_values_equal_those_of_the_folded_seed() -> None:
    model, unseeded = seed_model(stack(Dense(8, kernel_initializer="he_normal")), 42, report=True)
    assert unseeded == []
    wanted = initializers.HeNormal(seed=fold_in(42, "dense/kernel"))((4, 8))
    assert np.array_equal(to_numpy(model.layers[0].kernel), wanted)


def test_a_second_draw_of_a_variable_uses_the_next_stream() -> None:
    both = RandomNormal(seed=1)

    def halves(shape: Any, dtype: Any = None) -> Any:
        half = (shape[0] // 2, *shape[1:])
        return keras.ops.concatenate([both(half, dtype), both(half, dtype)])

    model, unseeded = seed_model(stack(Dense(8, kernel_initializer=halves)), 42, report=True)
    assert unseeded == []
    seeds = fold_in(42, "dense/kernel"), fold_in(42, "dense/kernel", 1)
    wanted = [initializers.RandomNormal(seed=seed)((2, 8)) for seed in seeds]
    assert np.array_equal(to_numpy(model.layers[0].kernel), np.concatenate(wanted))


def test_builders_and_models_and_installed_names_agree() -> None:
    once, rest = seed_model(transformer, 3, report=True)
    assert rest == []
    twice = seed_model(transformer(), 3)
    assert digest(once) == digest(twice)
    with install():
        assert digest(seed_model(transformer, 3)) == digest(once)
        keras.utils.set_random_seed(8)
        assert digest(seed_model(transformer(), 3)) == digest(once)
    assert digest(seed_model(twice, 4)) != digest(once)


def test_a_builder_draws_every_value_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[Any] = []
    make = Adapter._make_tensor

    def count(self: Any, shape: Any, dtype: Any, layout: Any) -> Any:
        shapes.append(shape)
        return make(self, shape, dtype, layout)

    monkeypatch.setattr(Adapter, "_make_tensor", count)

    def build() -> Any:
        return stack(Dense(8, kernel_initializer=HeNormal()), Dense(3))

    seed_model(build, 1)
    assert shapes == [(4, 8), (8, 3)]  # Keras makes the zeros


def test_a_shared_initializer_makes_no_equal_layers() -> None:
    shared = HeNormal(seed=1)
    model = stack(Dense(4, kernel_initializer=shared), Dense(4, kernel_initializer=shared))
    first, second = kernels(model).values()
    assert np.array_equal(first, second)
    first, second = kernels(seed_model(model, 1)).values()
    assert not np.array_equal(first, second)


def test_attention_with_a_fixed_seed_has_four_different_projections() -> None:
    layer = keras.layers.MultiHeadAttention(2, 2, kernel_initializer=HeNormal(seed=1))
    layer.build((None, 3, 4), (None, 3, 4))
    values = [array.reshape(-1).tolist() for array in kernels(seed_model(layer, 1)).values()]
    assert len({tuple(value) for value in values}) == 4


def test_an_insertion_moves_only_later_siblings_of_its_class() -> None:
    def build(*more: Any) -> Any:
        layers = [Dense(4), Dense(4, name="fixed"), keras.layers.LayerNormalization(), Dense(4)]
        return stack(layers[0], *more, *layers[1:], keras.layers.EinsumDense("ab,bc->ac", 4))

    before = kernels(seed_model(build(), 1))
    after = kernels(seed_model(build(Dense(4)), 1))
    for name in ("dense/kernel", "fixed/kernel", "einsum_dense/kernel"):
        assert np.array_equal(before[name], after[name])
    assert np.array_equal(before["dense#1/kernel"], after["dense#1/kernel"])
    assert set(after) - set(before) == {"dense#2/kernel"}


def test_order_of_building_changes_nothing() -> None:
    class Pair(keras.layers.Layer):
        def __init__(self, backwards: bool) -> None:
            super().__init__()
            self.first, self.second, self.backwards = Dense(4), Dense(4), backwards

        def build(self, shape: Any) -> None:
            for layer in (self.first, self.second)[:: -1 if self.backwards else 1]:
                layer.build(shape)

    values = []
    for backwards in (False, True):
        layer = Pair(backwards)
        layer.build((None, 4))
        values.append(digest(seed_model(layer, 1)))
    assert values[0] == values[1]


@pytest.mark.filterwarnings(
    "ignore::RuntimeWarning"
)  # the NumPy backend runs models on arbitrary values
def test_variables_without_an_initializer_are_reported() -> None:
    class Given(keras.layers.Layer):
        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.scale = keras.Variable(np.full(4, 2.0, "float32"), name="scale")
            self.noise = self.add_weight(
                shape=(4,),
                name="noise",
                initializer=lambda shape, dtype=None: keras.ops.full(shape, 3.0, dtype),
            )

        def call(self, x: Any) -> Any:
            return x * self.scale + self.noise

    model, rest = seed_model(lambda: stack(Dense(4), Given()), 1, report=True)
    assert rest == ["given/scale", "given/noise"]
    assert [to_numpy(name_variables(model)[name])[0] for name in rest] == [2, 3]
    # `seed_model` gives the same report for a built model.
    assert seed_model(model, 1, report=True)[1] == rest


def test_subclasses_of_users_are_seeded() -> None:
    class Half(keras.initializers.RandomNormal):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return super().__call__(shape, dtype) / 2

    model, rest = seed_model(stack(Dense(8, kernel_initializer=Half(stddev=1.0))), 1, report=True)
    assert rest == []
    wanted = initializers.RandomNormal(0, 1, fold_in(1, "dense/kernel"))((4, 8)) / 2
    assert np.array_equal(to_numpy(model.layers[0].kernel), wanted)


def test_optimizers_metrics_and_dropout_are_left_alone() -> None:
    if BACKEND == "numpy":
        pytest.skip("does not train")
    model = stack(Dense(4), keras.layers.Dropout(0.5))
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((2, 4)), np.ones((2, 4)), verbose=0)
    iterations = to_numpy(model.optimizer.iterations)
    _, rest = seed_model(model, 1, report=True)
    assert rest == []
    assert to_numpy(model.optimizer.iterations) == iterations == 1
    assert list(name_variables(model)) == ["dense/kernel", "dense/bias"]


def test_bad_arguments_are_refused() -> None:
    wrong: Any = "1"
    with pytest.raises(TypeError, match="`model` must be"):
        seed_model(3, 1)
    with pytest.raises(TypeError, match="`model` must be a Keras layer or model, received: None"):
        seed_model(lambda: None, 1)
    with pytest.raises(ValueError, match="`model` must be built"):
        seed_model(keras.Sequential([Dense(3)]), 1)
    with pytest.raises(TypeError, match="`seed` must be an integer"):
        seed_model(lstm(), wrong)
    with pytest.raises(TypeError, match="`report` must be a bool, received: '1'"):
        seed_model(lstm(), 1, report=wrong)
    # An error in a builder leaves no state behind.
    with pytest.raises(ZeroDivisionError):
        seed_model(lambda: 1 / 0, 1)
    assert to_numpy(HeNormal()((3, 3))).any()
