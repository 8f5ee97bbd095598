"""Writes a checkpoint piece by piece."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from .._arguments.checks import check_bool
from .._arguments.dtypes import look_up
from .._arguments.sizes import part_text, size_text
from .._arguments.types import Convention
from .._files import filesystem
from .._files.direct_writer import BUFFER, Appender
from .._files.safetensors import read as read_headers
from ..recipe import Recipe
from ..recipe._sources import SpecsLike
from ._shards import PARTIAL, Layout, Shard, add_suffix, lay_out, list_pieces, piece_size, plan
from ._verify import check_progress, check_recipe, is_whole

Progress: TypeAlias = "Callable[[int, int], None] | None"


def write(
    recipe: Recipe,
    specs: SpecsLike,
    path: str | os.PathLike[str],
    *,
    max_shard_size: int | str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = None,
    convention: Convention | None = None,
    partial: bool = False,
) -> Path:
    """Initialize a model by a recipe and write its weights to one safetensors file or several.

    The values equal those of `recipe.init(specs)` and of the adapters. They are made and written
    piece by piece, in about 100 MB of memory, however large the model is. Weights whose blocks cost
    as much as the whole, such as `Orthogonal` and `Sparse`, are made whole, one by one. Such a
    weight takes its own size in memory, twice if the recipe transposes it, plus 4 bytes per element
    (8 for float64) of working memory.

    Files are written as `<name>.partial`, and renamed when all of them are on the disk. A crash, a
    kill or a full disk leaves only partial files, which no reader mistakes for a checkpoint. The
    metadata of each file holds the stream's version, the seed, the recipe and the convention of the
    weights.

    Args:
        recipe: A `Recipe`.
        specs: The model, as for `Recipe.plan`.
        path: The file, which ends with `.safetensors`. Any other path is a folder, which is created
            if it is missing and gets `model.safetensors`. Its parent folder must exist.
        max_shard_size: The most bytes of weights in one file, a number or a size such as `"5GB"`. A
            single larger weight gets its own file. Several files are named as Hugging Face names
            them: `model-00001-of-00003.safetensors` and so on, and `model.safetensors.index.json`
            lists the file of each weight. If one file is enough, it is named as without this
            argument. None: one file.
        resume: Whether to keep the files that a call with the same arguments finished, some or all.
            Each is first compared with the recipe, byte for byte, which takes about as long as
            making it. Unfinished files are written again.
        overwrite: Whether to replace an existing checkpoint with all its files. It stays in place
            until the new one is complete.
        progress: Called as `progress(done, total)` with numbers of bytes, compared or written.
        convention: The convention of the weights, `"torch"` or `"keras"`, if neither the recipe nor
            `specs` state it. Plain shapes need it if values depend on it.
        partial: Whether `specs` is part of a model: rules may then match no weight.

    Returns:
        The path of the file, or of the index if there are several.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If an argument has a wrong value, a weight cannot be filled or matches no rule,
            a rule matches no weight, the format lacks a dtype, or resuming would discard a finished
            file of another recipe.
        FileExistsError: If the checkpoint exists already.
        FileNotFoundError: If the folder around `path` does not exist.
        BlockingIOError: If another process or thread is writing the checkpoint.
        MemoryError: If a weight that must be made whole takes more memory than there is.
        OSError: If the disk does not have enough space, or a file cannot be written.

    Examples:
        >>> import tempfile
        >>> recipe = Recipe({"*": "he_normal"}, seed=1, convention="keras")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write(recipe, {"kernel": (784, 256)}, f"{folder}/model.safetensors")
        ...     print(path.name)
        model.safetensors
    """
    return write_counted(
        recipe, specs, path, max_shard_size, resume, overwrite, progress, convention, partial
    )[0]


def write_counted(
    recipe: Recipe,
    specs: SpecsLike,
    path: str | os.PathLike[str],
    max_shard_size: int | str | None,
    resume: bool,
    overwrite: bool,
    progress: Progress,
    convention: Convention | None,
    partial: bool,
) -> tuple[Path, int]:
    """Write a checkpoint as `write` does; return its path and the bytes of weights it wrote."""
    check_recipe(recipe)
    check_progress(progress)
    for argument, value in (("resume", resume), ("overwrite", overwrite)):
        check_bool(argument, value)
    found = recipe._read(specs, convention)
    weights = recipe.plan(found, partial=partial).weights.values()
    conventions = {name: recipe.convention or spec.convention for name, spec in found.items()}
    layout = lay_out(recipe, weights, path, max_shard_size, conventions)
    for weight in weights:
        plan(weight)
    if resume and _is_published(layout, progress):
        return layout.target, 0  # also where nothing can be written
    layout.base.parent.mkdir(exist_ok=True)
    with filesystem.lock(add_suffix(layout.base, ".lock")):
        written = _write(layout, resume, overwrite, progress)
    return layout.target, written


def _is_published(layout: Layout, progress: Progress) -> bool:
    return (
        layout.find_existing() == layout.files
        and _has_index(layout)
        and all(_keeps(shard.file, shard, layout, progress) for shard in layout.shards)
    )


def _has_index(layout: Layout) -> bool:
    if layout.index is None:
        return True
    path, text = layout.index
    try:
        return path.is_file() and path.read_bytes() == text.encode()
    except OSError:
        return False


def _keeps(path: Path, shard: Shard, layout: Layout, progress: Progress) -> bool:
    """Return whether a file can be kept. Its bytes decide; its name and size prove nothing."""

    def note(done: int, _: int) -> None:
        if progress is not None:
            progress(shard.begin + done, layout.total)

    return is_whole(path, shard, note)


def _write(layout: Layout, resume: bool, overwrite: bool, progress: Progress) -> int:
    """Write and publish the missing files, with the lock; return the bytes of their weights."""
    shards = layout.shards
    finished = {each for each in shards if resume and _keeps(each.file, each, layout, progress)}
    old = layout.find_existing() - {each.file for each in finished}
    if layout.index and len(finished) == len(shards) and _has_index(layout):
        old.discard(layout.index[0])
    if old and not overwrite:
        raise FileExistsError(
            errno.EEXIST,
            "a checkpoint is there already; `overwrite=True` replaces it",
            str(min(old)),
        )
    partials = layout.find_existing(PARTIAL)
    if resume:
        _check_partials(layout, partials)
    unnamed = [each for each in shards if each not in finished]
    kept = {
        each
        for each in unnamed
        if resume
        and filesystem.is_own(each.partial)
        and _keeps(each.partial, each, layout, progress)
    }
    missing = [each for each in unnamed if each not in kept]
    stale = partials - {each.partial for each in kept}
    _check_space(layout, missing, stale)
    done = sum(each.end - each.begin for each in finished | kept)
    try:
        for partial in stale:
            filesystem.remove(partial)
        for each in kept:
            filesystem.sync_file(each.partial)
        for each in missing:
            _write_shard(each, layout.total, progress)
            done += each.end - each.begin
        _publish(layout, unnamed, old)
    except BaseException as error:
        _explain(error, layout, done)
        raise
    return sum(each.end - each.begin for each in missing)


def _check_partials(layout: Layout, partials: set[Path]) -> None:
    """Raise ValueError if a finished partial file of another recipe would be discarded."""
    headers = {shard.partial: shard.header for shard in layout.shards}
    for partial in sorted(filter(filesystem.is_own, partials)):
        try:
            read_headers(partial)  # only a finished file has a header
            with partial.open("rb") as file:
                header = file.read(8)
                header += file.read(int.from_bytes(header, "little"))
        except (OSError, ValueError):
            continue
        if header != headers.get(partial):
            raise ValueError(
                "`resume` must continue the interrupted run, but the recipe, the weights or "
                f"`max_shard_size` differ from those of {str(partial)!r}; without `resume` all "
                "files are written anew"
            )


def _check_space(layout: Layout, missing: list[Shard], stale: set[Path]) -> None:
    """Raise OSError if the missing files do not fit on the disk without the stale ones."""
    needed = sum(shard.size for shard in missing)
    freed = sum(getattr(os.lstat(path), "st_blocks", 0) * 512 for path in stale)
    free = shutil.disk_usage(layout.base.parent).free + freed
    if needed > free:
        raise OSError(
            errno.ENOSPC,
            f"the disk has not enough space: {size_text(needed)} are needed, "
            f"{size_text(free)} are free",
            str(layout.base.parent),
        )


def _write_shard(shard: Shard, total: int, progress: Progress) -> None:
    """Write a shard's partial file to the disk."""
    with filesystem.new_file(shard.partial) as descriptor:
        filesystem.reserve(descriptor, shard.size)
        _write_data(shard, descriptor, total, progress)
        # The header comes last: without it nobody can read the file.
        filesystem.write_all(descriptor, shard.header, 0)


