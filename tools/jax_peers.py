"""Run the cases of JAX's and Flax's own tests on their factories and on ours, side by side.

`make jax-peers` runs it. The cases are in tests/with_jax/test_jax_peers.py.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).parent.parent / "tests" / "with_jax" / "test_jax_peers.py"
SOURCES = {
    "nn": "jax nn_test",
    "initializers": "flax initializers_test (nnx, linen)",
    "embed": "flax embed_test",
    "lora": "flax lora_test",
    "spmd": "flax spmd_test",
    "meta": "flax linen_meta_test",
}


class Counts:
    """A pytest plugin that counts outcomes by source and peer."""

    def __init__(self) -> None:
        self.found: Counter[tuple[str, str, str]] = Counter()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count a test's report."""
        match = re.search(r"::test_([a-z]+)\w*\[(stock|ours)", report.nodeid)
        if match and (report.when == "call" or report.failed):
            outcome = "refused" if hasattr(report, "wasxfail") else report.outcome
            self.found[match[1], match[2], outcome] += 1


def main() -> int:
    """Run the cases and print the table; return pytest's exit status."""
    counts = Counts()
    status = pytest.main(["-q", "--no-header", str(CASES)], plugins=[counts])
    print("| Tests | Stock: passed | failed | Ours: passed | refused | failed |")
    print("|---|---|---|---|---|---|")
    for source, title in SOURCES.items():
        columns = (
            ("stock", "passed"),
            ("stock", "failed"),
            ("ours", "passed"),
            ("ours", "refused"),
            ("ours", "failed"),
        )
        cells = [str(counts.found[source, peer, outcome]) for peer, outcome in columns]
        print(f"| {title} | {' | '.join(cells)} |")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
