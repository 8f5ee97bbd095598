"""Check that folders of src/ import only from earlier layers, and that imports form no circle.

`LAYERS` is the order; `docs/contributing.md` says what each folder holds. `lib.rs` and unit tests
may import anything. `make lint` runs this.
"""

from __future__ import annotations

import graphlib
import re
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src"

# Each layer may import from those before it.
LAYERS = (
    "error",
    "memory",
    "cpu",
    "stream",
    "float",
    "fans",
    "fill",
    "initializer",
    "samplers",
    "matrix",
    "families",
    "roots",
    "pattern",
    "recipe",
    "serialization",
    "python",
)

_TESTS = re.compile(r"^#\[cfg\((all\()?test\b.*$", re.MULTILINE)
_COMMENT = re.compile(r"//.*$", re.MULTILINE)
# `crate::` and the path after it, up to a group in braces or the end of the name.
_PATH = re.compile(r"\bcrate::((?:\w+::)*)(?:(\w+)|\{([^;]*?)\};)")


def read(path: Path) -> str:
    """Return a file without its comments and its unit tests, which come last."""
    return _COMMENT.sub("", _TESTS.split(path.read_text())[0])


def find_reexports() -> dict[str, str]:
    """Return exported name → module that defines it, from `lib.rs`."""
    names = {}
    for module, name, group in re.findall(
        r"^pub use ((?:\w+::)+)(?:(\w+)|\{(.*)\});", (SOURCE / "lib.rs").read_text(), re.MULTILINE
    ):
        for each in (name or group).split(","):
            names[each.strip()] = module.removesuffix("::")
    return names


def find_imports(path: Path, reexports: dict[str, str]) -> set[str]:
    """Return the modules that a file imports, as `folder::file` or `folder`."""
    modules = set()
    for prefix, name, group in _PATH.findall(read(path)):
        if prefix:
            modules.add("::".join(prefix.split("::")[:2]).removesuffix("::"))
        else:
            for each in re.findall(r"\w+", name or group):
                modules.add(reexports.get(each, each))
    return modules


def name_of(path: Path) -> str:
    """Return the module of a file: `cpu::threads` for `src/cpu/threads.rs`."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return "::".join(part for part in parts if part != "mod")


def main() -> int:
    """Print every violation; return 1 if there is one."""
    reexports = find_reexports()
    left_out = {SOURCE / name for name in ("lib.rs", "doctests.rs", "tests.rs")}
    files = sorted(path for path in SOURCE.rglob("*.rs") if path not in left_out)
    names = {name_of(path) for path in files}
    errors: list[str] = []
    graph: dict[str, set[str]] = {}
    for path in files:
        file = path.relative_to(SOURCE).as_posix()
        own = name_of(path).split("::")[0]
        graph[name_of(path)] = set()
        if own not in LAYERS:
            errors.append(f"src/{file}: `{own}` is not in LAYERS")
            continue
        for module in sorted(find_imports(path, reexports)):
            folder = module.split("::")[0]
            if folder not in LAYERS:
                errors.append(f"src/{file}: `crate::{module}` is in no layer")
            elif LAYERS.index(folder) <= LAYERS.index(own):
                graph[name_of(path)].add(module if module in names else folder)
                graph[name_of(path)].discard(name_of(path))  # a macro refers to its own path
            else:
                errors.append(f"src/{file}: `{own}` imports `crate::{module}`, which is below it")
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        errors.append("circle: " + " -> ".join(error.args[1]))
    print("\n".join(errors), end="\n" if errors else "")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
