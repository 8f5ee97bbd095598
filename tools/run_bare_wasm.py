"""Calls the WebAssembly module of `tools/wasm`, which is named, and prints its digests in one line.

The module must import nothing, and the digest of its recipe must be Python's. `tools/crossarch.py`
calls this, and installs `wasmtime`.
"""

from __future__ import annotations

import sys

from wasmtime import Engine, Instance, Module, Store

NAMES = ("words", "uniform", "normal", "truncated", "bounds", "orthogonal", "roots")
# Of Recipe({"*": "he_normal"}, seed=1, convention="keras") for {"kernel": (784, 256)}, in Python.
RECIPE = 0x6342556085A01EA8


def main(path: str) -> int:
    """Print the digests; return 1 if the module imports something, or the recipe's is wrong."""
    engine = Engine()
    store, module = Store(engine), Module.from_file(engine, path)
    if module.imports:
        print(f"imports: {[each.name for each in module.imports]}", file=sys.stderr)
        return 1
    exports = Instance(store, module, []).exports(store)
    digests = [exports["digest"](store, index) % 2**64 for index in range(len(NAMES))]
    pairs = zip(NAMES, digests, strict=True)
    print("scalar", *(f"{name}={digest:016x}" for name, digest in pairs))
    return int(exports["recipe_digest"](store) % 2**64 != RECIPE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
