"""Plain pyarrow reads a dataset's Parquet shards, one row group after the other.

    python examples/pyarrow_reader.py datasets/digits

A row group is some hundred records, so memory holds no more than that, however large the dataset. Only the columns
that are asked for are read. Pillow decodes the pictures, whichever encoding they have.
"""

import argparse
import io
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds
from PIL import Image


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


def main() -> None:
    """Reads every record once and says what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset", type=Path, help="folder of a finished dataset")
    manifest, shards = read_manifest(parser.parse_args().dataset, ".parquet")

    columns = {"encoded": ds.field("image", "bytes")}
    if manifest["classes"]:
        columns["label"] = ds.field("label")

    records = row_groups = 0
    counts: Counter[int] = Counter()
    for shard in ds.dataset(shards, format="parquet").get_fragments():
        for row_group in shard.split_by_row_group():
            table = row_group.to_table(columns=columns)
            pictures = [np.asarray(Image.open(io.BytesIO(content))) for content in table["encoded"].to_pylist()]
            images = np.stack(pictures)  # uint8 [N, H, W], or [N, H, W, 3] in colour
            if not records:
                print(f"First row group: {images.dtype} {list(images.shape)}")
            records += len(images)
            row_groups += 1
            if "label" in columns:
                counts.update(table["label"].to_pylist())

    print(f"{records} records from {len(shards)} shards, {row_groups} row groups")
    if counts:
        print("Records per class:", ", ".join(f"{name} {counts[i]}" for i, name in enumerate(manifest["classes"])))


if __name__ == "__main__":
    main()
