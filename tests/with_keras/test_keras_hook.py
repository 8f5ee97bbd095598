"""The hook in Keras: installed only while `seed_model` runs, per thread, without references."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras_models import digest, to_numpy

import initializers
from initializers import Recipe, fold_in
from initializers.keras import HeNormal, RandomNormal, init_model, name_variables, seed_model

Dense = keras.layers.Dense

UNCHANGED = """
import inspect
import keras
from keras.src.backend.common.variables import Variable

def list_classes():
    seen = {}
    todo = [keras, keras.layers, keras.initializers, keras.src.initializers, keras.saving]
    for module in todo:
        for name, thing in vars(module).items():
            if not name.startswith("__"):
                seen[module.__name__, name] = thing
            if inspect.isclass(thing):
                seen.update({(thing, key): value for key, value in vars(thing).items()})
    for thing in (Variable, keras.Variable, *Variable.__subclasses__()):
        seen.update({(thing, key): value for key, value in vars(thing).items()})
    return {key: value for key, value in seen.items() if not isinstance(key, str)}

before = list_classes()
import initializers.keras
after = list_classes()
added = {key for key in after.keys() - before.keys()}
changed = {key for key in before if before[key] is not after.get(key)}
print(len(before) > 1000, added, changed)
"""


def test_the_import_changes_nothing_in_keras() -> None:
    run = subprocess.run([sys.executable, "-c", UNCHANGED], capture_output=True, text=True)
    assert run.stdout.strip() == "True set() set()", run.stdout + run.stderr


def stack(*layers: Any) -> Any:
    return keras.Sequential([keras.Input((4,)), *layers])


def build() -> Any:
    return stack(
        Dense(8, kernel_initializer="he_normal"), Dense(8, kernel_initializer=HeNormal()), Dense(3)
    )


def run_at_once(*functions: Callable[[], Any]) -> list[Any]:
    """Run functions at the same time in threads of their own; return their results."""
    results: list[Any] = [None] * len(functions)
    start = threading.Barrier(len(functions))

    def run(place: int, function: Callable[[], Any]) -> None:
        start.wait()
        try:
            results[place] = function()
        except BaseException as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=each) for each in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_threads_seed_models_at_once() -> None:
    wanted = [digest(seed_model(build, seed)) for seed in range(4)]
    for given in (lambda: build, build):
        functions = [
            lambda seed=seed, given=given: digest(seed_model(given(), seed)) for seed in range(4)
        ]
        assert run_at_once(*functions) == wanted


def test_one_thread_waits_inside_a_builder() -> None:
    """In this order a global change would stay forever or end too early."""
    inside, left = threading.Event(), threading.Event()

    def build_first() -> Any:
        inside.set()
        assert left.wait(60)
        return build()

    def build_second() -> Any:
        assert inside.wait(60)
        return build()

    def second() -> str:
        result = digest(seed_model(build_second, 2))
        left.set()
        return result

    wanted = [digest(seed_model(build, 1)), digest(seed_model(build, 2))]
    assert run_at_once(lambda: digest(seed_model(build_first, 1)), second) == wanted


@pytest.mark.parametrize("function", [seed_model, init_model])
def test_other_threads_and_later_calls_have_keras_itself(function: Any) -> None:
    recipe = Recipe({"*": "ones"}, seed=1)
    wanted = to_numpy(keras.initializers.HeNormal(seed=3)((4, 8)))
    theirs: list[Any] = []

    def build_and_look() -> Any:
        def look() -> Any:
            layer = Dense(8, kernel_initializer=keras.initializers.HeNormal(seed=3))
            layer.build((None, 4))
            return to_numpy(layer.kernel)

        theirs.extend(run_at_once(look))
        return build()

    function(build_and_look, 1 if function is seed_model else recipe)
    layer = Dense(8, kernel_initializer=keras.initializers.HeNormal(seed=3))
    layer.build((None, 4))
    theirs.append(to_numpy(layer.kernel))
    assert keras.initializers.serialize(layer.kernel_initializer)["config"]["seed"] == 3
    for values in theirs:
        assert np.array_equal(values, wanted)


@pytest.mark.parametrize("kind", [HeNormal, keras.initializers.HeNormal])
def test_the_hook_keeps_no_initializer_alive(kind: Any) -> None:
    seed_model(build, 1)
    initializer = kind(seed=1)
    alive = weakref.ref(initializer)
    variable = keras.Variable(initializer, shape=(2, 3), dtype="float32")
    del initializer
    gc.collect()
    assert alive() is None
    assert variable.shape == (2, 3)


def test_the_hook_keeps_no_initializer_of_a_builder_alive() -> None:
    alive: list[Any] = []

    def build_and_forget() -> Any:
        class Forgetful(keras.layers.Layer):
            def build(self, shape: Any) -> None:
                initializer = RandomNormal(seed=1)
                alive.append(weakref.ref(initializer))
                self.kernel = self.add_weight(shape=(4, 4), initializer=initializer, name="kernel")

            def call(self, x: Any) -> Any:
                return x @ self.kernel

        return stack(Forgetful())

    model = seed_model(build_and_forget, 1)
    gc.collect()
    assert alive[0]() is None
    values = to_numpy(model.weights[0])
    wanted = initializers.RandomNormal(seed=fold_in(1, "forgetful/kernel"))((4, 4))
    assert np.array_equal(values, wanted)


def test_a_built_model_with_layers_that_cannot_be_cloned_is_refused() -> None:
    class Odd(keras.layers.Layer):
        def __init__(self, function: Any) -> None:
            super().__init__()
            self.function = function

        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(4, 4), name="kernel")

        def call(self, x: Any) -> Any:
            return self.function(x @ self.kernel)

    def build_odd() -> Any:
        return stack(Dense(4), Odd(keras.ops.relu))

    model = build_odd()
    before = digest(model)
    with pytest.raises(ValueError, match="pass the function that builds the model instead") as info:
        seed_model(model, 1)
    assert "received: 'odd" in str(info.value)
    assert digest(model) == before
    assert seed_model(build_odd, 1, report=True)[1] == []


def test_a_builder_may_return_an_existing_model() -> None:
    made = build()
    wanted = digest(seed_model(build, 5))
    assert digest(seed_model(lambda: made, 5)) == wanted
    # A builder may also seed the model itself.
    assert digest(seed_model(lambda: seed_model(build, 3), 5)) == wanted


def test_a_built_model_may_have_functions_as_initializers() -> None:
    def function(shape: Any, dtype: Any = None) -> Any:
        return RandomNormal()(shape, dtype) * 2

    layers = [
        Dense(4, kernel_initializer=lambda shape, dtype=None: HeNormal()(shape, dtype)),
        Dense(4, kernel_initializer=function),
    ]
    model, unseeded = seed_model(stack(*layers), 1, report=True)
    assert unseeded == []
    kernels = [to_numpy(layer.kernel) for layer in model.layers]
    first = initializers.HeNormal(seed=fold_in(1, "dense/kernel"))((4, 4))
    second = initializers.RandomNormal(seed=fold_in(1, "dense#1/kernel"))((4, 4)) * 2
    assert np.array_equal(kernels[0], first)
    assert np.array_equal(kernels[1], second)


def test_a_variable_added_later_is_kept_and_reported() -> None:
    layer = Dense(4)
    model = stack(layer)
    layer._tracker.unlock()
    layer.extra = keras.Variable(np.full(3, 2.0, "float32"), name="extra")
    layer._tracker.lock()
    _, unseeded = seed_model(model, 1, report=True)
    assert unseeded == ["dense/extra"]
    assert list(name_variables(model)) == ["dense/kernel", "dense/bias", "dense/extra"]
    assert (to_numpy(layer.extra) == 2).all()
