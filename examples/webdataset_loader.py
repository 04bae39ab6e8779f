"""`webdataset` and PyTorch's `DataLoader` read a dataset's tar shards with several workers.

    python examples/webdataset_loader.py datasets/digits --workers 2

Each worker reads shards of its own from beginning to end, decodes the pictures to tensors and puts batches together;
the shards are shuffled, and within a worker the records that it holds. A training loop would read in the same way.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import webdataset
from torch import Tensor
from torch.utils.data import DataLoader

BATCH_SIZE = 64
SHUFFLED_RECORDS = 1000  # held by each worker, to draw from


def read_manifest(folder: Path, ending: str) -> tuple[dict[str, Any], list[str]]:
    """The manifest and the shards of one format: those that it names, since other files may lie in the folder too."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        sys.exit(f"{folder}: no manifest.json that can be read, so this is not a finished dataset")
    files = [file["file"] for shard in manifest["shards"] for file in (shard, *shard["also"])]
    # Absolute paths: webdataset would run a file name that begins with `pipe:` as a command.
    shards = [str(folder.resolve() / file) for file in files if file.endswith(ending)]
    if not shards:
        sys.exit(f"{folder}: this dataset has no {ending} shards")
    return manifest, shards


def with_channels(image: Tensor) -> Tensor:
    """`[C, H, W]`; grey pictures come without their channel."""
    return image if image.ndim == 3 else image.unsqueeze(0)


def main() -> None:
    """Reads every record once and says what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset", type=Path, help="folder of a finished dataset")
    parser.add_argument("--workers", type=int, default=2, help="processes that read; 0 reads in this one")
    options = parser.parse_args()
    manifest, shards = read_manifest(options.dataset, ".tar")

    grey = manifest["image"]["channels"] == 1
    fields = ["png;webp;jpg;pnm", *(["cls"] if manifest["classes"] else [])]
    samples = (
        webdataset.WebDataset(shards, shardshuffle=len(shards))
        .shuffle(SHUFFLED_RECORDS)
        .decode("torchl" if grey else "torchrgb")
        .to_tuple(*fields)
        .map_tuple(with_channels)
        .batched(BATCH_SIZE)
    )
    # A worker without a shard would end with an error, so there are never more workers than shards.
    loader: DataLoader[Any] = DataLoader(samples, batch_size=None, num_workers=min(options.workers, len(shards)))

    records = 0
    counts: Counter[int] = Counter()
    for images, *labels in loader:  # float32 [N, C, H, W] from 0 to 1, and int64 [N] where there are labels
        if not records:
            print(f"First batch: {images.dtype} {list(images.shape)}")
        records += len(images)
        for batch in labels:
            counts.update(batch.tolist())

    # A tar that was cut between two records reads without an error: only the count tells.
    if records != manifest["count"]:
        sys.exit(f"{options.dataset}: {records} records were read, the manifest counts {manifest['count']}")
    print(f"{records} records from {len(shards)} shards, read by {loader.num_workers} workers")
    if counts:
        print("Records per class:", ", ".join(f"{name} {counts[i]}" for i, name in enumerate(manifest["classes"])))


if __name__ == "__main__":
    main()
