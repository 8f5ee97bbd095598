"""Write the crates in the wheels into docs/dependencies.md, their texts and their list for tools.

    python tools/list_dependencies.py [--check]

Crates are those of Cargo.lock on every platform; build scripts and procedural macros leave nothing
in a wheel. Texts, for THIRD_PARTY_LICENSES, come from the sources that cargo has fetched.
sbom.cdx.json is a CycloneDX list without the time, the folder or the number of a build, which that
of maturin has. `--check` writes nothing and fails if a file differs.
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
SBOM = ROOT / "sbom.cdx.json"

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
    sha256: str
    needs: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its name as a package URL."""
        return f"pkg:cargo/{self.name}@{self.version}"

    @property
    def label(self) -> str:
        """Its name, version and license."""
        return f"{self.name} {self.version} ({self.license})"


def list_crates() -> list[Crate]:
    """Return the crates in the wheels, by name."""
    wanted = {tuple(line.split()[:2]) for line in _run(TREE).splitlines()}
    metadata = json.loads(_run(METADATA))
    packages = {
        one["id"]: one
        for one in metadata["packages"]
        if (one["name"], f"v{one['version']}") in wanted and one["name"] != "initializers"
    }
    purls = {key: f"pkg:cargo/{one['name']}@{one['version']}" for key, one in packages.items()}
    needs = {
        node["id"]: tuple(sorted(purls[key] for key in node["dependencies"] if key in purls))
        for node in metadata["resolve"]["nodes"]
    }
    sums = read_checksums()
    return sorted(
        Crate(
            one["name"],
            one["version"],
            one["license"],
            Path(one["manifest_path"]).parent,
            sums[one["name"], one["version"]],
            needs[key],
        )
        for key, one in packages.items()
    )


def read_direct() -> set[str]:
    """Return the names of the crates that Cargo.toml asks for."""
    lines = _run((*TREE, "--depth", "1")).splitlines()
    return {line.split()[0] for line in lines}


def read_checksums() -> dict[tuple[str, str], str]:
    """Return the SHA-256 of each crate's archive, by name and version."""
    text = (ROOT / "Cargo.lock").read_text(encoding="utf-8")
    packages = re.findall(
        r'name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "(\w+)"', text
    )
    return {(name, version): checksum for name, version, checksum in packages}


def _run(command: tuple[str, ...]) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def write_page(crates: list[Crate]) -> str:
    """Return the page of the documentation."""
    rows = [f"| {one.name} | {one.version} | {one.license} |" for one in crates]
    return "\n".join(
        [
            "# Dependencies\n",
            "Python: NumPy, ml_dtypes, click and rich. The wheels contain the code of these",
            "crates, their license texts in `THIRD_PARTY_LICENSES`, and their list for tools, a",
            "CycloneDX SBOM (`sbom.cdx.json`); `make dependencies` writes all three.\n",
            "| crate | version | license |\n|---|---|---|",
            *rows,
            "",
        ]
    )


def write_sbom(crates: list[Crate]) -> str:
    """Return the list of the crates as CycloneDX 1.5: the same text for the same Cargo.lock."""
    components = [
        {
            "type": "library",
            "bom-ref": one.purl,
            "name": one.name,
            "version": one.version,
            "hashes": [{"alg": "SHA-256", "content": one.sha256}],
            "licenses": [{"expression": one.license.replace("/", " OR ")}],
            "purl": one.purl,
        }
        for one in crates
    ]
    asked = read_direct()
    direct = [one.purl for one in crates if one.name in asked]
    component = {"type": "library", "bom-ref": "initializers", "name": "initializers"}
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component},
        "components": components,
        "dependencies": [
            {"ref": "initializers", "dependsOn": direct},
            *({"ref": one.purl, "dependsOn": list(one.needs)} for one in crates),
        ],
    }
    return json.dumps(bom, indent=1) + "\n"


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
    files = {
        PAGE: write_page(crates),
        LICENSES: write_licenses(crates),
        SBOM: write_sbom(crates),
    }
    for path, text in files.items():
        if not arguments:
            path.write_bytes(text.encode())
        elif not path.exists() or path.read_bytes() != text.encode():
            print(f"{path.name} is not that of Cargo.lock: `make dependencies`", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
