"""Checkpoints: a recipe's weights written to safetensors files larger than memory, and verified.

>>> from initializers import Recipe, checkpoint
>>> recipe = Recipe({"*.bias": "zeros", "*": "he_normal"}, seed=2024, convention="torch")
>>> specs = {"up.weight": (64, 256), "up.bias": (256,)}
>>> path = checkpoint.write(recipe, specs, "example.safetensors", overwrite=True)
>>> checkpoint.verify(path).ok
True
>>> path.unlink()
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

from ._appender import BUFFER, Appender, write_all
from ._disk import flush_folder, reserve
from ._dtypes import look_up
from ._journal import Journal
from ._layout import Layout, Shard, lay_out, list_pieces, piece_size, plan
from ._safetensors import read_specs
from ._verify import Difference, Report, verify

__all__ = ["Difference", "Report", "read_specs", "verify", "write"]

Progress = Callable[[int, int], None]

_PARTIAL = ".partial"
_JOURNAL = ".journal"


def write(
    recipe: Any,
    specs: Any,
    path: str | os.PathLike[str],
    *,
    max_shard_size: int | str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    convention: str | None = None,
    partial: bool = False,
) -> Path:
    """Write the weights that a recipe gives to a model as a safetensors file, or several.

    The values are those of `recipe.init(specs)`, and of the adapters; but they are made and written
    piece by piece, in about 100 MB of memory however large the model is. Weights whose blocks cost
    as much as the whole, such as `Orthogonal` and `Sparse`, are made whole one by one: they take
    their own bytes, twice if the recipe transposes them, and 4 an element (8 of float64) for the
    work.

    Files are written as `<name>.partial` and get their names when all of them are on the disk; a
    crash, a kill or a full disk leaves partial files, which no reader takes for a checkpoint, and a
    `.journal` that says how far they are. Each file tells in its metadata the stream's version, the
    seed, the recipe and the convention by which the weights are laid out.

    Args:
        recipe: A `Recipe`.
        specs: The model: anything that `Recipe.plan` takes.
        path: The file, which ends with `.safetensors`; or a folder, which is made if it is missing
            and gets `model.safetensors`.
        max_shard_size: The most bytes of weights in one file, a number or a size such as `"5GB"`,
            unless one weight alone has more. Files are then named
            `model-00001-of-00003.safetensors`, and `model.safetensors.index.json` says which weight
            lies in which, as Hugging Face has it; if one file is enough it is named as without.
            None: one file.
        resume: Whether to go on with what an earlier call with the same arguments left, if there is
            something.
        overwrite: Whether to replace a checkpoint that is there, all of its files. It stays until
            the new one is whole.
        progress: Called as `progress(done, total)` with numbers of bytes.
        convention: How the weights are laid out, if neither the recipe nor `specs` tell: `"torch"`
            or `"keras"`; it is needed for plain shapes where values depend on it.
        partial: Whether `specs` are a part of a model, so that rules may match none of its weights.

    Returns:
        The path of the file, or of the index if there are several.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If an argument has a wrong value, a weight cannot be filled, no rule takes it, a
            rule takes none, or the format lacks a dtype; or to resume would be to mix two recipes.
        FileExistsError: If there is a checkpoint already.
        BlockingIOError: If another process is writing it.
        MemoryError: If a weight that must be made whole takes more memory than there is.
        OSError: If the disk has not enough space, or a file cannot be written.
    """
    found = recipe._read(specs, convention)
    weights = recipe.plan(found, partial=partial).weights.values()
    conventions = {name: recipe.convention or spec.convention for name, spec in found.items()}
    layout = lay_out(recipe, weights, path, max_shard_size, conventions)
    for weight in weights:
        plan(weight)
    missing = [shard for shard in layout.shards if not (resume and _is_whole(shard))]
    old = set(layout.find_existing()) - {
        shard.file for shard in layout.shards if shard not in missing
    }
    if resume and layout.index and not missing and _has_text(*layout.index):
        old.discard(layout.index[0])
    if old and not overwrite:
        raise FileExistsError(
            errno.EEXIST,
            "a checkpoint is there already; `overwrite=True` replaces it",
            str(min(old)),
        )
    if not (missing or old or (layout.index and not layout.index[0].exists())):
        return layout.target
    layout.base.parent.mkdir(parents=True, exist_ok=True)
    _check_space(layout, missing)
    journal = Journal(_beside(layout.base, _JOURNAL), layout.digest, resume=resume)
    try:
        for shard in missing:
            _write_shard(shard, journal, layout.total, progress)
    except BaseException as error:
        kept = journal.done
        if kept:
            journal.close()
        else:
            for shard in missing:
                _beside(shard.file, _PARTIAL).unlink(missing_ok=True)
            journal.remove()
        _explain(error, layout, kept)
        raise
    _publish(layout, missing, old)
    journal.remove()
    return layout.target


def _is_whole(shard: Shard) -> bool:
    """Whether a shard has been written: it got its name when it was on the disk."""
    try:
        with shard.file.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return size == shard.size and file.read(len(shard.header)) == shard.header
    except OSError:
        return False


def _has_text(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False


def _check_space(layout: Layout, missing: list[Shard]) -> None:
    needed = sum(shard.size for shard in missing)
    for shard in missing:
        partial = _beside(shard.file, _PARTIAL)
        if partial.exists():
            stat = partial.stat()
            needed -= min(getattr(stat, "st_blocks", 0) * 512, shard.size)
    free = shutil.disk_usage(layout.base.parent).free
    if needed > free:
        raise OSError(
            errno.ENOSPC,
            f"the disk has not enough space: {needed} bytes are needed, {free} are free",
            str(layout.base.parent),
        )


def _write_shard(shard: Shard, journal: Journal, total: int, progress: Progress | None) -> None:
    partial = _beside(shard.file, _PARTIAL)
    done = journal.done if _has_size(partial, shard.size) else 0
    done = max(done, shard.begin)
    with FileIO(partial, "r+" if done > shard.begin else "w+") as file:
        reserve(file.fileno(), shard.size)
        if done < shard.end:
            _write_data(file, shard, done, journal, total, progress)
        # The header comes last: until then nobody can read the file.
        write_all(file, shard.header, 0)
        os.fsync(file.fileno())


def _has_size(path: Path, size: int) -> bool:
    return path.exists() and path.stat().st_size == size


def _write_data(
    file: FileIO, shard: Shard, done: int, journal: Journal, total: int, progress: Progress | None
) -> None:
    header = len(shard.header) - shard.begin  # between places in the file and among all data
    at = shard.begin
    appender: Appender | None = None
    try:
        for weight in shard.weights:
            size = weight.nbytes
            kind = look_up(weight.dtype)
            fill = None
            for start, extent, first, length in list_pieces(weight, piece_size(weight, BUFFER)):
                end = at + first + length
                if end <= done:
                    continue
                if appender is None:
                    appender = Appender(
                        file, at + first + header, lambda place: journal.add(place - header)
                    )
                fill = fill or plan(weight)
                memory = appender.reserve(length)
                values = memory.view(kind.numpy).reshape(extent)
                fill(values, start)
                if sys.byteorder == "big":
                    values.byteswap(inplace=True)
                if progress is not None:
                    progress(end, total)
            at += size
        if appender is not None:
            appender.finish()
    finally:
        if appender is not None:
            appender.close()


def _publish(layout: Layout, missing: list[Shard], old: set[Path]) -> None:
    """Give all files their names, the index last; nothing points to a mixture meanwhile."""
    indices = {path for path in old if path.name.endswith(".json")}
    for path in indices:
        path.unlink()
    for shard in missing:
        os.replace(_beside(shard.file, _PARTIAL), shard.file)
    for path in old - indices - {shard.file for shard in layout.shards}:
        path.unlink()
    if layout.index:
        path, text = layout.index
        partial = _beside(path, _PARTIAL)
        with partial.open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    flush_folder(layout.base.parent)


def _explain(error: BaseException, layout: Layout, kept: int) -> None:
    """Let an interruption say what is left, and how to go on."""
    left = (
        f"{kept} of {layout.total} bytes are kept, `resume=True` goes on"
        if kept
        else "nothing is left"
    )
    if isinstance(error, OSError) and error.errno is not None:
        raise type(error)(
            error.errno, f"{error.strerror}; {left}", error.filename or str(layout.base)
        ) from error
    if isinstance(error, KeyboardInterrupt):
        raise KeyboardInterrupt(f"{layout.base} is not whole; {left}") from None


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
