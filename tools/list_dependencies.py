"""The crates that the wheel is built from, as the page docs/dependencies.md (on stdout)."""

from __future__ import annotations

import subprocess

TREE = [
    "cargo",
    "tree",
    "--locked",
    "--features",
    "python",
    "--edges",
    "normal",
    "--prefix",
    "none",
]
FORMAT = ["--format", "{p}|{l}"]


def main() -> None:
    """Print the page."""
    tree = subprocess.run([*TREE, *FORMAT], capture_output=True, text=True, check=True).stdout
    rows = set()
    for line in tree.splitlines():
        package, licence = line.removesuffix(" (*)").split("|")
        name, version = package.split()[:2]
        if name != "initializers":
            rows.add((name, version.removeprefix("v"), licence.removesuffix(" (*)")))
    print("# Dependencies\n")
    print("Python: NumPy and ml_dtypes. Crates in the wheel, by `make dependencies`:\n")
    print("| crate | version | licence |\n|---|---|---|")
    for name, version, licence in sorted(rows):
        print(f"| {name} | {version} | {licence} |")


if __name__ == "__main__":
    main()
