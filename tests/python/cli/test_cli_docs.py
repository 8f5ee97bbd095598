"""Commands print what the pages show."""

from __future__ import annotations

import fnmatch
import re
import shlex
from pathlib import Path

import pytest

from commands import Command
from pages import ROOT

pytestmark = pytest.mark.slow

PAGES = [ROOT / "docs" / "cli.md", ROOT / "README.md"]


def read_sessions(page: Path) -> list[tuple[str, list[str]]]:
    """Return the commands in a page's console blocks, each with the output lines that follow."""
    sessions: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        for line in block.rstrip("\n").split("\n"):
            if line.startswith("$ "):
                sessions.append((line[2:], []))
            else:
                sessions[-1][1].append(line)
    return sessions


def matches(lines: list[str], expected: list[str]) -> bool:
    """Whether lines equal the expected ones: `…` matches any text; alone, any number of lines."""
    if not expected:
        return not lines
    if expected[0] == "…":
        return any(matches(lines[start:], expected[1:]) for start in range(len(lines) + 1))
    pattern = fnmatch.translate(re.sub(r"([*?[])", r"[\1]", expected[0]).replace("…", "*"))
    fits = bool(lines) and re.match(pattern, lines[0]) is not None
    return fits and matches(lines[1:], expected[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_console_blocks_print_what_the_page_shows(
    command: Command, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")
    status = 0
    sessions = read_sessions(page)
    assert sessions
    for position, (line, expected) in enumerate(sessions):
        if line == "echo $?":
            assert [str(status)] == expected
            continue
        checked = sessions[position + 1 : position + 2] == [("echo $?", ["1"])]
        name, *arguments = shlex.split(line)
        assert name == "initializers"
        target = None
        if arguments[-2:-1] in ([">"], [">>"]):  # a leading `~` is the home folder
            target = tmp_path / arguments[-1].removeprefix("~/")
            arguments = arguments[:-2]
        status = 1 if checked else 0
        output = command(*arguments, status=status).output
        if target is not None:
            assert output
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(output)
            output = ""
        received = output.rstrip("\n").split("\n") if output else []
        assert matches(received, expected), "\n".join([line, *received])
