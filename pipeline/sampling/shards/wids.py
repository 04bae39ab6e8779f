"""Build the index by which `wids` reads the records of tars in any order (format wids-shard-index-v1)."""

from pathlib import PurePosixPath

from pipeline.sampling.manifest import Manifest

WIDS = "data/wids.json"


def wids_index(manifest: Manifest) -> dict[str, object] | None:
    """Return the index of a dataset's tars, which follows from its manifest, or None where the dataset has no tars."""
    tars = [
        {"url": PurePosixPath(file.file).name, "nsamples": shard.rows, "filesize": file.bytes}
        for shard in manifest.shards
        for file in shard.files
        if file.file.endswith(".tar")
    ]
    if not tars:
        return None
    return {"__kind__": "wids-shard-index-v1", "wids_version": 1, "name": manifest.name, "shardlist": tars}
