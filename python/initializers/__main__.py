"""The command line: `initializers`, or `python -m initializers`."""

from __future__ import annotations

import sys

from ._startup import restore_interrupts

# Packages that only the command imports.
_NEEDED = ("click", "rich")


def main() -> int:
    """Run the command that the process was given, and return its exit status."""
    try:
        from .cli import run
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in _NEEDED:
            raise
        print(f"error: the command needs the package {name!r}: pip install {name}", file=sys.stderr)
        return 3
    restore_interrupts()
    return run()


if __name__ == "__main__":
    sys.exit(main())
