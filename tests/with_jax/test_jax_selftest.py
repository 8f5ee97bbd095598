"""The self-test of a backend: its result, its file, and the warning if values differ."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import Any

import jax
import pytest

import initializers.jax as ours
from initializers.jax import _selftest
from initializers.jax._stream.block import make_block

SMALL = 1 << 10


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep results in the test's own folder, and compare few values."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("INITIALIZERS_JAX", raising=False)
    monkeypatch.setattr(_selftest, "_known", {})
    monkeypatch.setattr(_selftest, "VALUES", 2 * SMALL)
    monkeypatch.setattr(_selftest, "_BLOCK", SMALL)
    return tmp_path / "initializers"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Replace the self-test: it pops its answers from this list."""
    given: list[Any] = []

    def answer(law: str) -> bool:
        result = given.pop(0)
        if isinstance(result, Exception):
            raise result
        return bool(result)

    monkeypatch.setattr(_selftest, "test_law", answer)
    return given


@pytest.mark.parametrize("law", ["uniform", "normal", "two_sigma"])
def test_every_law_passes_the_selftest(law: str, folder: Path) -> None:
    assert _selftest.is_exact_here(law)
    assert [path.name.rpartition("-")[0] for path in folder.iterdir()] == [f"jax-{law}"]


def test_a_wrong_bit_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:

    def spoil(target: Any, extent: Any, place: Any, arguments: Any) -> Any:
        return make_block(target, extent, place, arguments).at[-1].multiply(1.0000001)

    monkeypatch.setattr(_selftest, "make_block", spoil)
    assert not _selftest.test_law("normal")


def test_results_are_kept_between_processes(answers: list[Any]) -> None:
    answers += [True]
    assert _selftest.is_exact_here("normal")
    _selftest._known.clear()  # as if in a new process
    assert _selftest.is_exact_here("normal")
    assert answers == []


def test_differences_warn_once_and_the_host_makes_the_values(answers: list[Any]) -> None:
    answers += [False]
    with pytest.warns(RuntimeWarning, match="'normal' on the host, .* differ from the core's"):
        program = jax.jit(lambda key: ours.normal()(key, (4,))).lower(jax.random.key(1))
    assert "callback" in program.as_text()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not _selftest.is_exact_here("normal")
    _selftest._known.clear()
    with pytest.warns(RuntimeWarning, match="differ from the core's"):  # from the file
        assert not _selftest.is_exact_here("normal")


def test_a_failed_test_is_not_kept(answers: list[Any], folder: Path) -> None:
    answers += [MemoryError("out of it"), True]
    with pytest.warns(RuntimeWarning, match=r"test of them failed \(MemoryError: out of it\)"):
        assert not _selftest.is_exact_here("uniform")
    assert not folder.exists()
    _selftest._known.clear()
    assert _selftest.is_exact_here("uniform")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b"\xff", b'{"exact": 1}', b'{"environment": "other", "exact": true}'],
)
def test_broken_files_are_replaced(content: bytes, answers: list[Any], folder: Path) -> None:
    answers += [True, True]
    assert _selftest.is_exact_here("uniform")
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(content)
    _selftest._known.clear()
    assert _selftest.is_exact_here("uniform")
    assert (path.read_bytes(), answers) == (whole, [])


def test_a_read_only_folder_keeps_no_result(answers: list[Any], folder: Path) -> None:
    folder.write_text("a file stands where the folder would")
    answers += [True]
    assert _selftest.is_exact_here("uniform")


def test_other_environments_have_other_files(
    answers: list[Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers += [True, True]
    assert _selftest.is_exact_here("uniform")
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    assert _selftest.is_exact_here("uniform")
    assert (len(list(folder.iterdir())), answers) == (2, [])


def test_threads_run_the_selftest_once(answers: list[Any]) -> None:
    answers += [True]
    results: list[bool] = []
    threads = [
        threading.Thread(target=lambda: results.append(_selftest.is_exact_here("normal")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4


def test_the_selftest_ignores_the_state_of_the_caller() -> None:
    with jax.enable_x64(True), jax.set_mesh(jax.make_mesh((1,), ("x",))):
        results = []

        def trace(x: Any) -> Any:
            results.append(_selftest.is_exact_here("normal"))
            return x

        jax.jit(trace)(1.0)
    assert results == [True]
