"""Every file has the project's one address, or none has any."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tools"))

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from address import ADDRESS, write_cargo, write_pyproject, write_readme  # noqa: E402

FILES = {
    "pyproject.toml": write_pyproject,
    "Cargo.toml": write_cargo,
    "README.md": write_readme,
}


@pytest.mark.parametrize("name", FILES)
def test_files_have_the_address(name: str) -> None:
    text = (ROOT / name).read_text()
    assert FILES[name](text, ADDRESS) == text


@pytest.mark.parametrize("name", FILES)
def test_an_address_goes_in_and_out(name: str) -> None:
    text = FILES[name]((ROOT / name).read_text(), "")
    written = FILES[name](text, "https://example.org/a")
    if name == "README.md":
        assert not re.search(r'\]\((?!https?:|#)|src(set)?="(?!https?:)', written)
        assert "](https://example.org/a/blob/main/docs/recipes.md)" in written
        assert write_readme(written, "https://example.org/b").count("example.org/a") == 0
        assert write_readme(written, "") == text
        return
    parsed = tomllib.loads(written)
    if name == "Cargo.toml":
        assert parsed["package"]["repository"] == "https://example.org/a"
    else:
        assert parsed["project"]["urls"]["Source"] == "https://example.org/a"
        assert parsed["project"]["scripts"]
    assert FILES[name](written, "") == text
