"""Runs code in a new interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def run_code(
    code: str,
    *arguments: str,
    warnings: str = "error",
    folder: Path | None = None,
    timeout: float = 60,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run the code with these arguments and environment variables; return its status and output."""
    return subprocess.run(
        [sys.executable, "-W", warnings, "-c", code, *arguments],
        env={**os.environ, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
