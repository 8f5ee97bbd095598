"""The targets of `crossarch.py`: how their programs are linked and run, and what they are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "target" / "crossarch"


class Target(NamedTuple):
    """A target of the compiler, how its programs are linked and run, and what it is.

    `sets_mode`: the crate sets its floating-point mode.
    """

    triple: str
    what: str
    compiler: str
    runner: str
    builds_std: bool = True
    sets_mode: bool = False

    @property
    def how(self) -> str:
        """How its programs run."""
        kinds = {"qemu-": "emulated", "python": "emulated, wasmtime", "wine": "real, under Wine"}
        found = [how for word, how in kinds.items() if word in self.runner]
        return found[0] if found else "real"


def emulate(triple: str, processor: str, what: str, gnu: str | None = None) -> Target:
    """Return a target with Debian's compiler, C library and emulator."""
    gnu = gnu or triple.replace("-unknown", "")
    return Target(triple, what, f"{gnu}-gcc", f"qemu-{processor} -L /usr/{gnu}")


TARGETS = {
    "aarch64": emulate("aarch64-unknown-linux-gnu", "aarch64", "ARM 64-bit, NEON")._replace(
        builds_std=False, sets_mode=True
    ),
    "s390x": emulate("s390x-unknown-linux-gnu", "s390x", "IBM Z, big-endian"),
    "riscv64": emulate(
        "riscv64gc-unknown-linux-gnu", "riscv64", "RISC-V 64-bit", "riscv64-linux-gnu"
    ),
    "armv7": emulate(
        "armv7-unknown-linux-gnueabihf", "arm", "ARM 32-bit, hard float", "arm-linux-gnueabihf"
    ),
    "i686": Target(
        "i686-unknown-linux-gnu",
        "x86 32-bit",
        "i686-linux-gnu-gcc",
        "/usr/i686-linux-gnu/lib/ld-linux.so.2 --library-path /usr/i686-linux-gnu/lib",
        sets_mode=True,
    ),
    "musl": Target("x86_64-unknown-linux-musl", "x86-64 without glibc", "musl-gcc", "env"),
    "wasm32": Target(
        "wasm32-wasip1",
        "WebAssembly, one thread",
        str(TOOLS / "wasm-ld"),
        f"{sys.executable} {ROOT / 'tools' / 'run_wasm.py'}",
    ),
    "windows": Target(
        "x86_64-pc-windows-gnu",
        "x86-64 under wine",
        "x86_64-w64-mingw32-gcc",
        str(ROOT / "tools" / "run_wine.sh"),
        sets_mode=True,
    ),
}
