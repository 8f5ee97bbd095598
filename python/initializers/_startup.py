"""Interrupts while the command is imported.

Python would print a traceback from the middle of an import. The system's own handler ends the
process quietly instead, until the command can answer itself.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

_NAME = "initializers"


def let_interrupts_end_imports() -> None:
    """Let Ctrl-C end the process without a traceback, if it is the command that is starting."""
    if _is_command() and _is_default(signal.default_int_handler):
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def restore_interrupts() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again."""
    if _is_default(signal.SIG_DFL):
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_default(handler: object) -> bool:
    """Whether this thread may change the handler, which is still that one."""
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and signal.getsignal(signal.SIGINT) == handler


def _is_command() -> bool:
    """Whether the process runs `initializers` or `python -m initializers`."""
    # Not by pathlib, whose import takes a quarter of this package's.
    name = os.path.basename(sys.argv[0] if sys.argv else "")
    if os.path.splitext(name)[0] == _NAME:
        return True
    return any(
        pair == ("-m", _NAME) for pair in zip(sys.orig_argv, sys.orig_argv[1:], strict=False)
    )
