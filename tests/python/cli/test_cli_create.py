"""`initializers plan`, `recipe`, `create` and `verify`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import initializers
from commands import Command
from initializers import Recipe, checkpoint
from initializers.cli import create
from initializers.recipe import model_specs

COMMAND = [sys.executable, "-W", "error", "-m", "initializers"]
SPECS = {"up.weight": (64, 256), "up.bias": (256,), "norm.weight": (256,)}
RECIPE = Recipe({"*.bias": "zeros", "norm*": "ones", "*": "he_normal"}, seed=7, convention="keras")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    RECIPE.save(tmp_path / "mine.toml")
    specs = [{"name": name, "shape": shape} for name, shape in SPECS.items()]
    (tmp_path / "specs.json").write_text(json.dumps(specs))
    return tmp_path


def given(folder: Path) -> list[object]:
    return ["--specs", folder / "specs.json", "--recipe", folder / "mine.toml"]


def test_recipe_prints_published_recipes_and_files(command: Command, tmp_path: Path) -> None:
    names = command("recipe").output.split()
    assert {"gpt2", "llama", "bert", "vit", "resnet", "llama-3.2-1b"} <= set(names)
    assert command("recipe", "--json").document == {"recipes": names}
    text = command("recipe", "gpt2", "--set", "layers=3", "--seed", "5").output
    expected = Recipe.for_model("gpt2", layers=3, seed=5)
    assert text == expected.to_toml()
    assert Recipe.from_toml(text) == expected
    document = command("recipe", "gpt2", "--dtype", "bfloat16", "--json").document
    assert document["dtype"] == "bfloat16"
    path = tmp_path / "a.toml"
    path.write_text(text)
    assert command("recipe", path).output == text


def test_control_characters_in_a_recipe_are_escaped(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "evil.json"
    recipe = Recipe({"*\x1b[2J": "zeros", "*": "ones"}, seed=1, comment="a\u202eb")
    path.write_text(recipe.to_json())
    for output in (command("recipe", path).output, command("recipe", path, "--json").output):
        assert "\x1b" not in output
        assert "\u202e" not in output


@pytest.mark.parametrize("columns", [80, 140])
def test_plan_prints_a_table(
    command: Command, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    output = command("plan", "--model", "llama-3.2-1b").output
    assert all(len(line) <= columns for line in output.split("\n"))
    assert "model.layers.{0-15}.self_attn.q_proj.weight" in output
    assert "3. * → RandomNormal(stddev=0.02)" in output
    assert output.endswith("146 weights, 1,235,814,400 elements, 2.47 GB\n")


def test_plan_as_json(command: Command, folder: Path) -> None:
    document = command(
        "plan", *given(folder), "--seed", "9", "--dtype", "float16", "--json"
    ).document
    assert Recipe.from_json(json.dumps(document["recipe"])).seed == 9
    assert [rule["weights"] for rule in document["rules"]] == [
        ["up.bias"],
        ["norm.weight"],
        ["up.weight"],
    ]
    assert document["elements"] == 64 * 256 + 512
    assert document["bytes"] == 2 * document["elements"]
    weight = document["weights"][0]
    assert weight["name"] == "up.weight"
    assert weight["shape"] == [64, 256]
    assert weight["dtype"] == "float16"
    made = initializers.get(weight["initializer"])
    expected = Recipe(RECIPE.rules, seed=9, dtype="float16", convention="keras").init(SPECS)[
        "up.weight"
    ]
    np.testing.assert_array_equal(made((64, 256), "float16"), expected)


@pytest.mark.parametrize("shards", [[], ["--max-shard-size", "40kB"]])
def test_verify_accepts_what_create_writes(
    command: Command, folder: Path, shards: list[str]
) -> None:
    arguments = ["create", *given(folder), "--out", folder / "new", *shards]
    document = command(*arguments, "--json").document
    path = Path(document["path"])
    assert path.parent == folder / "new"
    assert (document["tensors"], document["seed"]) == (3, 7)
    assert document["bytes"] == 4 * document["elements"] == 4 * (64 * 256 + 512)
    weights: dict[str, Any] = {}
    for file in (folder / "new").glob("*.safetensors"):
        weights |= load_file(file)
    for name, values in RECIPE.init(SPECS).items():
        np.testing.assert_array_equal(weights[name], values)
    verified = command("verify", folder / "new", "--json").document
    assert verified["identical"] is True
    assert verified["tensors"] == 3
    assert "3 of 3 tensors compared" in command("verify", path).output
    command("verify", folder / "new", *given(folder))

    error = command.fails(*arguments, status=3)
    assert "--overwrite replaces it" in error
    assert "`overwrite" not in error
    command(*arguments, "--overwrite", "--seed", "8")
    assert "must be" in command("verify", path, "--recipe", folder / "mine.toml", status=1).output


@pytest.mark.slow
def test_create_writes_the_same_file_as_the_package(command: Command, folder: Path) -> None:
    command("create", "--model", "gpt2", "--seed", "3", "--out", folder / "a.safetensors")
    specs = model_specs("gpt2")
    checkpoint.write(Recipe.for_model("gpt2", seed=3), specs, folder / "b.safetensors")
    assert (folder / "a.safetensors").read_bytes() == (folder / "b.safetensors").read_bytes()


def test_verify_finds_every_difference(command: Command, folder: Path) -> None:
    weights = RECIPE.init(SPECS)
    weights["up.weight"][3, 5] += 1
    del weights["up.bias"]
    weights["norm.weight"] = weights["norm.weight"].astype(np.float16)
    weights["evil\x1b[31m"] = np.zeros(3, np.float32)
    save_file(weights, folder / "bad.safetensors")
    result = command("verify", folder / "bad.safetensors", *given(folder), status=1)
    for text in (
        "up.bias is missing",
        "evil\\x1b[31m should not be there",
        "norm.weight must have shape (256,) and dtype float32, found: (256,) and float16",
        "up.weight[3, 5] must be",
    ):
        assert text in result.output
    assert "\x1b" not in result.output
    document = command("verify", folder / "bad.safetensors", *given(folder), "--json", status=1)
    assert document.document["identical"] is False
    assert document.document["missing"] == ["up.bias"]
    assert document.document["extra"] == ["evil\x1b[31m"]
    assert document.document["mismatched"] == {
        "norm.weight": {
            "expected": {"shape": [256], "dtype": "float32"},
            "found": {"shape": [256], "dtype": "float16"},
        }
    }
    (difference,) = document.document["differences"]
    assert (difference["name"], difference["index"]) == ("up.weight", [3, 5])


def test_verify_reports_every_dtype_as_json(command: Command, folder: Path) -> None:
    arrays: dict[str, Any] = {
        "phase": np.array([1, np.nan + 2j], np.complex64),
        "half": np.array([3, np.inf], np.float16),
        "brain": np.array([3, 4], ml_dtypes.bfloat16),
        "eight": np.array([3, 4], ml_dtypes.float8_e5m2),
        "flag": np.array([True, False]),
        "count": np.array([1, -5], np.int64),
    }
    Recipe({"*": "ones"}, seed=1).save(folder / "ones.toml")
    save_file(arrays, folder / "bad.safetensors")
    arguments = [folder / "bad.safetensors", "--recipe", folder / "ones.toml", "--json"]
    found = command("verify", *arguments, status=1).document["differences"]
    assert {each["name"]: (each["expected"], each["found"]) for each in found} == {
        "phase": ([1.0, 0.0], [None, 2.0]),
        "half": (1.0, 3.0),
        "brain": (1.0, 3.0),
        "eight": (1.0, 3.0),
        "flag": (True, False),
        "count": (1, -5),
    }


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "give either --model or --specs"),
        (["--model", "gpt2", "--specs", "specs.json"], "give either --model or --specs"),
        (["--specs", "specs.json"], "a --recipe must say how each weight"),
        (["--model", "gpt3"], "'gpt3' is not one of 'gpt2'"),
        (["--model", "gpt2", "--recipe", "nix.toml"], "nix.toml: there is no such recipe"),
        (["--model", "gpt2", "--recipe", "bart"], "did you mean 'bert'?"),
        (
            ["--model", "gpt2", "--recipe", "bert"],
            "rule 2 of the recipe, `*LayerNorm.weight`, matches no weight",
        ),
        (["--model", "gpt2", "--recipe", "text.toml"], "'text.toml': "),
        (["--model", "gpt2", "--seed", "x"], "it must be an integer in [-2**127, 2**127)"),
        (["--model", "gpt2", "--dtype", "float31"], "did you mean 'float32'?"),
        (["--specs", "nix.json", "--recipe", "gpt2"], "'nix.json' does not exist"),
        (["--specs", "text.json", "--recipe", "gpt2"], "must be a JSON file of weights"),
        (["--specs", "specs.json", "--recipe", "gpt2"], "matches no weight"),
    ],
)
@pytest.mark.parametrize("name", ["plan", "create"])
def test_wrong_requests_are_refused(
    command: Command,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    arguments: list[str],
    error: str,
) -> None:
    monkeypatch.chdir(folder)
    (folder / "text.toml").write_text("no recipe\n")
    (folder / "text.json").write_text("no JSON")
    more = ["--out", "new"] if name == "create" else []
    assert error in command.fails(name, *arguments, *more)
    assert not (folder / "new").exists()


def test_errors_name_the_option(command: Command, folder: Path) -> None:
    create = ["create", *given(folder), "--out"]
    assert "must end with .safetensors" in command.fails(*create, folder / "specs.json")
    error = command.fails(*create, folder / "new", "--max-shard-size", "9Q")
    assert "a size such as '5GB' or '2GiB', received: '9Q'" in error
    error = command.fails(*create, "/proc/nix/new", status=3)
    assert "/proc/nix" in error
    verify = ["verify", folder / "a.safetensors"]
    assert "does not exist" in command.fails(*verify)
    save_file({"x": np.zeros(3)}, folder / "a.safetensors")
    assert "must have one recipe in the metadata" in command.fails(*verify)
    assert "--set, --seed, --dtype and --convention need a --recipe" in command.fails(
        *verify, "--seed", "1"
    )
    both = ["--model", "gpt2", "--specs", folder / "specs.json"]
    assert "give --model or --specs, not both" in command.fails(*verify, *both)
    (folder / "a.safetensors").write_bytes(b"\xff" * 20)
    assert "is not a safetensors file" in command.fails(*verify)
    assert "'b'" in command.fails("recipe", "gpt2", "--set", "b")
    assert "`layers` must be an integer >= 1" in command.fails(
        "recipe", "gpt2", "--set", "layers=0"
    )
    assert "received: `depth`" in command.fails("recipe", "gpt2", "--set", "depth=3")
    path = folder / "mine.toml"
    assert "--set needs a published recipe" in command.fails("recipe", path, "--set", "layers=3")


@pytest.mark.clock
def test_an_interrupt_says_what_is_left(folder: Path) -> None:
    """Little of the 4 GB is written before the interrupt."""
    specs = {f"layers.{i}.weight": [4096, 4096] for i in range(64)}
    (folder / "large.json").write_text(json.dumps(specs))
    Recipe({"*": "he_normal"}, seed=1, convention="torch").save(folder / "one.json")
    arguments = ["--specs", folder / "large.json", "--recipe", folder / "one.json"]
    out = folder / "out"
    process = subprocess.Popen(
        [*COMMAND, "create", *map(str, arguments), "--out", out],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not list(out.glob("*.partial")):
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert output == ""
    message = errors.strip()
    assert message.startswith(f"error: interrupted: {out / 'model.safetensors'} is not whole")
    assert message.endswith(("; nothing is left", " are kept, --resume continues"))
    assert not (out / "model.safetensors").exists()


def test_messages_name_options_instead_of_arguments(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(create, "write_counted", write)
    left = "3 of 9 bytes are kept, `resume=True` continues"
    error: BaseException = OSError(28, f"No space left on device; {left}", "a.safetensors")
    arguments = ["create", "--model", "gpt2", "--out", "a.safetensors"]
    assert command.fails(*arguments, status=3) == (
        "a.safetensors: No space left on device; 3 of 9 bytes are kept, --resume continues"
    )
    error = KeyboardInterrupt(f"a.safetensors is not whole; {left}")
    assert command.fails(*arguments, status=130) == (
        "interrupted: a.safetensors is not whole; 3 of 9 bytes are kept, --resume continues"
    )


def test_plain_shapes_need_a_convention(command: Command, folder: Path) -> None:
    """The values depend on the convention; the file records it, and `verify` uses the record."""
    unset = Recipe(RECIPE.rules, seed=7)
    unset.save(folder / "unset.toml")
    given = ["--specs", folder / "specs.json", "--recipe", folder / "unset.toml"]
    path = folder / "a.safetensors"
    for arguments in (["plan", *given], ["create", *given, "--out", path]):
        assert "on the command line --convention) must be 'torch'" in command.fails(*arguments)
    assert not path.exists()
    for convention in ("torch", "keras"):
        command("create", *given, "--out", path, "--overwrite", "--convention", convention)
        expected = Recipe(RECIPE.rules, seed=7, convention=convention).init(SPECS)
        assert (load_file(path)["up.weight"] == expected["up.weight"]).all()
        assert command("verify", path).status == 0
        assert command("verify", path, *given[2:]).status == 0
        verify = ["verify", path, *given[2:], "--convention"]
        assert command(*verify, convention).status == 0
        command(*verify, "keras" if convention == "torch" else "torch", status=1)
    stated = ["plan", "--specs", folder / "specs.json", "--recipe", folder / "mine.toml"]
    assert "must be the recipe's, 'keras'" in command.fails(*stated, "--convention", "torch")


def test_partial_accepts_a_part_of_a_model(command: Command, folder: Path) -> None:
    (folder / "part.json").write_text(json.dumps({"up.weight": SPECS["up.weight"]}))
    given = ["--specs", folder / "part.json", "--recipe", folder / "mine.toml"]
    path = folder / "part.safetensors"
    for arguments in (["plan", *given], ["create", *given, "--out", path]):
        message = command.fails(*arguments)
        assert "rule 1 of the recipe, `*.bias`, matches no weight" in message
        assert "rule 2 of the recipe, `norm*`, matches no weight" in message
        command(*arguments, "--partial")
    assert (load_file(path)["up.weight"] == RECIPE.init(SPECS)["up.weight"]).all()
    assert command("verify", path).status == 0
    assert command("verify", path, "--specs", folder / "part.json", "--partial").status == 0
    assert "matches no weight" in command.fails("verify", path, "--specs", folder / "part.json")
