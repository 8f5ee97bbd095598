"""The command line: one file a command."""

from __future__ import annotations

import io
import os
import sys

import click

from .. import __version__
from . import capture, completion, create, inspect, plan, propagate, recipe, selftest, show, verify
from ._command import Group
from ._errors import FAILED, INTERRUPTED, PIPE_CLOSED, WRONG, describe_os_error
from ._output import print_error

_EPILOG = """\
Exit status: 0 done; 1 a check found a difference; 2 a wrong argument or a malformed file;
3 it could not be done (disk, memory, a missing package); 130 interrupted.
"""


@click.group(
    cls=Group,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
@click.version_option(__version__, prog_name="initializers")
def group() -> None:
    """Initialize the weights of neural networks reproducibly: write, check and look at them.

    Every command has --help with examples, and prints one JSON document with --json.
    """


for _module in (
    *(recipe, capture, plan, create, verify, selftest),
    *(inspect, show, propagate, completion),
):
    group.add_command(_module.command)


def run(arguments: list[str] | None = None) -> int:
    """Run a command with these arguments, or with the process's, and return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # where the encoding lacks a letter
    try:
        status = group.main(arguments, prog_name="initializers", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return WRONG
    except click.ClickException as error:
        _say(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        # click raises its own Abort from the KeyboardInterrupt, which may say how to continue.
        left = str(error.__cause__ or error)
        print_error(f"interrupted{': ' * bool(left)}{left}")
        return INTERRUPTED
    except (BrokenPipeError, SystemExit):
        # Only a closed pipe makes click and rich exit. The interpreter flushes again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        print_error(describe_os_error(error))
        return FAILED
    except MemoryError as error:
        print_error(str(error) or "no memory is left")
        return FAILED


def _say(error: click.ClickException) -> None:
    context = getattr(error, "ctx", None)
    if isinstance(error, click.UsageError) and context is not None:
        print(context.get_usage(), file=sys.stderr)
    print_error(error.format_message())
