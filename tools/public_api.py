"""List the crate's public API, or compare it with tests/public_api.txt.

    python tools/public_api.py           compare; exit status 1 if they differ
    python tools/public_api.py --write   write the file

rustdoc's JSON says what is public; a line is the item's own source, up to its body. The JSON is an
unstable feature: `RUSTC_BOOTSTRAP` enables it. Its format depends on the compiler; an untested
format is reported, and nothing is compared.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tests" / "public_api.txt"
TARGET = ROOT / "target" / "public-api"
# Formats of rustdoc's JSON that this script was tested with.
FORMATS = range(57, 58)

Item = dict[str, Any]


def read_rustdoc() -> dict[str, Any]:
    """Return rustdoc's JSON of the crate with the features `recipe` and `serde`."""
    command = ["cargo", "rustdoc", "--locked", "--quiet", "--lib", "--features", "recipe,serde"]
    command += ["--target-dir", str(TARGET)]
    options = ["--", "-Z", "unstable-options", "--output-format", "json"]
    subprocess.run(
        command + options, cwd=ROOT, env={**os.environ, "RUSTC_BOOTSTRAP": "1"}, check=True
    )
    found: dict[str, Any] = json.loads((TARGET / "doc" / "initializers.json").read_text())
    return found


def signature(item: Item) -> str:
    """Return an item's source up to its body, on one line."""
    span = item["span"]
    lines = (ROOT / span["filename"]).read_text().splitlines()
    (first, column), (last, _) = span["begin"], span["end"]
    text = "\n".join([lines[first - 1][column - 1 :], *lines[first:last]])
    ends = {"constant": " = ", "assoc_const": " = ", "struct": r"[({]"}
    end = next((end for kind, end in ends.items() if kind in item["inner"]), "$^")
    text = re.split(rf"\{{\n|;\n|;$|\{{$| \{{ |{end}", text, maxsplit=1)[0]
    text = re.sub(r"\s+", " ", text).strip().replace(",)", ")")
    if "function" in item["inner"] and re.match(r"\w+! ?[({]?", text):
        return made_by_macro(item)
    return re.sub(r"\( ", "(", re.sub(r",? \)", ")", text)).rstrip(",")


def made_by_macro(item: Item) -> str:
    """Return the signature of a function made by a macro, whose source is the macro's call."""
    function = item["inner"]["function"]["sig"]
    inputs = [f"{name}: {type_name(kind)}" for name, kind in function["inputs"]]
    return f"pub fn {item['name']}({', '.join(inputs)}) -> {type_name(function['output'])}"


def type_name(kind: Any) -> str:
    """Return a type or trait as a Rust program writes it."""
    if kind is None or isinstance(kind, str):
        return kind or "_"
    if "primitive" in kind or "generic" in kind:
        return str(kind.get("primitive") or kind["generic"])
    if "borrowed_ref" in kind:
        mutable = "mut " if kind["borrowed_ref"]["is_mutable"] else ""
        return f"&{mutable}{type_name(kind['borrowed_ref']['type'])}"
    if "slice" in kind:
        return f"[{type_name(kind['slice'])}]"
    if "array" in kind:
        return f"[{type_name(kind['array']['type'])}; {kind['array']['len']}]"
    path = kind.get("resolved_path", kind)
    arguments = ((path.get("args") or {}).get("angle_bracketed") or {}).get("args") or []
    names = [type_name(argument.get("type", argument.get("lifetime"))) for argument in arguments]
    return str(path["path"]) + (f"<{', '.join(names)}>" if names else "")


def list_api(crate: dict[str, Any]) -> list[str]:
    """Return one line for each public item, sorted within its type or trait."""
    index: dict[str, Item] = crate["index"]

    def members(ids: list[int], owner: str) -> list[str]:
        lines = []
        for each in ids:
            item = index[str(each)]
            if item["visibility"] in ("public", "default"):
                lines.append(f"{owner}: {signature(item)}")
        return sorted(lines)

    def implementations(ids: list[int], owner: str) -> list[str]:
        lines, traits = [], []
        for each in ids:
            implementation = index[str(each)]["inner"]["impl"]
            trait = implementation["trait"]
            if trait is None:
                lines += members(implementation["items"], owner)
            elif not (
                implementation["is_synthetic"]
                or implementation["blanket_impl"]
                or is_private(trait["id"])
                or trait["path"] == "StructuralPartialEq"  # of the compiler's own
            ):
                traits.append(f"{owner}: impl {type_name(trait)}")
        return sorted(lines) + sorted(set(traits))

    def is_private(trait: int) -> bool:
        # Traits of other crates are not in the index.
        return str(trait) in index and index[str(trait)]["visibility"] != "public"

    lines = []
    for each in index[str(crate["root"])]["inner"]["module"]["items"]:
        use = index[str(each)]["inner"]["use"]
        name = use["name"]
        if str(use["id"]) not in index:
            lines.append(f"{name}: pub use {use['source']}")
            continue
        item = index[str(use["id"])]
        [(kind, inner)] = item["inner"].items()
        lines.append(f"{name}: {signature(item)}")
        if kind == "trait":
            lines += members(inner["items"], name)
        elif kind == "enum":
            for variant in (index[str(variant)] for variant in inner["variants"]):
                lines.append(f"{name}: {signature(variant)}")
                fields = variant["inner"]["variant"]["kind"]
                if "struct" in fields:
                    lines += members(fields["struct"]["fields"], f"{name}::{variant['name']}")
            lines += implementations(inner["impls"], name)
        elif kind == "struct":
            lines += implementations(inner["impls"], name)
    return lines


def main() -> int:
    """Compare or write the list."""
    crate = read_rustdoc()
    if crate["format_version"] not in FORMATS:
        print(f"not compared: rustdoc's JSON has format {crate['format_version']}, not {FORMATS}")
        return 1 if os.environ.get("CI") else 0  # the gate compares, or fails
    text = "\n".join(list_api(crate)) + "\n"
    if "--write" in sys.argv[1:]:
        LIST.write_text(text)
        return 0
    known = LIST.read_text()
    if text == known:
        return 0
    print(
        "The public API of the crate is not that of tests/public_api.txt. If it is meant to change:"
    )
    print("python tools/public_api.py --write, and a line in CHANGELOG.md.\n")
    sys.stdout.writelines(
        difflib.unified_diff(known.splitlines(True), text.splitlines(True), "listed", "now", n=0)
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
