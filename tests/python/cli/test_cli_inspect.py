"""`initializers inspect`: statistics against NumPy and SciPy, recognition, malformed files."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

import initializers
from cases import FLOATS
from commands import Command, run_process
from interpreter import run_code

SHAPE = (784, 256)

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
def test_statistics_of_every_file_format(command: Command, files: Path, name: str) -> None:
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


def test_all_dtypes_of_safetensors_have_statistics(command: Command, tmp_path: Path) -> None:
    weights = {name: initializers.HeNormal(seed=1)(SHAPE, name) for name in FLOATS}
    save_file(weights, tmp_path / "a.safetensors")
    document = command("inspect", tmp_path / "a.safetensors", "--json").document
    looks = {row["name"]: row["looks_like"] for row in document["tensors"]}
    assert looks == dict.fromkeys(FLOATS, "he_normal")


def test_complex_numbers_have_no_statistics(command: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones(3, np.complex64))
    (row,) = command("inspect", tmp_path / "a.npy", "--json").document["tensors"]
    assert row["because"] == "complex numbers have no order"


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f2"])
def test_npy_files_of_every_dtype_and_order(
    command: Command, tmp_path: Path, dtype: str, order: Any
) -> None:
    values = initializers.Orthogonal(seed=1)((64, 32)).astype(dtype, order=order)
    np.save(tmp_path / "q.npy", values)
    (row,) = command("inspect", tmp_path / "q.npy", "--json").document["tensors"]
    assert row["name"] == "q.npy"
    assert row["looks_like"] == "orthogonal"
    assert row["max"] == values.max()


@pytest.mark.parametrize("columns", [80, 140])
def test_the_table_fits_the_terminal(
    command: Command, files: Path, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = command("inspect", files / "plain.npz").output.split("\n")
    assert all(len(line) <= columns for line in lines)
    assert lines[0].startswith("name") == (columns == 140)
    assert any(line.startswith("  he_normal: std 0.05") for line in lines)
    assert lines[-2].startswith("6 tensors, 401,")


def test_histograms_are_printed(command: Command, files: Path) -> None:
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
def test_pictures_have_the_format_of_their_suffix(
    command: Command, files: Path, suffix: str, start: bytes
) -> None:
    picture = files / f"picture{suffix}"
    command("inspect", files / "plain.npz", "--plot", picture)
    assert picture.read_bytes().startswith(start)


@pytest.mark.slow
def test_impossible_pictures_are_refused(command: Command, files: Path) -> None:
    path = files / "plain.npz"
    assert "must end in .png, .svg, .pdf" in command.fails("inspect", path, "--plot", "a.gif")
    error = command.fails("inspect", path, "--plot", files / "nix" / "a.png")
    assert f"there is no directory '{files / 'nix'}'" in error
    command("inspect", path, "--plot", files / "a.png", "--tensor", "step", status=2)


def test_control_characters_in_names_are_escaped(command: Command, tmp_path: Path) -> None:
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
    """Object that ends the process when it is unpickled."""

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
def test_malformed_files_are_refused(command: Command, tmp_path: Path, name: str) -> None:
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
def test_malformed_members_of_an_archive_are_refused(
    command: Command, tmp_path: Path, content: bytes, wanted: str
) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", content)
    assert wanted in command.fails("inspect", tmp_path / "a.npz")


def test_a_damaged_archive_is_refused(command: Command, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=initializers.HeNormal(seed=1)(SHAPE))
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[300_000:300_100] = bytes(100)
    (tmp_path / "a.npz").write_bytes(data)
    assert "'x.npy' cannot be read" in command.fails("inspect", tmp_path / "a.npz", "--json")


def test_raw_bytes_in_an_archive_have_no_statistics(command: Command, tmp_path: Path) -> None:
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


def test_a_missing_file_is_an_error(command: Command, tmp_path: Path) -> None:
    assert "does not exist" in command.fails("inspect", tmp_path / "nix.npy")
    error = command.fails("inspect", tmp_path)
    assert "must be a safetensors file, its index or a folder with model.safetensors" in error


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """At most 300 MB of a file of 600 MB are in memory at any time, libraries included."""
    path = tmp_path / "large.npy"
    out = np.lib.format.open_memmap(path, "w+", np.dtype("<f4"), (150, 1 << 20))
    for row in range(150):
        initializers.RandomNormal(stddev=0.02, seed=row)((1 << 20,), out=out[row])
    del out
    code = (
        "import sys\nfrom pathlib import Path\nfrom initializers import cli\n"
        f"status = cli.run(['inspect', {str(path)!r}, '--json'])\n"
        "lines = Path('/proc/self/status').read_text().split('\\n')\n"
        "print(*(line.split()[1] for line in lines if 'VmHWM' in line), file=sys.stderr)\n"
        "sys.exit(status)"
    )
    result = run_code(code)
    assert result.returncode == 0, result.stderr
    (row,) = json.loads(result.stdout)["tensors"]
    assert row["looks_like"] == "random_normal(stddev=0.02)"
    assert int(result.stderr) < 300_000


@pytest.mark.slow
def test_inspect_runs_in_its_own_process(files: Path) -> None:
    result = run_process("inspect", files / "plain.npz", COLUMNS="140")
    assert result.status == 0
    assert result.errors == ""
