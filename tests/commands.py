"""Runs commands: in this process where that is fast, or in a new one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, NamedTuple

import pytest

from initializers import cli


class Result(NamedTuple):
    status: int
    output: str
    errors: str

    @property
    def document(self) -> Any:
        return json.loads(self.output, parse_constant=refuse)


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


class Command:
    """Calls the command line and returns its output; `fails` expects an error without traceback."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: object, status: int = 0) -> Result:
        received = cli.run([str(argument) for argument in arguments])
        captured = self.capsys.readouterr()
        assert received == status, captured.err
        return Result(received, captured.out, captured.err)

    def fails(self, *arguments: object, status: int = 2) -> str:
        """Return the error with its hints; check that nothing else was printed."""
        result = self(*arguments, status=status)
        assert result.output == ""
        assert "Traceback" not in result.errors
        _, _, text = result.errors.rstrip("\n").rpartition("error: ")
        return text.replace("\nhint:  ", "\n")


def run_process(*arguments: object, **environment: str) -> Result:
    """Run the command line as a user does, with warnings as errors."""
    process = subprocess.run(
        [sys.executable, "-W", "error", "-m", "initializers", *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return Result(process.returncode, process.stdout, process.stderr)
