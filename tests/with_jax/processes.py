"""One of two JAX processes: compares arrays and trees in every sharding with those of one device.

`test_jax_processes.py` starts it as `processes.py NUMBER PORT DIRECTORY`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
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
    """Return the digest of all leaves, which are whole in this process."""
    paths = jax.tree_util.tree_flatten_with_path(tree)[0]
    return digest(
        {
            jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
            for path, leaf in paths
        }
    )


def count_wrong(tree: Any, expected: Any) -> int:
    """Return how many parts of arrays on this process's devices differ from the expected arrays."""
    pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(expected), strict=True)
    return sum(
        np.asarray(part.data).tobytes() != np.asarray(whole)[part.index].tobytes()
        for array, whole in pairs
        for part in array.addressable_shards
    )


def run() -> dict[str, Any]:
    """Return digests of what every sharding must hold, and how many parts of each do not."""
    tree, kernel = init_tree(make_tree(), {"*": "he_normal"}, 7), he_normal()(42, (24, 16))
    results: dict[str, Any] = {"tree": digest_tree(tree), "kernel": digest_tree(kernel)}
    wrong: dict[str, int] = {}
    keys = jax.random.split(jax.random.key(42), len(SPECS))
    each = [np.asarray(he_normal()(key, (24, 16))) for key in keys]
    for sizes in ((8, 1), (4, 2), (2, 4)):
        mesh = jax.make_mesh(sizes, ("x", "y"))
        places = [NamedSharding(mesh, spec) for spec in SPECS]
        for place in places:
            name = f"{sizes} {place.spec}"
            made = init_tree(make_tree(), {"*": "he_normal"}, 7, place)
            wrong[f"tree {name}"] = count_wrong(made, tree)
            made = he_normal()(42, (24, 16), out_sharding=place)
            wrong[f"eager {name}"] = count_wrong(made, kernel)
        # JAX places the results: each process makes the blocks of its devices all the same.
        compiled = jax.jit(
            lambda keys: [he_normal()(key, (24, 16)) for key in keys], out_shardings=places
        )
        wrong[f"jit {sizes}"] = count_wrong(compiled(keys), each)
    return {**results, "wrong": wrong}


def main() -> None:
    number, port, directory = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    jax.config.update("jax_num_cpu_devices", 4)
    jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=2, process_id=number)
    assert (len(jax.devices()), len(jax.local_devices())) == (8, 4)
    (directory / f"{number}.json").write_text(json.dumps(run()))
    jax.distributed.shutdown()


if __name__ == "__main__":
    main()
