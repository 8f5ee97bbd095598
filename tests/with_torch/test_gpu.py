"""The kernels for GPUs, tested without a GPU: values in an interpreter, instructions as text.

Neither proves the other: the interpreter knows nothing of the compiler, the instructions nothing of
values. `make gpu` tests both on a GPU.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import triton
from test_sharded import DIGEST, run_ranks
from triton.backends.compiler import GPUTarget
from triton.backends.nvidia.compiler import CUDABackend
from triton.compiler import ASTSource

from initializers._arguments.dtypes import FLOATS
from initializers.torch import _launch, _triton

HERE = Path(__file__).parent
LAWS = ("uniform", "normal", "two_sigma", "across", "above", "below")
# Every law, the f64 formulas, every rounding once, aligned and unaligned memory once.
KERNELS = [
    *((law, "float32", True) for law in LAWS),
    *((law, "float64", True) for law in LAWS[:4]),
    *(("uniform", dtype, True) for dtype in FLOATS if dtype not in ("float32", "float64")),
    ("uniform", "float32", False),
]
# Processors differ in arithmetic of float32 (packed multiply-adds) and in what they convert.
OFTEN = {
    *(("normal", "float32"), ("across", "float32")),
    *(("normal", "float64"), ("uniform", "bfloat16")),
}
CASES = [
    pytest.param(
        *(*kernel, capability),
        marks=[] if capability == 90 or kernel[:2] in OFTEN else [pytest.mark.long],
    )
    for kernel in KERNELS
    for capability in (80, 90, 100)
]
INEXACT = ("fma", "approx", "full", "ftz", "ex2", "lg2", "rcp", "mad.f", "mad.rn")


@pytest.mark.timeout(600)  # minutes on a busy machine
@pytest.mark.parametrize(
    ("chosen", "fewest"), [("not long", 117), pytest.param("long", 71, marks=pytest.mark.long)]
)
def test_interpreted_kernels_equal_the_core(chosen: str, fewest: int) -> None:
    """`interpreted.py` passes in a process where Triton interprets kernels."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", chosen, str(HERE / "interpreted.py")],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.returncode == 0, run.stdout
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed
    assert int(passed[1]) >= fewest, run.stdout


def test_kernels_fill_shards(tmp_path: Path) -> None:
    """Real processes fill their shards with the kernels."""
    for report in run_ranks(2, tmp_path, {"TRITON_INTERPRET": "1"}):
        assert report["kernels"]
        assert set(report["modules"].values()) == {DIGEST}


def compile_kernel(
    law: str, dtype: str, aligned: bool, capability: int, options: dict[str, Any] = _triton.OPTIONS
) -> Any:
    integers = {"float64": "i64", "float32": "i32", "float16": "i16", "bfloat16": "i16"}
    fixed = {
        "LAW": law,
        "DTYPE": dtype,
        "RUNS_AT_ONCE": 1,
        "LANES": _launch._LANES,
        "ALIGNED": aligned,
    }
    pointers = {"out": f"*{integers.get(dtype, 'u8')}", "args": "*i64", "starts": "*i64"}
    source = ASTSource(
        fn=_triton.fill_kernel,
        signature={**pointers, **dict.fromkeys(fixed, "constexpr")},
        constexprs=fixed,
        attrs={(place,): [["tt.divisibility", 16]] for place in range(3)},
    )
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)


def list_instructions(ptx: str) -> Counter[str]:
    return Counter(re.findall(r"^\s*(?:@!?%\w+\s+)?([a-z]\w*(?:\.\w+)*)\s", ptx, re.MULTILINE))


def list_inexact(instructions: Counter[str]) -> list[str]:
    """Return the instructions that round twice, not to nearest, or not at all."""
    found = [name for name in instructions if any(word in name for word in INEXACT)]
    # The assembler may fuse operations without explicit rounding.
    found += [
        name
        for name in instructions
        if re.match(r"(add|sub|mul|div|sqrt)\..*f(32|64)", name) and ".rn" not in name
    ]
    found += [name for name in instructions if re.match(r"cvt\.(?!rn).*\.f\d+\.[su]", name)]
    return found


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile everything from scratch."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))


@pytest.fixture
def no_assembler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop at the PTX text: the assembler takes half of the time."""
    monkeypatch.setattr(CUDABackend, "make_cubin", lambda *arguments: b"")


@pytest.mark.usefixtures("no_assembler")
@pytest.mark.parametrize(("law", "dtype", "aligned", "capability"), CASES)
def test_instructions_are_exact(law: str, dtype: str, aligned: bool, capability: int) -> None:
    compiled = compile_kernel(law, dtype, aligned, capability)
    ptx = compiled.asm["ptx"]
    assert f".target sm_{capability}" in ptx
    instructions = list_instructions(ptx)
    assert not list_inexact(instructions)
    assert not re.search("|".join(re.escape(word) for word in INEXACT), code_of(ptx))
    assert sum(count for name, count in instructions.items() if ".rn.f" in name) >= 32
    if aligned:  # each lane stores vectors from its own registers
        assert any(re.match(r"st\.global\.v[24]", name) for name in instructions)
        assert not any("shared" in name or "bar" in name for name in instructions)


def code_of(ptx: str) -> str:
    """Return the text without comments, file names and debug sections."""
    text = re.sub(r"//.*|\.(file|loc)\b.*", "", ptx)
    return re.sub(r"\.section\s+\.debug.*", "", text, flags=re.DOTALL)


@pytest.mark.parametrize(("law", "most"), [("uniform", 0), ("normal", 48)])
def test_machine_code_fuses_nothing(law: str, most: int) -> None:
    """The assembler fuses nothing: the only fused operations are those of 16 square roots.

    With fusion allowed, text and machine code show it.
    """
    texts = [
        compile_kernel(law, "float32", True, 90, options).asm
        for options in (_triton.OPTIONS, {**_triton.OPTIONS, "enable_fp_fusion": True})
    ]
    assert [bool(list_inexact(list_instructions(text["ptx"]))) for text in texts] == [False, True]
    counts = [len(re.findall(r"\bFFMA2?\b", text["sass"])) for text in texts]
    assert counts[0] <= most
    assert counts[1] >= counts[0] + 32
