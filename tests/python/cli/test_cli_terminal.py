"""The command line in a terminal: bars, errors with hints, foreign files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from commands import Command, run_process
from initializers import Recipe
from initializers._arguments.sizes import part_text, size_text
from initializers.recipe import model_specs
from terminal import render, run_in_terminal


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file of four tensors of 4 MB: reading it advances the bar several times."""
    path = tmp_path / "w.safetensors"
    save_file({f"layer.{i}": np.full((1024, 1024), i, np.float32) for i in range(4)}, path)
    return path


@pytest.mark.parametrize("columns", [80, 140])
def test_a_bar_leaves_the_table_alone(weights: Path, columns: int) -> None:
    screen = run_in_terminal("inspect", weights, columns=columns)
    assert screen.status == 0
    assert "reading" in screen.written
    plain = run_process("inspect", weights, COLUMNS=str(columns)).output.split("\n")
    assert [line.rstrip() for line in screen.lines[:-1]] == plain[:-2]
    assert screen.lines[-1].startswith("4 tensors, 4,194,304 values, 16.8 MB in ")


def test_no_bar_is_shown_beside_a_pipe(weights: Path) -> None:
    """The pipe's reader may write to the same terminal, as `head` does."""
    screen = run_in_terminal("inspect", weights, pipe=True)
    assert screen.written == ""
    assert screen.piped.startswith("layer.0  1024 × 1024  float32")


def test_selftest_counts_tensors() -> None:
    screen = run_in_terminal("selftest")
    assert screen.status == 0
    assert " tensors " in screen.written
    for unit in ("bytes", "kB", "/s"):
        assert unit not in screen.written
    assert screen.lines[0].startswith("processor ")


def test_the_rendered_screen_follows_control_sequences() -> None:
    assert render("ab\r\ncd\x1b[1A\x1b[2K\rx\x1b[31my\x1b[0m\r\n\n") == ["xy", "cd"]


def test_errors_are_red_and_hints_follow() -> None:
    screen = run_in_terminal("show", "he_norml")
    assert screen.status == 2
    assert "\x1b[1;31merror:" in screen.written
    *_, error, hint = screen.lines
    assert error.startswith("error: an initializer must be named by one of")
    assert error.endswith("received: 'he_norml'")
    assert hint == "hint:  did you mean 'he_normal'?"


def test_an_error_about_rules_has_two_lines(command: Command) -> None:
    result = command("plan", "--model", "gpt2", "--recipe", "llama", status=2)
    assert result.errors == (
        "error: rule 2 of the recipe, `*norm.weight`, matches no weight "
        "(nearest: 'ln_f.weight')\n"
        "hint:  Fix its pattern, mark it optional, or pass --partial for a part of a model.\n"
    )


def test_specs_explain_recipes(command: Command, tmp_path: Path) -> None:
    (tmp_path / "specs.json").write_text("{}")
    text = command.fails("plan", "--specs", tmp_path / "specs.json")
    assert "a --recipe must say how each weight is initialized\nuse a published one" in text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "is empty"),
        (b"\x8f" * 5000, "is not a safetensors file"),
        (b"%PDF-1.7 and more", "is not a safetensors file"),
    ],
)
def test_foreign_files_are_refused(
    command: Command, tmp_path: Path, data: bytes, text: str
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)
    for name in ("inspect", "verify"):
        assert text in command.fails(name, path)
    assert text in command.fails("plan", "--specs", path, "--recipe", "llama")


def test_a_truncated_file_is_reported_with_its_size(command: Command, weights: Path) -> None:
    os.truncate(weights, 5_000_000)
    assert "w.safetensors' is truncated: 5.0 of 16.8 MB" in command.fails("inspect", weights)
    os.truncate(weights, 100)
    assert "is truncated: 100 of " in command.fails("verify", weights)


def test_a_folder_without_a_checkpoint_is_an_error(command: Command, tmp_path: Path) -> None:
    requests = [["inspect"], ["verify"], ["plan", "--recipe", "llama", "--specs"]]
    for arguments in requests:
        text = command.fails(*arguments, tmp_path)
        assert "a folder with model.safetensors or model.safetensors.index.json" in text


