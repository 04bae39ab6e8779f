"""Hugging Face `datasets` reads a dataset's Parquet shards, once in full and once as a stream.

    python examples/hf_datasets.py datasets/digits

In full, the records are copied to the library's cache and can then be had in any order. As a stream, nothing is
copied and work begins at once, in the order of the shards. Pictures come decoded, and labels know their names.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from datasets import load_dataset

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


def main() -> None:
    """Reads the records in both ways and says what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset", type=Path, help="folder of a finished dataset")
    manifest, shards = read_manifest(parser.parse_args().dataset, ".parquet")

    images = load_dataset("parquet", data_files=shards, split="train")
    picture = images[0]["image"]
    print(
        f"In full: {len(images)} records, first picture {picture.width} x {picture.height} pixels, mode {picture.mode}"
    )
    if manifest["classes"]:
        # The column alone: asking each record for its label would decode its picture as well.
        counts = Counter(images.features["label"].int2str(label) for label in images["label"])
        print("Records per class:", ", ".join(f"{name} {counts[name]}" for name in manifest["classes"]))

    stream = load_dataset("parquet", data_files=shards, split="train", streaming=True)
    streamed = 0
    for batch in stream.with_format("numpy").iter(batch_size=BATCH_SIZE):
        if not streamed:
            print(f"Streaming: the first batch is {batch['image'].dtype} {list(batch['image'].shape)}")
        streamed += len(batch["image"])
    print(f"Streaming: {streamed} records")


if __name__ == "__main__":
    main()
