"""Trees of weights on a mesh: stock JAX, a callback, the compiled program, and the core.

Each way makes each tree in a process of its own, on a mesh of eight devices: the first call with
its compilation, then warm calls, of which the best counts, in seconds of processor time, all
threads together, which other work on the machine changes less; and the peak of the resident
memory beyond that before the first call. A way that takes more than 60 % of the memory free at its
start is stopped, and its row says at how much. The trees are a GPT-2 of 110 million weights in
float32 and a Llama of 1.0 billion in bfloat16, both with scanned layers. It writes the table into
docs/jax-inside-jit.md.

    python benches/jax_trees.py [--tree gpt2] [--once]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "jax-inside-jit.md"
BEGIN, END = "<!-- jax-trees -->\n", "<!-- /jax-trees -->"
# Way → value of INITIALIZERS_JAX, and what the table calls it.
WAYS = {
    "stock": ("", "`jax.nn.initializers`, under `jit`"),
    "callback": ("callback", "factories, under `jit`, by callback"),
    "native": ("native", "factories, under `jit`"),
    "tree in jit": ("native", "`init_tree`, under `jit`"),
    "tree": ("", "`init_tree`, by the core"),
}
STDDEV = 0.02


def describe_tree(name: str) -> tuple[dict[str, tuple[int, ...]], str]:
    """Return the shapes of the weights, and their dtype."""
    gpt2 = name == "gpt2"
    layers, width, inner, vocabulary = (12, 768, 3072, 32768) if gpt2 else (18, 2048, 8192, 50304)
    shapes: dict[str, tuple[int, ...]] = {
        "embed": (vocabulary, width),
        "layers/qkv": (layers, width, 3 * width),
        "layers/out": (layers, width, width),
        "layers/up": (layers, width, inner),
        "layers/down": (layers, inner, width),
    }
    return shapes, "float32" if gpt2 else "bfloat16"


def build(name: str, way: str) -> Callable[[], Any]:
    """Return what makes the tree on the mesh, as a function that may be called again."""
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    import initializers.jax as ours

    jax.config.update("jax_num_cpu_devices", 8)
    mesh = jax.make_mesh((4, 2), ("x", "y"))
    shapes, dtype = describe_tree(name)
    places = {
        name: NamedSharding(mesh, PartitionSpec(*[None] * (len(shape) - 2), "x", "y"))
        for name, shape in shapes.items()
    }
    abstract = {name: jax.ShapeDtypeStruct(shape, dtype) for name, shape in shapes.items()}
    law = ours.truncated_normal(STDDEV)
    rules = {"layers/*": ours.Rule(law, stack=1), "*": law}
    if way == "tree":
        return lambda: ours.init_tree(abstract, rules, 7, places)
    if way == "tree in jit":
        whole: Callable[[], Any] = jax.jit(
            lambda: ours.init_tree(abstract, rules, 7), out_shardings=places
        )
        return whole
    init = (jax.nn.initializers if way == "stock" else ours).truncated_normal(STDDEV)

    def make(key: Any) -> Any:
        keys = jax.random.split(key, len(shapes))
        return {
            name: init(each, shape, dtype)
            for each, (name, shape) in zip(keys, shapes.items(), strict=True)
        }

    compiled = jax.jit(make, out_shardings=places)
    return lambda: compiled(jax.random.key(7))


def read_memory(field: str, file: str = "/proc/self/status") -> int:
    """Return a field of a file that Linux keeps about memory, in bytes; 0 if it has none."""
    lines = Path(file).read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)


def measure(name: str, way: str, warm: int) -> dict[str, Any]:
    """Return the times and the memory of one way, in this process."""
    import jax
    import numpy as np

    call = build(name, way)
    jax.block_until_ready(jax.random.key(7))
    before = read_memory("VmRSS")
    times = []
    for _ in range(1 + warm):
        tree: Any = None  # the last call's memory is free before the next
        start = time.process_time()
        tree = call()
        jax.block_until_ready(tree)
        times.append(time.process_time() - start)
    part = np.asarray(tree["layers/out"].addressable_shards[-1].data)
    return {
        "first": times[0],
        "warm": min(times[1:]),
        "peak": read_memory("VmHWM") - before,
        "digest": hashlib.sha256(part.tobytes()).hexdigest(),
    }


def run(name: str, way: str, warm: int) -> dict[str, Any] | int:
    """Return what `measure` returns in a process of its own; its memory if it took too much."""
    command = [sys.executable, __file__, "--measure", name, way, str(warm)]
    environment = {**os.environ, "INITIALIZERS_JAX": WAYS[way][0]}
    most = read_memory("MemAvailable", "/proc/meminfo") * 6 // 10
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            resident = read_memory("VmRSS", f"/proc/{process.pid}/status")
            if resident > most:
                process.kill()
                return resident
            time.sleep(0.05)
        output = process.communicate()[0]
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
    result: dict[str, Any] = json.loads(output)
    return result


def compare(name: str, warm: int) -> list[str]:
    """Return the rows of a tree."""
    shapes, dtype = describe_tree(name)
    count = sum(map(math.prod, shapes.values()))
    size = count * (4 if dtype == "float32" else 2)
    rows, digests = [], {}
    for way, (_, title) in WAYS.items():
        result = run(name, way, warm)
        if isinstance(result, int):
            cells = ["", "", f"stopped at {result / 1e9:.1f}"]
        else:
            digests[way] = result["digest"]
            times = [f"{result['first']:.1f}", f"{result['warm']:.2f}"]
            cells = [*times, f"{result['peak'] / 1e9:.2f}"]
        tree = f"{count / 1e6:,.0f} M, {dtype}, {size / 1e9:.2f} GB"
        rows.append(f"| {tree} | {title} | {' | '.join(cells)} |")
        print(rows[-1], flush=True)
    for one, other in (("callback", "native"), ("tree in jit", "tree")):
        if digests.get(one, digests[other]) != digests[other]:
            raise SystemExit(f"{name}: the values of {one!r} and {other!r} differ")
    return rows


def main() -> None:
    """Measure all ways, print the table, and write it unless asked for one tree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", choices=["gpt2", "llama"], help="only this one; writes nothing")
    parser.add_argument("--once", action="store_true", help="one warm call instead of three")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        name, way, warm = options.measure
        print(json.dumps(measure(name, way, int(warm))))
        return
    import jax

    header = "| Weights | Way | First call, s | Warm, s | Peak memory, GB |\n|---|---|--:|--:|--:|"
    print(header, flush=True)
    names = [options.tree] if options.tree else ["gpt2", "llama"]
    rows = [row for name in names for row in compare(name, 1 if options.once else 3)]
    if options.tree is None:
        load, cores = os.getloadavg()[1], os.cpu_count()
        note = f"JAX {jax.__version__}, {cores} cores, load {load:.1f}, {date.today()}."
        text = PAGE.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        table = "\n".join([header, *rows, "", note])
        PAGE.write_text(f"{before}{BEGIN}{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
