"""The command line as a whole: help, exit statuses, pipes, interrupts, missing packages."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import initializers
from commands import Command, run_process
from initializers import cli
from initializers.cli import _output
from initializers.cli._command import Command as Described
from interpreter import run_code
from terminal import run_in_terminal

pytestmark = pytest.mark.slow

NAMES = sorted(cli.group.commands)
# Quick calls of every command that print something (None: no quick call).
CALLS = {
    "capture": None,  # needs torch: its tests are where that is
    "completion": ["bash"],
    "create": None,
    "inspect": None,
    "plan": ["--model", "gpt2"],
    "propagate": ["he_normal", "--depth", "3"],
    "recipe": ["gpt2"],
    "selftest": None,  # tested in test_cli_selftest.py
    "show": ["he_normal", "--shape", "20,30"],
    "verify": None,
}


def test_every_command_has_a_call_in_this_file() -> None:
    assert set(NAMES) == set(CALLS)


@pytest.mark.parametrize("name", NAMES)
def test_help_has_examples_and_fits_80_columns(
    command: Command, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = command(name, "--help")
    text = result.output
    assert "--json" in text
    prose, _, examples = text.partition("Examples:\n")
    assert f"initializers {name}" in examples
    described = cli.group.commands[name]
    assert isinstance(described, Described)
    assert described.short_help
    assert all(len(line) <= 80 for line in prose.split("\n"))
    assert all(len(line) <= 90 for line in examples.split("\n"))


@pytest.mark.parametrize("name", NAMES)
def test_examples_use_options_that_exist(name: str) -> None:
    described = cli.group.commands[name]
    assert isinstance(described, Described)
    known = {option for parameter in described.params for option in parameter.opts}
    for example in described.examples:
        for option in re.findall(r"--[a-z-]+", example):
            assert option in known, example


def test_help_without_arguments_is_an_error(command: Command) -> None:
    result = command(status=2)
    assert "Write:" in result.errors
    assert result.output == ""


def test_exit_statuses_are_documented(command: Command) -> None:
    text = " ".join(command("--help").output.split())
    for status in ("0 done", "1 a check", "2 a wrong", "3 it could not", "130 interrupted"):
        assert status in text


def test_version_is_printed(command: Command) -> None:
    assert command("--version").output == f"initializers, version {initializers.__version__}\n"


def test_wrong_usage_is_an_error_with_a_hint(command: Command) -> None:
    assert "No such command 'nix'" in command.fails("nix")
    assert "No such option" in command.fails("show", "ones", "--nix")
    assert "Missing argument" in command.fails("show")
    assert "is not one of 'bash', 'zsh', 'fish'" in command.fails("completion", "tcsh")


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if call is not None])
def test_json_is_one_document(command: Command, name: str) -> None:
    document = command(name, *(CALLS[name] or ()), "--json").document
    assert isinstance(document, dict)


def test_completion_scripts_are_printed(command: Command) -> None:
    for shell in ("bash", "zsh", "fish"):
        script = command("completion", shell).output
        assert f"_INITIALIZERS_COMPLETE={shell}_complete" in script
        assert command("completion", shell, "--json").document == {
            "shell": shell,
            "script": script[:-1],
        }


def test_a_shell_completes() -> None:
    environment = {"_INITIALIZERS_COMPLETE": "bash_complete"}
    result = run_process(COMP_WORDS="initializers in", COMP_CWORD="1", **environment)
    assert result.output == "plain,inspect\n"
    result = run_process(COMP_WORDS="initializers plan --model gp", COMP_CWORD="3", **environment)
    assert result.output == "plain,gpt2\n"


def test_output_has_no_colors_and_no_bars_in_a_pipe(tmp_path: Path) -> None:
    result = run_process("create", "--model", "gpt2", "--out", tmp_path / "a", COLUMNS="80")
    assert result.status == 0
    assert result.errors == ""
    assert "\x1b" not in result.output
    assert "\r" not in result.output
    result = run_process("show", "he_normal")
    assert result.errors == ""
    assert "\x1b" not in result.output


@pytest.mark.parametrize("variable", ["IGNORED", "NO_COLOR"])
def test_a_terminal_gets_colors_unless_the_environment_forbids_them(variable: str) -> None:
    screen = run_in_terminal("show", "he_normal", variable=variable)
    assert screen.status == 0
    assert ("\x1b[36m" in screen.written) == (variable != "NO_COLOR")
    assert "HeNormal(seed=0)" in screen.written


def test_a_narrow_encoding_escapes_characters() -> None:
    result = run_process("show", "he_normal", PYTHONIOENCODING="ascii")
    assert result.status == 0
    assert "\\u2588" in result.output


def test_a_closed_pipe_ends_quietly() -> None:
    command = [sys.executable, "-W", "error", "-m", "initializers", "plan", "--model", "gpt2"]
    process = subprocess.Popen(
        [*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "{\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 141


@pytest.mark.clock
def test_an_interrupt_ends_quietly() -> None:
    code = (
        "import sys\nfrom initializers import cli\nprint('ready', flush=True)\n"
        "sys.exit(cli.run(['selftest']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output == ""
    assert errors.strip() == "error: interrupted"


def test_too_little_memory_is_an_error(command: Command) -> None:
    assert "no memory" in command.fails("show", "zeros", "--shape", "999999999999,9999", status=3)


def without(*modules: str) -> str:
    """Return code that runs the command line as if these modules were not installed."""
    return (
        f"import sys\nfor name in {modules!r}: sys.modules[name] = None\n"
        "from initializers.__main__ import main\nsys.exit(main())"
    )


@pytest.mark.parametrize("module", ["click", "rich"])
def test_a_missing_package_is_an_error_that_says_how_to_install(module: str) -> None:
    result = run_code(without(module), "selftest")
    assert result.returncode == 3
    assert result.stderr == (
        f"error: the command needs the package {module!r}: pip install {module}\n"
    )
    assert result.stdout == ""


@pytest.mark.parametrize("picture", [[], ["--plot", "picture.png"]])
def test_only_pictures_need_matplotlib(picture: list[str], tmp_path: Path) -> None:
    code = without("matplotlib", "matplotlib.figure")
    result = run_code(code, "show", "he_normal", *picture, folder=tmp_path)
    if not picture:
        assert result.returncode == 0, result.stderr
        return
    assert result.returncode == 3
    assert result.stderr == (
        "error: pictures need the package 'matplotlib': "
        "pip install '.[plot]' in a clone of the repository of initializers\n"
    )
    assert result.stdout == ""


def test_importing_the_package_stays_light() -> None:
    code = (
        "import sys, initializers; "
        "print(*sorted({'click', 'rich', 'matplotlib', 'safetensors', 'initializers.cli'} "
        "& set(sys.modules)))"
    )
    result = run_code(code)
    assert result.stdout == "\n", result.stderr


def test_matplotlib_is_loaded_for_pictures_only() -> None:
    code = "import sys\nfrom initializers import cli\nsys.exit('matplotlib' in sys.modules)"
    assert run_code(code).returncode == 0


def test_control_characters_from_files_are_escaped() -> None:
    evil = "a\x1b[31mred\x07\u202egnp\u2028\ud800\n[bold]\x9b"
    text = _output.clean(evil)
    assert text == "a\\x1b[31mred\\x07\\u202egnp\\u2028\\ud800\\n[bold]\\x9b"
    assert _output.clean("layers.0/weight × Ω 日本") == "layers.0/weight × Ω 日本"


def test_numbers_that_json_lacks_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    _output.write_json({"a": float("nan"), "b": [float("inf"), 1.0], "c": "\x1b"})
    assert capsys.readouterr().out == (
        '{\n  "a": null,\n  "b": [\n    null,\n    1.0\n  ],\n  "c": "\\u001b"\n}\n'
    )
