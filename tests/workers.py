"""Shares what is slow to make between the processes in which tests run."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from typing import Any

import pytest


def run_once(factory: pytest.TempPathFactory, name: str, make: Callable[[], Any]) -> Any:
    """Return the result of `make`, JSON, which one process of this test run computes.

    A module's fixture would compute it in every process that runs a test of the module. The other
    processes wait.
    """
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # common to all processes
    result = folder / f"{name}.json"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            result.write_text(json.dumps(make()), encoding="utf-8")
    return json.loads(result.read_text(encoding="utf-8"))
