"""Wrong names, configurations and registrations are errors that say what to do."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from initializers import (
    Constant,
    HeNormal,
    Initializer,
    RandomNormal,
    SeedGenerator,
    deserialize,
    get,
    register,
    serialize,
)

KERAS = {"module": "keras.initializers", "registered_name": None}


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("he_norml", "he_normal"),
        ("HeNormel", "HeNormal"),
        ("HENORMAL", "HeNormal"),
        ("glorot-uniform", "glorot_uniform"),
        ("Zeroes", "Zeros"),
    ],
)
def test_unknown_names_suggest_the_nearest(name: str, nearest: str) -> None:
    text = rf"must be named .*, received: '{name}' \(did you mean '{nearest}'\?\)"
    for unknown in (name, {"class_name": name, "config": {}}):
        with pytest.raises(ValueError, match=text):
            get(unknown)
        with pytest.raises(ValueError, match=text):
            deserialize(unknown)


def test_a_name_far_from_all_has_no_suggestion() -> None:
    with pytest.raises(ValueError, match=r"received: 'xyzzy'$"):
        get("xyzzy")


@pytest.mark.parametrize("identifier", [3, 0.5, True, [1.0], (), b"zeros", object(), int, list])
def test_get_refuses_other_things_than_initializers(identifier: Any) -> None:
    with pytest.raises(TypeError, match=r"`identifier` must be a name, .* or None, received: "):
        get(identifier)


def test_classes_that_need_arguments_have_no_default() -> None:
    class Needs(Initializer):
        def __init__(self, width: int) -> None:
            self.width = width

    with pytest.raises(TypeError, match=r"Needs cannot be created without arguments, .*'width'"):
        get(Needs)
    with pytest.raises(ValueError, match="`config` of Needs must have the key 'width', received"):
        deserialize({"class_name": "Needs", "config": {}}, {"Needs": Needs})


@pytest.mark.parametrize(
    ("config", "error", "text"),
    [
        ({}, ValueError, "`config` must have a string under the key 'class_name', received: {}"),
        ({"config": {}}, ValueError, "must have a string under the key 'class_name', received"),
        ({"class_name": 3, "config": {}}, ValueError, "a string under the key 'class_name', rec"),
        (
            {"class_name": "HeNormal", "config": []},
            TypeError,
            "of HeNormal must be a dict, received",
        ),
        (
            {"class_name": "HeNormal", "config": "x"},
            TypeError,
            "of HeNormal must be a dict, received",
        ),
        (
            {"class_name": "HeNormal", "config": {"sede": 1}},
            ValueError,
            r"`config` of HeNormal must have no keys but .*, received: 'sede' .*'seed'\?",
        ),
        ({"class_name": "Zeros", "config": {"value": 1}}, ValueError, "of Zeros must have no keys"),
        ({"class_name": "Zeros", "config": {1: 1}}, ValueError, "of Zeros must have .*received: 1"),
        (
            {"class_name": "RandomNormal", "config": {"stddev": -1.0}},
            ValueError,
            r"`stddev` must be a finite number >= 0, received: -1\.0",
        ),
        (
            {"class_name": "HeNormal", "module": 3},
            TypeError,
            "`module` of HeNormal must be a string",
        ),
        (
            {"class_name": "HeNormal", "registered_name": 3},
            TypeError,
            "`registered_name` of HeNormal must be a string, received: 3",
        ),
        (
            {"class_name": "HeNormal", "registered_name": "p>HeNormal", "config": {}},
            ValueError,
            r"'p>HeNormal' is not registered.*initializers\.register.*custom_objects",
        ),
        (
            {"class_name": "HeNormal", "registered_name": "initializers>HeNormel", "config": {}},
            ValueError,
            r"not registered \(did you mean 'initializers>HeNormal'\?\)",
        ),
        (
            {"class_name": "function", "config": {}},
            TypeError,
            "of a function must be its name, rec",
        ),
        ({"class_name": "function", "config": "eval"}, ValueError, "'eval' is not registered"),
        (
            {"module": "builtins", "class_name": "__lambda__", "config": {"value": "4wEA"}},
            ValueError,
            "'__lambda__' is not registered",
        ),
        (
            {"module": "os", "class_name": "system", "config": {}},
            ValueError,
            "'system' is not regi",
        ),
        (
            {"class_name": "Constant", "config": {"value": {"class_name": "x"}}, **KERAS},
            ValueError,
            "`value` must be a serialized array, received: ",
        ),
        (
            {
                "class_name": "Constant",
                "config": {
                    "value": {
                        "class_name": "__numpy__",
                        "config": {"value": ["a"], "dtype": "float32"},
                    }
                },
            },
            ValueError,
            "`value` must be a serialized array, received: ",
        ),
        ([], TypeError, r"`config` must be a dict or a name, received: \[\]"),
    ],
    ids=str,
)
def test_bad_configs_are_refused(config: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        deserialize(config)


def test_bad_custom_objects_are_refused() -> None:
    with pytest.raises(TypeError, match=r"`custom_objects` must be a dict, received: \['a'\]"):
        deserialize("zeros", ["a"])  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"`identifier` must be .*, received: 3"):
        deserialize("three", {"three": 3})
    with pytest.raises(TypeError, match="Thing must have a `from_config` method, received: "):
        deserialize({"class_name": "Thing"}, {"Thing": type("Thing", (), {})})


def test_from_config_needs_a_dict_with_known_keys() -> None:
    for cls in (HeNormal, Constant, SeedGenerator):
        with pytest.raises(TypeError, match=f"`config` of {cls.__name__} must be a dict, received"):
            cls.from_config("seed")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=f"`config` of {cls.__name__} must have no keys but"):
            cls.from_config({"x": 1})


class Odd(Initializer):
    def __init__(self, config: Any = None) -> None:
        self.config = config

    def get_config(self) -> Any:
        return self.config


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (lambda shape, dtype=None: shape, "`initializer` must be an instance .*, received: <func"),
        (functools.partial(print), "`initializer` must be an instance with .*, received: functool"),
        (print, "`initializer` must be an instance with .*, received: <built-in function print>"),
        (HeNormal, "`initializer` must be an instance with .*, received: <class "),
        ("zeros", "`initializer` must be an instance with .*, received: 'zeros'"),
        (Odd([]), r"`get_config` of Odd must return a dict, received: \[\]"),
        (
            Odd({"a": object()}),
            "`a` in the configuration of Odd must be a plain value .*, received",
        ),
        (Odd({"a": [{"b": {1, 2}}]}), "`a` in the configuration of Odd must be a plain value"),
    ],
)
def test_things_without_a_configuration_are_not_serialized(thing: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        serialize(thing)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (("initializers",), ValueError, "`package` must not be 'initializers', which is reserved"),
        (("",), ValueError, "`package` must be a non-empty string without '>', received: ''"),
        (("a>b",), ValueError, "`package` must be a non-empty string without '>', received: 'a>b'"),
        (("a", "b>c"), ValueError, "`name` must be a non-empty string without '>', received"),
        (("a", ""), ValueError, "`name` must be a non-empty string without '>', received: ''"),
        ((None,), TypeError, "`package` must be a string, received: None"),
        (("a", 3), TypeError, "`name` must be a string, received: 3"),
        ((HeNormal,), TypeError, "`package` must be a string, received: <class"),
    ],
)
def test_bad_registrations_are_refused(arguments: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        register(*arguments)


@pytest.mark.parametrize("thing", [3, "zeros", RandomNormal(), functools.partial(print)])
def test_only_classes_and_functions_are_registered(thing: Any) -> None:
    with pytest.raises(TypeError, match="only classes and functions can be registered, received"):
        register("mine")(thing)


def test_classes_without_a_configuration_cannot_be_registered() -> None:
    with pytest.raises(TypeError, match="must have a `get_config` method to be registered, recei"):
        register("mine")(type("Thing", (), {}))
    with pytest.raises(ValueError, match="'mine>Thing' is not registered"):
        get("mine>Thing")


def test_foreign_reprs_do_not_break_messages() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    with pytest.raises(TypeError, match="received: an instance of Broken"):
        get(Broken())  # type: ignore[call-overload]
    with pytest.raises(ValueError, match=r"received: '1{96}\.\.\."):
        get("1" * 1000)
    with pytest.raises(TypeError, match="received: an array of shape"):
        HeNormal(seed=np.zeros((100, 100)))  # type: ignore[arg-type]