def test_resume_reports_what_it_kept(command: Command, tmp_path: Path) -> None:
    (tmp_path / "specs.json").write_text('{"a": [500, 500], "b": [500, 500]}')
    Recipe({"*": "he_normal"}, seed=1, convention="torch").save(tmp_path / "r.toml")
    request = ["create", "--specs", tmp_path / "specs.json", "--recipe", tmp_path / "r.toml"]
    out = tmp_path / "out"
    arguments = [*request, "--out", out, "--max-shard-size", "1MB"]
    assert ": 2 tensors, 500,000 elements, 2 MB in " in command(*arguments).output
    text = command(*arguments, "--resume").output
    assert text.endswith(
        ": 2 tensors, 500,000 elements, 2 MB complete already; nothing to do, seed 1\n"
    )
    (out / "model-00002-of-00002.safetensors").unlink()
    (out / "model.safetensors.index.json").unlink()
    text = command(*arguments, "--resume").output
    assert "elements, 1 MB kept, 1 MB in " in text
    assert "/s) written, seed 1" in text
    one = ["create", "--model", "gpt2", "--set", "layers=1", "--dtype", "bfloat16", "--json"]
    document = command(*one, "--out", tmp_path / "one.safetensors").document
    assert document["written"] == document["bytes"]
    assert command(*one, "--out", tmp_path / "one.safetensors", "--resume").document["written"] == 0


def test_one_tensor_is_counted_in_the_singular(command: Command, tmp_path: Path) -> None:
    (tmp_path / "specs.json").write_text('{"a": [5]}')
    Recipe({"*": "ones"}, seed=1).save(tmp_path / "r.toml")
    out = tmp_path / "a.safetensors"
    request = ["create", "--specs", tmp_path / "specs.json", "--recipe", tmp_path / "r.toml"]
    assert ": 1 tensor, 5 elements, 20 bytes in " in command(*request, "--out", out).output


def test_layers_are_an_option_of_some_models(command: Command) -> None:
    document = command("plan", "--model", "gpt2", "--set", "layers=24", "--json").document
    names = [weight["name"] for weight in document["weights"]]
    assert len(names) == 292
    assert names[:2] == ["wte.weight", "wpe.weight"]
    assert names[-13].startswith("h.23.")
    assert document["rules"][2]["config"]["stddev"] == 0.02 / 48**0.5
    text = command.fails("plan", "--model", "llama-3.2-1b", "--set", "layers=4")
    assert text == "the recipe 'llama-3.2-1b' takes no numbers, received: `layers`"
    for layers, error in ((0, ValueError), (1.5, TypeError)):
        with pytest.raises(error, match="`layers` must be an integer >= 1"):
            model_specs("gpt2", layers=layers)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`layers` must be None for 'keras-resnet50'"):
        model_specs("keras-resnet50", layers=3)
    own = model_specs("gpt2")
    assert list(model_specs("gpt2", layers=12).items()) == list(own.items())


def test_an_interrupt_during_the_imports_ends_quietly(tmp_path: Path) -> None:
    """The signal ends the command, and nothing is printed."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'initializers._core':\n"
        "            import os, signal\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    for start in (["-m", "initializers"], ["-c", "import initializers"]):
        process = subprocess.run(
            [sys.executable, *start, "selftest"],
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        is_command = start[0] == "-m"
        assert process.returncode == (-signal.SIGINT)
        assert process.stdout == ""
        assert ("KeyboardInterrupt" in process.stderr) != is_command
        assert (process.stderr == "") == is_command


def test_help_groups_its_options(command: Command) -> None:
    text = command("--help").output
    assert [line[:-1] for line in text.split("\n") if line[:1].isupper() and line[-1:] == ":"] == [
        *("Options", "Write", "Check", "Look", "Set up")
    ]
    for name in ("recipe", "create", "selftest", "propagate", "completion"):
        assert f"\n  {name}" in text


def test_sizes_have_units() -> None:
    sizes = {0: "0 bytes", 999: "999 bytes", 1000: "1 kB", 999_499: "999 kB", 999_500: "1 MB"}
    sizes |= {497_759_232: "498 MB", 2_471_628_800: "2.47 GB", 2**64: "18.4 EB"}
    for size, text in sizes.items():
        assert size_text(size) == text
    assert part_text(5_000_000, 497_759_232) == "5.0 of 498 MB"
    assert part_text(200_400_000, 497_759_232) == "200 of 498 MB"
    assert part_text(3, 9) == "3 of 9 bytes"
