"""Runs the WebAssembly program (WASI preview 1) that is named, with the arguments that follow.

It may read the golden files. `tools/crossarch.py` calls this for cargo, and installs `wasmtime`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from wasmtime import Engine, ExitTrap, Linker, Module, Store, WasiConfig

# The program looks for it in the folder of the manifest that cargo built.
GOLDEN = str(Path(os.environ["CARGO_MANIFEST_DIR"]) / "tests" / "golden")


def main(arguments: list[str]) -> int:
    """Run the program, and return what it exits with."""
    engine = Engine()
    store = Store(engine)
    wasi = WasiConfig()
    wasi.argv = arguments
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    wasi.preopen_dir(GOLDEN, GOLDEN, fs_mutable=False)
    store.set_wasi(wasi)
    linker = Linker(engine)
    linker.define_wasi()
    program = linker.instantiate(store, Module.from_file(engine, arguments[0]))
    try:
        program.exports(store)["_start"](store)
    except ExitTrap as end:
        return int(end.code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
