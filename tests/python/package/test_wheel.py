"""The wheel and the sdist in dist/, each in a new environment (`make wheel` builds them)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DIST = ROOT / "dist"

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(900)]

# A newcomer's first steps and a golden value; no file of this repository is on the path.
QUICK_CHECKS = """
import pathlib, subprocess, sys, numpy as np, initializers
from initializers import HeNormal, RandomNormal, Zeros
assert pathlib.Path(initializers.__file__).is_relative_to(sys.prefix), initializers.__file__
assert initializers.__version__ == "0.1.0" and initializers.STREAM_VERSION == 1
kernel = HeNormal(seed=1)((784, 256))
assert kernel.shape == (784, 256) and abs(kernel.std() - (2 / 784) ** 0.5) < 2e-4
block = HeNormal(seed=1)((784, 256), index=(slice(100, 200), slice(None)))
assert (block == kernel[100:200]).all()
half = HeNormal(seed=1)((784, 256), "bfloat16")
assert (half == kernel.astype(half.dtype)).all()
assert not Zeros()((3,), "int8").any()
assert initializers.get("he_normal")((2, 2)).shape == (2, 2)
run = [pathlib.Path(sys.prefix, "bin", "initializers"), "selftest"]
output = subprocess.run(run, capture_output=True, text=True).stdout
assert "identical to stream version 1" in output, output
digest = initializers.digest({"kernel": RandomNormal(seed=1)((3, 3))})
assert digest.startswith("851d97d62417"), digest
from initializers.recipe import Recipe, model_specs
assert len(Recipe.for_model("gpt2").plan(model_specs("gpt2")).weights) == 148
print("fine")
"""


def find(pattern: str) -> Path:
    found = list(DIST.glob(pattern))
    assert len(found) == 1, f"dist/ must have one {pattern}: run `make wheel`"
    return found[0]


def check_installed(package: Path, environment: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = str(environment / "bin" / "python")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", str(package)], check=True)
    command = [python, "-W", "error", "-I", "-c", QUICK_CHECKS]
    output = subprocess.run(
        command, cwd=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert output.stdout == "fine\n", output.stderr


def test_the_wheel_installs_and_works(tmp_path: Path) -> None:
    check_installed(find("initializers-*-cp310-abi3-manylinux*2014*.whl"), tmp_path / "wheel")


@pytest.fixture
def compiled_dependencies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reuse the dependencies that the package's own build compiled; compile the crate itself."""
    target = ROOT / "target" / "sdist"
    shutil.rmtree(target, ignore_errors=True)
    if (ROOT / "target" / "release").exists():
        shutil.copytree(ROOT / "target" / "release", target / "release", copy_function=os.link)
    monkeypatch.setenv("CARGO_TARGET_DIR", str(target))
    clean = ["cargo", "clean", "--quiet", "--release", "--package", "initializers"]
    subprocess.run(clean, cwd=ROOT, check=True)


@pytest.mark.usefixtures("compiled_dependencies")
def test_the_sdist_builds_and_works(tmp_path: Path) -> None:
    check_installed(find("initializers-*.tar.gz"), tmp_path / "sdist")


def test_the_wheel_holds_the_files_users_need() -> None:
    with zipfile.ZipFile(find("initializers-*.whl")) as wheel:
        names = set(wheel.namelist())
        boms = [wheel.read(name) for name in names if "/sboms/" in name]
    assert boms == [(ROOT / "sbom.cdx.json").read_bytes()]
    assert {"initializers/py.typed", "initializers/_core.pyi"} <= names
    data = {"initializers/data/shapes/llama-3.2-1b.json", "initializers/data/selftest.json"}
    assert data <= names
    assert any(name.endswith("entry_points.txt") for name in names)
    for text in ("LICENSE", "THIRD_PARTY_LICENSES"):
        assert any(name.endswith(f"licenses/{text}") for name in names)
    assert not any(name.startswith(("tests", "benches", "tools")) for name in names)
