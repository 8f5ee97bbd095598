"""One of two JAX processes: fills arrays and trees in every sharding; writes their digests.

`test_jax_processes.py` starts it as `processes.py NUMBER PORT DIRECTORY`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental.multihost_utils import process_allgather
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from initializers import digest
from initializers.jax import he_normal, init_tree

SHAPES = {
    "embed/kernel": (24, 16),
    "block/0/kernel": (16, 32),
    "block/1/kernel": (32, 16),
    "head/kernel": (16, 24),
}
SPECS = [P(), P("x"), P(None, "y"), P("x", "y"), P(("y", "x"), None)]


def make_tree() -> Any:
    def leaf(name: str) -> Any:
        return {"kernel": jax.ShapeDtypeStruct(SHAPES[name], "float32")}

    return {
        "embed": leaf("embed/kernel"),
        "block": [leaf("block/0/kernel"), leaf("block/1/kernel")],
        "head": leaf("head/kernel"),
    }


def digest_tree(tree: Any) -> str:
    """Return the digest of all leaves, gathered from all processes."""
    paths = jax.tree_util.tree_flatten_with_path(tree)[0]
    named = {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(
            leaf if leaf.is_fully_addressable else process_allgather(leaf, tiled=True)
        )
        for path, leaf in paths
    }
    return digest(named)


def run() -> dict[str, Any]:
    results: dict[str, Any] = {"trees": {}, "eager": {}, "jit": {}}
    key = jax.random.key(42)
    for sizes in ((8, 1), (4, 2), (2, 4)):
        mesh = jax.make_mesh(sizes, ("x", "y"))
        for spec in SPECS:
            place, name = NamedSharding(mesh, spec), f"{sizes} {spec}"
            results["trees"][name] = digest_tree(
                init_tree(make_tree(), {"*": "he_normal"}, 7, place)
            )

            made = he_normal()(key, (24, 16), out_sharding=place)
            results["eager"][name] = digest_tree({"kernel": made})
            # JAX places the result; each process still makes the blocks of its devices.
            compiled = jax.jit(lambda key: he_normal()(key, (24, 16)), out_shardings=place)
            results["jit"][name] = digest_tree({"kernel": compiled(key)})
    return results


def main() -> None:
    number, port, directory = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    jax.config.update("jax_num_cpu_devices", 4)
    jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=2, process_id=number)
    assert (len(jax.devices()), len(jax.local_devices())) == (8, 4)
    (directory / f"{number}.json").write_text(json.dumps(run()))
    jax.distributed.shutdown()


if __name__ == "__main__":
    main()