def _write_data(shard: Shard, descriptor: int, total: int, progress: Progress) -> None:
    appender = Appender(shard.partial, descriptor, len(shard.header))
    done = shard.begin
    try:
        for weight in shard.weights:
            kind = look_up(weight.dtype)
            fill = plan(weight)
            for start, extent, _, length in list_pieces(weight, piece_size(weight, BUFFER)):
                memory = appender.reserve(length)
                values = memory.view(kind.numpy).reshape(extent)
                fill(values, start)
                if sys.byteorder == "big":
                    values.byteswap(inplace=True)
                done += length
                if progress is not None:
                    progress(done, total)
        appender.finish()
    finally:
        appender.close()


def _publish(layout: Layout, unnamed: list[Shard], old: set[Path]) -> None:
    """Rename the finished files, the index last.

    An old index never refers to new files: it is removed from the disk first.
    """
    folder = layout.base.parent
    filesystem.sync_folder(folder)  # the new files must be on the disk before old ones are removed
    replaced = {shard.file for shard in unnamed}
    shards = {path for path in old - replaced if "-of-" in path.name[len(layout.base.stem) :]}
    leading = old - replaced - shards
    if leading:
        for path in leading:
            filesystem.remove(path)
        filesystem.sync_folder(folder)
    for path in shards:
        filesystem.remove(path)
    for shard in unnamed:
        filesystem.rename(shard.partial, shard.file)
    filesystem.sync_folder(folder)
    if layout.index and (unnamed or not _has_index(layout)):
        path, text = layout.index
        partial = add_suffix(path, PARTIAL)
        with filesystem.new_file(partial) as descriptor:
            filesystem.write_all(descriptor, text.encode(), 0)
        filesystem.rename(partial, path)
        filesystem.sync_folder(folder)


def _explain(error: BaseException, layout: Layout, done: int) -> None:
    """Make the error of an interruption say which files are left, and how to continue."""
    left = (
        f"{part_text(done, layout.total)} are kept, `resume=True` continues"
        if done
        else "nothing is left"
    )
    if isinstance(error, OSError) and error.errno is not None:
        raise type(error)(
            error.errno, f"{error.strerror}; {left}", error.filename or str(layout.base)
        ) from error
    if isinstance(error, KeyboardInterrupt):
        raise KeyboardInterrupt(f"{layout.base} is not whole; {left}") from None
