"""The command line: `initializers`, or `python -m initializers`."""

from __future__ import annotations

import sys

# Packages of the extra `cli` that every command needs; pictures need matplotlib as well.
_NEEDED = ("click", "rich")


def main() -> int:
    """Run the command that the process was given, and return its exit status."""
    try:
        from .cli import run
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in _NEEDED:
            raise
        print(
            f"initializers: the command line needs the package {name!r}: "
            "pip install 'initializers[cli]'",
            file=sys.stderr,
        )
        return 3
    return run()


if __name__ == "__main__":
    sys.exit(main())
