"""Pictures of what `compare.py` measured, as SVG."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

# The large cases are of this many elements.
_LARGE = 1 << 24
_OURS = "initializers"
# Colors of the peers: ours is orange.
_COLORS = ("blue", "green", "red", "purple", "brown", "pink", "gray", "olive", "cyan")


def draw(results: dict[str, Any], directory: Path) -> None:
    """Draw the large cases as bars, and the sizes as lines."""
    try:
        from matplotlib import pyplot
    except ImportError:
        print("no pictures: matplotlib is missing (python -m pip install matplotlib)")
        return
    pyplot.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 9})
    if "main" in results:
        _draw_bars(pyplot, results["main"], directory / "bench-bars.svg")
    if "sizes" in results:
        _draw_sizes(pyplot, results["sizes"], directory / "bench-sizes.svg")


def _draw_bars(pyplot: Any, records: list[dict[str, Any]], path: Path) -> None:
    fresh = {r["sampler"]: r for r in records if r["fresh"] and r["dtype"] == "float32"}
    writing = fresh.pop("constant")["seconds"].get("numpy")
    limit = statistics.median(writing) / _LARGE * 1e9 if writing else None
    figure, columns = pyplot.subplots(
        1, len(fresh), figsize=(10, 2.6), layout="constrained", sharex=True
    )
    for axes, (sampler, record) in zip(columns, fresh.items(), strict=True):
        pairs = sorted(
            (statistics.median(v) / _LARGE * 1e9, k) for k, v in record["seconds"].items()
        )
        values, names = [value for value, _ in pairs], [name for _, name in pairs]
        bars = axes.barh(
            names, values, color=["tab:orange" if n == _OURS else "silver" for n in names]
        )
        axes.bar_label(bars, fmt="%.2g", padding=2, fontsize=8)
        if limit is not None:
            axes.axvline(limit, color="black", linestyle="--", linewidth=1)
        axes.set(title=sampler.replace("_", "-"), xscale="log", xlim=(0.1, 400))
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel(
        "ns an element, new array of 2²⁴ float32; dashed: np.full, which only writes", fontsize=9
    )
    figure.savefig(path, metadata={"Date": None})


def _draw_sizes(pyplot: Any, records: list[dict[str, Any]], path: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    colors = iter(_COLORS)
    for name in records[-1]["seconds"]:
        points = [
            (r["size"], statistics.median(r["seconds"][name]))
            for r in records
            if name in r["seconds"]
        ]
        ours = name == _OURS
        axes.loglog(
            *zip(*sorted(points), strict=True),
            marker="o",
            markersize=3,
            label=name,
            linewidth=2.5 if ours else 1,
            color="tab:orange" if ours else f"tab:{next(colors)}",
            zorder=3 if ours else 2,
        )
    axes.set(xlabel="elements", ylabel="seconds", title="normal, float32, new array")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
