"""`initializers create`: a recipe and the shapes of a model become its first checkpoint."""

from __future__ import annotations

import time
from pathlib import Path

import click

from .. import checkpoint
from .._arguments.types import Convention
from .._charts.text import size_text
from ._command import make_command
from ._errors import Failure, describe_os_error, mistakes_of
from ._output import clean, make_console, progress_bar, write_json
from ._request import request_options, resolve


@make_command(
    "create",
    "write the first checkpoint of a model, of any size, as safetensors",
    "initializers create --model gpt2 --seed 1 --out gpt2.safetensors",
    "initializers create --model llama-3.2-1b --out llama/ --max-shard-size 2GB",
    "initializers create --specs model.safetensors.index.json --recipe mine.toml --out new/",
    "initializers create --model llama-3.1-8b --out llama/ --resume",
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

    The files have their names only when they are whole and on the disk. What is interrupted can be
    resumed, and ends with the same bytes. The recipe and its seed are kept in the file, where
    `initializers verify` finds them.
    """
    recipe, weights = resolve(model, specs, recipe_name, seed, dtype)
    started = time.perf_counter()
    try:
        with mistakes_of():
            plan = recipe.plan(weights, convention, partial)
            with progress_bar("writing", wanted=not as_json) as advance:
                path = checkpoint.write(
                    recipe,
                    weights,
                    str(out),
                    max_shard_size=max_shard_size,
                    resume=resume,
                    overwrite=overwrite,
                    progress=advance,
                    convention=convention,
                    partial=partial,
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
                "seed": recipe.seed,
                "seconds": seconds,
            }
        )
        return
    rate = size_text(plan.nbytes / max(seconds, 1e-9))
    make_console().print(
        f"{clean(str(path))}: {len(plan.weights)} tensors, {plan.size:,} elements, "
        f"{size_text(plan.nbytes)} in {seconds:.1f} s ({rate}/s), seed {recipe.seed}",
        soft_wrap=True,
    )


def _in_options(text: str) -> str:
    """Return a message of the package in terms of this command's options."""
    return text.replace("`resume=True`", "--resume").replace("`overwrite=True`", "--overwrite")
