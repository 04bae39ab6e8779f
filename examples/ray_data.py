"""Ray Data reads a dataset's Parquet shards and decodes the pictures in parallel, on this machine or a cluster.

    python examples/ray_data.py datasets/digits

`RAY_ADDRESS` names a cluster, whose machines must see the folder under the same path; without it Ray runs here and
ends with the script. Nothing is held as a whole: blocks are read, decoded and handed over as they are asked for.
"""

import argparse
import io
import json
import logging
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
from PIL import Image
from ray.data import DataContext

BATCH_SIZE = 64


def read_manifest(folder: Path, ending: str) -> tuple[dict[str, Any], list[str]]:
    """The manifest and the shards of one format: those that it names, since other files may lie in the folder too."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        sys.exit(f"{folder}: no manifest.json that can be read, so this is not a finished dataset")
    files = [file["file"] for shard in manifest["shards"] for file in (shard, *shard["also"])]
    shards = [str(folder.resolve() / file) for file in files if file.endswith(ending)]
    if not shards:
        sys.exit(f"{folder}: this dataset has no {ending} shards")
    return manifest, shards


def decode(batch: pa.Table) -> dict[str, np.ndarray]:
    """Pictures as `uint8 [N, H, W]`, or `[N, H, W, 3]` in colour, and the other columns as they are."""
    encoded = pc.struct_field(batch["image"], "bytes").to_pylist()
    pictures = np.stack([np.asarray(Image.open(io.BytesIO(content))) for content in encoded])
    return {"image": pictures, **{name: batch[name].to_numpy() for name in batch.column_names if name != "image"}}


def report(manifest: dict[str, Any], shards: list[str]) -> None:
    """Reads every record once and says what was found."""
    columns = ["image", *(["label"] if manifest["classes"] else [])]
    # Decoding needs no model or other state, so tasks do it. Actors would keep their CPUs until the end, and a pool
    # that takes every CPU leaves none to read with: such a job waits for ever.
    stored = ray.data.read_parquet(shards).select_columns(columns)  # the others are not even read
    images = stored.map_batches(decode, batch_size=BATCH_SIZE, batch_format="pyarrow")

    records = 0
    counts: Counter[int] = Counter()
    for batch in images.iter_batches(batch_size=BATCH_SIZE, batch_format="numpy"):
        if not records:
            print(f"First batch: {batch['image'].dtype} {list(batch['image'].shape)}")
        records += len(batch["image"])
        counts.update(batch["label"].tolist() if "label" in batch else [])
    print(f"{records} records from {len(shards)} shards")
    if counts:
        print("Records per class:", ", ".join(f"{name} {counts[i]}" for i, name in enumerate(manifest["classes"])))


def main() -> None:
    """Starts Ray, or connects to it, for as long as the records are read."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset", type=Path, help="folder of a finished dataset")
    manifest, shards = read_manifest(parser.parse_args().dataset, ".parquet")

    # Without an address Ray would also take a cluster of someone else's that happens to run on this machine.
    address = os.environ.get("RAY_ADDRESS") or "local"
    ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    DataContext.get_current().enable_progress_bars = False
    try:
        report(manifest, shards)
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
