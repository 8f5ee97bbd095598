"""`initializers inspect`: statistics against NumPy's and SciPy's, what is recognized, bad files."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy import stats  # type: ignore[import-untyped]

import initializers
from commands import Command, run_process
from initializers._arguments.dtypes import look_up
from initializers._charts.recognition import recognize
from initializers._charts.statistics import BLOCK, Statistics, measure

FLOATS = ("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
SHAPE = (784, 256)


def look(values: NDArray[Any]) -> Statistics:
    flat = values.reshape(-1)
    return measure((flat[at : at + BLOCK] for at in range(0, flat.size, BLOCK)), flat.dtype.name)


def guess(values: NDArray[Any]) -> str:
    return recognize(look(values), values.shape, values.dtype.name, lambda: values).name


@pytest.mark.parametrize("dtype", FLOATS)
def test_statistics(dtype: str) -> None:
    values = initializers.RandomNormal(0.3, 1.0, seed=1)((1001, 1003), dtype)
    exact = values.astype(np.float64).reshape(-1)
    found = look(values)
    assert found.count == exact.size
    assert found.mean == pytest.approx(exact.mean(), rel=1e-12)
    assert found.std == pytest.approx(exact.std(), rel=1e-12)
    assert found.excess_kurtosis == pytest.approx(stats.kurtosis(exact), abs=1e-10)
    assert (found.min, found.max) == (exact.min(), exact.max())
    assert found.zeros == np.mean(exact == 0)
    assert (found.nan, found.infinite) == (0, 0)
    assert found.distribution is not None
    assert found.distribution.counts.sum() == exact.size
    edges = found.distribution.edges
    assert (np.diff(edges) > 0).all()
    # At every edge the count below is exact.
    below = found.distribution.cumulate()
    for place in range(1, edges.size - 1, 97):
        assert below[place] in (np.sum(exact < edges[place]), np.sum(exact <= edges[place]))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.usefixtures("settings_restored")
def test_statistics_do_not_depend_on_threads(threads: int) -> None:
    values = initializers.RandomNormal(seed=1)((3 * BLOCK + 5,))
    initializers.set_num_threads(threads)
    expected = look(values)
    initializers.set_num_threads(2)
    assert look(values).to_dict() == expected.to_dict()


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint16", "bool"])
def test_statistics_of_integers(dtype: str) -> None:
    values = np.arange(100).astype(dtype)
    found = look(values)
    exact = values.astype(np.float64)
    assert found.mean == pytest.approx(exact.mean())
    assert found.std == pytest.approx(exact.std())
    assert (found.min, found.max) == (exact.min(), exact.max())
    assert found.zeros == np.mean(exact == 0)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "float8_e5m2"])
def test_statistics_leave_out_what_is_not_finite(dtype: str) -> None:
    rare = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 2.0]
    found = look(np.array(rare).astype(look_up(dtype).numpy))
    assert (found.count, found.finite, found.nan, found.infinite) == (7, 4, 1, 2)
    assert (found.min, found.max, found.mean) == (0.0, 2.0, 0.75)
    assert found.zeros == pytest.approx(2 / 7)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "values", [[np.nan] * 3, [0.0] * 3, [1.5] * 3, []], ids=["NaN", "zeros", "constant", "empty"]
)
def test_statistics_of_nothing_much(dtype: str, values: list[float]) -> None:
    found = look(np.array(values, np.float64).astype(look_up(dtype).numpy))
    assert found.count == len(values)
    if found.finite:
        assert (found.mean, found.std) == (values[0], 0.0)
    assert np.isnan(found.excess_kurtosis)


def test_extreme_numbers_are_no_error() -> None:
    for values in ([1e300, -1e300, 1e-300], [3e38, -3e38, 1e-45], [np.float64(1e308)] * 2 + [-1.0]):
        array = np.array(values)
        assert guess(array) == "none known"
        assert look(array).max == array.max()


CLASSES = ["HeNormal", "HeUniform", "GlorotNormal", "GlorotUniform", "LecunNormal", "LecunUniform"]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", [*CLASSES, "Orthogonal"])
def test_presets_are_recognized(name: str, dtype: str) -> None:
    values = getattr(initializers, name)(seed=1)(SHAPE, dtype)
    expected = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)[1:]
    layouts = [values, np.ascontiguousarray(values.T)]  # Keras's, PyTorch's
    for array in layouts:
        nearest, *others = guess(array).split(" or ")
        assert nearest == expected
        assert not others or dtype.startswith("float8")  # which leaves scales of 1 % apart


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("initializer", "shape", "expected"),
    [
        (initializers.RandomNormal(stddev=0.02, seed=1), SHAPE, "random_normal(stddev=0.02)"),
        (
            initializers.RandomNormal(0.5, 0.02, seed=1),
            SHAPE,
            "random_normal(0.5, stddev=0.02)",
        ),
        (
            initializers.TruncatedNormal(stddev=0.02, seed=1),
            SHAPE,
            "truncated_normal(stddev=0.02)",
        ),
        (initializers.RandomUniform(seed=1), SHAPE, "random_uniform(−0.05, 0.05)"),
        (
            initializers.VarianceScaling(2, "fan_in", "untruncated_normal", seed=1),
            SHAPE,
            "he_normal, untruncated",
        ),
        (
            initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=1),
            SHAPE,
            "variance_scaling(1/3, fan_in, uniform)",
        ),
        (
            initializers.VarianceScaling(2, "fan_out", "untruncated_normal", seed=1),
            (3, 3, 64, 96),
            "variance_scaling(2, fan_out, untruncated_normal)",
        ),
        (initializers.HeNormal(seed=1), (3, 3, 64, 128), "he_normal"),
        (initializers.Orthogonal(2.5, seed=1), (100, 300), "orthogonal(gain=2.5)"),
        (initializers.Orthogonal(seed=1), (3, 3, 40, 60), "orthogonal"),
        (initializers.DeltaOrthogonal(seed=1), (3, 3, 8, 16), "delta_orthogonal"),
        (initializers.Dirac(), (3, 3, 8, 16), "dirac"),
        (initializers.Identity(), (30, 40), "identity"),
        (initializers.Identity(0.5), (30, 40), "identity(0.5)"),
        (initializers.Zeros(), (30,), "zeros"),
        (initializers.Ones(), (30,), "ones"),
        (initializers.Constant(0.25), (), "constant(0.25)"),
        (initializers.HeNormal(seed=1), (20,), "none known"),
        (initializers.ConvolutionOrthogonal2D(seed=1), (3, 3, 16, 32), "none known"),
    ],
    ids=str,
)
def test_others_are_recognized(
    initializer: Any, shape: tuple[int, ...], expected: str, dtype: str
) -> None:
    assert guess(initializer(shape, dtype)) == expected


def test_a_sparse_matrix_is_recognized() -> None:
    values = initializers.Sparse(0.7, 0.01, seed=1)((500, 200))
    assert guess(values) == "sparse(0.7, stddev=0.01)"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("law", ["t", "laplace", "skewed", "logistic"])
def test_other_laws_are_none_known(law: str, dtype: str) -> None:
    generator = np.random.default_rng(1)
    values = {
        "t": lambda: generator.standard_t(5, SHAPE),
        "laplace": lambda: generator.laplace(size=SHAPE),
        "skewed": lambda: generator.gamma(3.0, size=SHAPE),
        "logistic": lambda: generator.logistic(size=SHAPE),
    }[law]()
    assert guess(values.astype(dtype)) == "none known"


def test_one_changed_value_of_an_orthogonal_matrix_shows() -> None:
    values = initializers.Orthogonal(seed=1)((100, 64))
    values[50, 3] += 0.01
    assert "orthogonal" not in guess(values)


def test_few_values_leave_a_choice() -> None:
    values = initializers.HeNormal(seed=1)((10, 10))
    assert guess(values) == "he_normal or he_normal, untruncated"


@pytest.mark.slow
def test_no_preset_is_taken_for_another() -> None:
    """Over 50 seeds, at few values: the right name is among those that are left."""
    for seed in range(50):
        for name in CLASSES:
            values = getattr(initializers, name)(seed=seed)((24, 16))
            expected = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)[1:]
            names = guess(values)
            assert expected in names or names.endswith("or others"), (seed, name, names)


WEIGHTS: dict[str, Any] = {
    "dense/kernel": initializers.HeNormal(seed=1)(SHAPE),
    "dense/bias": np.zeros(256, np.float32),
    "half": initializers.GlorotUniform(seed=2)(SHAPE, "float16"),
    "step": np.arange(3),
    "empty": np.zeros((0, 3), np.float32),
    "scalar": np.array(2.0, np.float32),
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    np.savez(tmp_path / "plain.npz", **WEIGHTS)
    np.savez_compressed(tmp_path / "small.npz", **WEIGHTS)
    save_file(WEIGHTS, tmp_path / "model.safetensors")
    (tmp_path / "folder").mkdir()
    save_file(WEIGHTS, tmp_path / "folder" / "model.safetensors")
    return tmp_path


@pytest.mark.parametrize("name", ["plain.npz", "small.npz", "model.safetensors", "folder"])
def test_files(command: Command, files: Path, name: str) -> None:
    document = command("inspect", files / name, "--json").document
    assert document["path"] == str(files / name)
    rows = {row["name"]: row for row in document["tensors"]}
    assert set(rows) == set(WEIGHTS)
    for key, values in WEIGHTS.items():
        row = rows[key]
        assert row["shape"] == list(values.shape)
        assert row["dtype"] == values.dtype.name
        assert row["count"] == values.size
        if values.size:
            assert row["mean"] == pytest.approx(values.astype(np.float64).mean())
            assert row["std"] == pytest.approx(values.astype(np.float64).std())
            assert (row["min"], row["max"]) == (values.min(), values.max())
    looks = {key: row["looks_like"] for key, row in rows.items()}
    assert looks == {
        "dense/kernel": "he_normal",
        "dense/bias": "zeros",
        "half": "glorot_uniform",
        "step": "none known",
        "empty": "none known",
        "scalar": "constant(2)",
    }
    assert set(rows["half"]) == {
        *("name", "shape", "dtype", "count", "mean", "std", "min", "max", "excess_kurtosis"),
        *("zeros", "nan", "infinite", "looks_like", "because"),
    }


def test_all_dtypes_of_safetensors(command: Command, tmp_path: Path) -> None:
    weights = {name: initializers.HeNormal(seed=1)(SHAPE, name) for name in FLOATS}
    save_file(weights, tmp_path / "a.safetensors")
    document = command("inspect", tmp_path / "a.safetensors", "--json").document
    looks = {row["name"]: row["looks_like"] for row in document["tensors"]}
    assert looks == dict.fromkeys(FLOATS, "he_normal")


def test_complex_numbers(command: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones(3, np.complex64))
    (row,) = command("inspect", tmp_path / "a.npy", "--json").document["tensors"]
    assert row["because"] == "complex numbers have no order"


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f2"])
def test_npy(command: Command, tmp_path: Path, dtype: str, order: Any) -> None:
    values = initializers.Orthogonal(seed=1)((64, 32)).astype(dtype, order=order)
    np.save(tmp_path / "q.npy", values)
    (row,) = command("inspect", tmp_path / "q.npy", "--json").document["tensors"]
    assert row["name"] == "q.npy"
    assert row["looks_like"] == "orthogonal"
    assert row["max"] == values.max()


@pytest.mark.parametrize("columns", [80, 140])
def test_text(command: Command, files: Path, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = command("inspect", files / "plain.npz").output.split("\n")
    assert all(len(line) <= columns for line in lines)
    assert lines[0].startswith("name") == (columns == 140)
    assert any(line.startswith("  he_normal: std 0.05") for line in lines)
    assert lines[-2].startswith("6 tensors, 401,")


def test_histograms(command: Command, files: Path) -> None:
    output = command("inspect", files / "plain.npz", "--tensor", "half", "--histogram").output
    bars = [line for line in output.split("\n") if line.endswith(" %") and "█" in line]
    assert len(bars) == 17
    shares = [float(line.split()[-2]) for line in bars]
    assert sum(shares) == pytest.approx(100, abs=0.2)


def test_tensors_are_chosen_by_name(command: Command, files: Path) -> None:
    chosen = ["--tensor", "dense/*", "--tensor", "step"]
    document = command("inspect", files / "plain.npz", *chosen, "--json").document
    assert [row["name"] for row in document["tensors"]] == ["dense/kernel", "dense/bias", "step"]
    error = command.fails("inspect", files / "plain.npz", "--tensor", "nix*")
    assert error.endswith("no tensor has a name that matches nix*")


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_pictures(command: Command, files: Path, suffix: str, start: bytes) -> None:
    picture = files / f"picture{suffix}"
    command("inspect", files / "plain.npz", "--plot", picture)
    assert picture.read_bytes().startswith(start)


@pytest.mark.slow
def test_pictures_that_cannot_be(command: Command, files: Path) -> None:
    path = files / "plain.npz"
    assert "must end in .png, .svg, .pdf" in command.fails("inspect", path, "--plot", "a.gif")
    error = command.fails("inspect", path, "--plot", files / "nix" / "a.png")
    assert f"there is no directory '{files / 'nix'}'" in error
    command("inspect", path, "--plot", files / "a.png", "--tensor", "step", status=2)


def test_names_are_harmless(command: Command, tmp_path: Path) -> None:
    evil = "a\x1b[2J\x1b]0;title\x07[red]\u202e$\\frac{"
    values = initializers.HeNormal(seed=1)((40, 50))
    save_file({evil: values}, tmp_path / "evil.safetensors")
    arguments = ["inspect", tmp_path / "evil.safetensors"]
    result = command(*arguments, "--plot", tmp_path / "evil.png", "--histogram")
    assert "a\\x1b[2J\\x1b]0;title\\x07[red]\\u202e$\\frac{" in result.output
    for char in "\x1b\x07\u202e":
        assert char not in result.output
    document = command(*arguments, "--json")
    assert "\x1b" not in document.output
    assert document.document["tensors"][0]["name"] == evil
    assert "\x1b" not in command.fails(*arguments, "--tensor", "\x1b[31mred")


class Bomb:
    """Ends the process if it is unpickled."""

    def __reduce__(self) -> Any:
        return exec, ("import os; os._exit(99)",)


def test_pickles_are_refused(command: Command, tmp_path: Path) -> None:
    array = np.array([Bomb()], dtype=object)
    np.save(tmp_path / "bomb.npy", array, allow_pickle=True)
    np.savez(tmp_path / "bomb.npz", bomb=array)
    assert "no .npy file of numbers" in command.fails("inspect", tmp_path / "bomb.npy")
    error = command.fails("inspect", tmp_path / "bomb.npz")
    assert "holds Python objects, which are never loaded" in error


def header(shape: str, descr: str = "<f4") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (63 - (10 + len(text)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


MALFORMED = {
    "empty.npy": b"",
    "text.npy": b"not an array",
    "cut.npy": header("(3, 4)") + bytes(20),
    "huge.npy": header("(9999999999999, 99999999999999)"),
    "negative.npy": header("(-1,)"),
    "code.npy": header("(__import__('os')._exit(99),)"),
    "empty.npz": b"",
    "text.npz": b"PK not an archive",
    "cut.safetensors": b"\x10\x00\x00\x00\x00\x00\x00\x00{}",
    "huge.safetensors": b"\xff" * 16,
    "text.safetensors.index.json": b'{"weight_map": {"a": "../../etc/passwd"}}',
    "model.bin": b"anything",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_files(command: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(MALFORMED[name])
    assert name.partition(".")[0] in command.fails("inspect", tmp_path / name)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"no array", "is no array"),
        (header("(3, 4)") + bytes(20), "has 20 bytes of values, not those of (3, 4)"),
        (
            header("(99999999999, 99999999)"),
            "has 0 bytes of values, not those of (99999999999, 99999999)",
        ),
        (header("(-3,)"), "is no array"),
    ],
)
def test_malformed_members(command: Command, tmp_path: Path, content: bytes, wanted: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", content)
    assert wanted in command.fails("inspect", tmp_path / "a.npz")


def test_a_damaged_archive(command: Command, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=initializers.HeNormal(seed=1)(SHAPE))
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[300_000:300_100] = bytes(100)
    (tmp_path / "a.npz").write_bytes(data)
    assert "'x.npy' cannot be read" in command.fails("inspect", tmp_path / "a.npz", "--json")


def test_an_archive_of_a_foreign_kind(command: Command, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3, ml_dtypes.bfloat16))  # NumPy writes it as raw bytes
    (tmp_path / "b.npy").write_bytes(buffer.getvalue())
    (row,) = command("inspect", tmp_path / "b.npy", "--json").document["tensors"]
    assert row["because"] == "dtype |V2 has no statistics"
    assert "mean" not in row


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
@pytest.mark.parametrize("name", ["w.npy", "w.npz", "w.safetensors"])
@pytest.mark.timeout(30)
def test_a_pipe_is_not_waited_for(command: Command, tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    message = command.fails("inspect", tmp_path / name)
    assert message.endswith("must be a regular file or a folder, received: a pipe or a device")


def test_there_is_no_such_file(command: Command, tmp_path: Path) -> None:
    assert "does not exist" in command.fails("inspect", tmp_path / "nix.npy")
    error = command.fails("inspect", tmp_path)
    assert "must be a safetensors file, its index or a folder with model.safetensors" in error


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Of a file of 600 MB, no more than 300 MB is ever in memory, with the libraries."""
    path = tmp_path / "large.npy"
    out = np.lib.format.open_memmap(path, "w+", np.dtype("<f4"), (150, 1 << 20))
    for row in range(150):
        initializers.RandomNormal(stddev=0.02, seed=row)((1 << 20,), out=out[row])
    del out
    code = (
        "import sys\nfrom initializers import cli\n"
        f"status = cli.run(['inspect', {str(path)!r}, '--json'])\n"
        "lines = open('/proc/self/status').read().split('\\n')\n"
        "print(*(line.split()[1] for line in lines if 'VmHWM' in line), file=sys.stderr)\n"
        "sys.exit(status)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    (row,) = json.loads(result.stdout)["tensors"]
    assert row["looks_like"] == "random_normal(stddev=0.02)"
    assert int(result.stderr) < 300_000


@pytest.mark.slow
def test_a_process_of_its_own(files: Path) -> None:
    result = run_process("inspect", files / "plain.npz", COLUMNS="140")
    assert result.status == 0
    assert result.errors == ""
