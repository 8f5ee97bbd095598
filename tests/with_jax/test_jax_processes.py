"""Two real processes: every sharding holds the weights that one process makes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from processes import digest_tree, make_tree

from initializers import HeNormal
from initializers.jax import init_tree

PROCESSES = Path(__file__).with_name("processes.py")


def test_two_processes(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, str(PROCESSES), str(number), str(port), str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "INITIALIZERS_JAX": "native"},
        )
        for number in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=240)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, output in zip(processes, outputs, strict=True):
        assert process.returncode == 0, output
    tree = digest_tree(init_tree(make_tree(), {"*": "he_normal"}, 7))
    kernel = digest_tree(HeNormal(42)((24, 16)))
    for number in range(2):
        report = json.loads((tmp_path / f"{number}.json").read_text())
        assert (report["tree"], report["kernel"]) == (tree, kernel)
        assert len(report["wrong"]) == 3 * (2 * 5 + 1)
        assert not any(report["wrong"].values()), report["wrong"]
