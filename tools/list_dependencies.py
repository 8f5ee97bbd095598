"""Write docs/dependencies.md, the crates in the wheels, and THIRD_PARTY_LICENSES, their texts.

    python tools/list_dependencies.py [--check]

Crates are those of Cargo.lock on every platform; build scripts and procedural macros leave nothing
in a wheel. Texts come from the sources that cargo has fetched. `--check` writes nothing and fails
if a file differs.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "dependencies.md"
LICENSES = ROOT / "THIRD_PARTY_LICENSES"

EDGES = ("--edges", "normal,no-proc-macro", "--target", "all", "--features", "python")
TREE = ("cargo", "tree", "--locked", *EDGES, "--prefix", "none", "--format", "{p}")
METADATA = ("cargo", "metadata", "--locked", "--format-version", "1", "--features", "python")

_TEXT = re.compile(r"(?i)(licen[cs]e|copying|notice|copyright|unlicense).*")
# Published without a text, from the repository of another crate, which has one.
_TEXT_OF = {"pulp-wasm-simd-flag": "pulp"}

HEAD = """\
The wheels of `initializers` contain compiled code of the crates below and of the Rust standard
library (MIT OR Apache-2.0, Copyright (c) The Rust Project Contributors). Where a crate offers a
choice, the text of the license that is used is given. `make dependencies` writes this file.
"""
RULE = "=" * 100


class Crate(NamedTuple):
    """A crate in a wheel."""

    name: str
    version: str
    license: str
    folder: Path

    @property
    def label(self) -> str:
        """Its name, version and license."""
        return f"{self.name} {self.version} ({self.license})"


def list_crates() -> list[Crate]:
    """Return the crates in the wheels, by name."""
    lines = _run(TREE).splitlines()
    wanted = {tuple(line.split()[:2]) for line in lines}
    packages = json.loads(_run(METADATA))["packages"]
    crates = [
        Crate(one["name"], one["version"], one["license"], Path(one["manifest_path"]).parent)
        for one in packages
        if (one["name"], f"v{one['version']}") in wanted and one["name"] != "initializers"
    ]
    return sorted(crates)


def _run(command: tuple[str, ...]) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def write_page(crates: list[Crate]) -> str:
    """Return the page of the documentation."""
    rows = [f"| {one.name} | {one.version} | {one.license} |" for one in crates]
    return "\n".join(
        [
            "# Dependencies\n",
            "Python: NumPy and ml_dtypes. The wheels contain the code of these crates, and their",
            "license texts in `THIRD_PARTY_LICENSES`; `make dependencies` writes both.\n",
            "| crate | version | license |\n|---|---|---|",
            *rows,
            "",
        ]
    )


def write_licenses(crates: list[Crate]) -> str:
    """Return the license texts, each once, under the crates that have it."""
    folders = {one.name: one.folder for one in crates}
    users: dict[str, list[Crate]] = {}
    for crate in crates:
        folder = folders[_TEXT_OF.get(crate.name, crate.name)]
        for path in find_texts(crate, folder):
            text = path.read_text(encoding="utf-8").replace("\r\n", "\n").strip("\n")
            users.setdefault(text, []).append(crate)
    parts = [HEAD]
    for text, group in users.items():
        parts += [f"{RULE}\n", *(f"{crate.label}\n" for crate in group), f"\n{text}\n\n"]
    return "".join(parts)


def find_texts(crate: Crate, folder: Path) -> list[Path]:
    """Return the files with the license that is used, and with notices.

    Raises:
        ValueError: If the crate came without a text.
    """
    found = sorted(path for path in folder.iterdir() if _TEXT.fullmatch(path.name))
    choices = set(re.split(r" OR |/", crate.license))
    mit = [path for path in found if "MIT" in path.name.upper()]
    if "MIT" in choices and mit:  # the shortest, and the one that has the copyright line
        found = [*mit, *(path for path in found if not path.name.upper().startswith("LICEN"))]
    if not found:
        raise ValueError(f"{crate.label} has no license text: name a crate that has it")
    return found


def main(arguments: list[str]) -> int:
    """Write or check the files; return the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    crates = list_crates()
    status = 0
    for path, text in ((PAGE, write_page(crates)), (LICENSES, write_licenses(crates))):
        if not arguments:
            path.write_bytes(text.encode())
        elif not path.exists() or path.read_bytes() != text.encode():
            print(f"{path.name} is not that of Cargo.lock: `make dependencies`", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
