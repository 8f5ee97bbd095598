"""`initializers create`: writes a model's first checkpoint from its shapes and a recipe."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from .._arguments.sizes import size_text
from .._arguments.types import Convention
from ..checkpoint._write import write_counted
from ._command import make_command
from ._errors import Failure, describe_os_error, mistakes_of
from ._output import clean, count_text, make_console, progress_bar, write_json
from ._request import request_options, resolve


@make_command(
    "create",
    "write a model's first checkpoint as safetensors, of any size",
    "initializers create --model gpt2 --seed 1 --out gpt2.safetensors",
    "initializers create --model llama-3.2-1b --out llama/ --max-shard-size 2GB",
    "initializers create --specs model.safetensors.index.json --recipe mine.toml --out new/",
    "initializers create --model gpt2 --set layers=24 --out medium.safetensors",
    "initializers create --model llama-3.1-8b --out llama/ --resume",
    section="Write",
)
@request_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="PATH",
    help="A file that ends in .safetensors, or a directory.",
)
@click.option(
    "--max-shard-size",
    metavar="SIZE",
    help="Write several files of at most this size, such as 5GB, and their index.",
)
@click.option("--resume", is_flag=True, help="Keep the files that an interrupted run finished.")
@click.option("--overwrite", is_flag=True, help="Replace a checkpoint that is there.")
def command(
    model: str | None,
    specs: Path | None,
    recipe_name: str | None,
    numbers: dict[str, Any],
    seed: int | None,
    dtype: str | None,
    convention: Convention | None,
    partial: bool,
    out: Path,
    max_shard_size: str | None,
    resume: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write the weights that a recipe gives to a model, in bounded memory.

    Files get their names only when they are whole and on the disk. An interrupted run can be
    resumed, with the same bytes in the end. The recipe and its seed are kept in the file, where
    `initializers verify` finds them.
    """
    recipe, weights = resolve(model, specs, recipe_name, numbers, seed, dtype)
    started = time.perf_counter()
    try:
        with mistakes_of():
            plan = recipe.plan(weights, convention, partial)
            with progress_bar("writing", wanted=not as_json) as advance:
                path, written = write_counted(
                    *(recipe, weights, str(out), max_shard_size, resume, overwrite),
                    *(advance, convention, partial),
                )
    except OSError as error:
        raise Failure(_in_options(describe_os_error(error))) from error
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(_in_options(str(error))) from None
    seconds = time.perf_counter() - started
    if as_json:
        write_json(
            {
                "path": str(path),
                "tensors": len(plan.weights),
                "elements": plan.size,
                "bytes": plan.nbytes,
                "written": written,
                "seed": recipe.seed,
                "seconds": seconds,
            }
        )
        return
    parts = [
        count_text(len(plan.weights), "tensor"),
        count_text(plan.size, "element"),
        _tell(plan.nbytes, written, seconds),
        f"seed {recipe.seed}",
    ]
    make_console().print(f"{clean(str(path))}: {', '.join(parts)}", soft_wrap=True)


def _tell(total: int, written: int, seconds: float) -> str:
    """Return how much was written, and how fast; nothing is said of a rate of nothing."""
    if total and not written:
        return f"{size_text(total)} complete already; nothing to do"
    rate = f"{size_text(written)} in {seconds:.1f} s ({size_text(written / max(seconds, 1e-9))}/s)"
    return rate if written == total else f"{size_text(total - written)} kept, {rate} written"


def _in_options(text: str) -> str:
    """Return a message of the package in terms of this command's options."""
    return text.replace("`resume=True`", "--resume").replace("`overwrite=True`", "--overwrite")
