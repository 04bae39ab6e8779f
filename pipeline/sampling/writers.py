"""Shard writers: one function a format, each giving equal bytes for equal records."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.data.images import image_schema, write_images
from pipeline.sampling.minting import Records
from pipeline.sampling.tar import archive, member
from pipeline.storage import write_atomically

EXTRA_COLUMNS = {"logit": "float32"}

# Path, records, encoded images, class names, and the ending of the images' encoding.
ShardWriter = Callable[[Path, Records, Sequence[bytes], Sequence[str], str], None]


def write_parquet(path: Path, records: Records, encoded: Sequence[bytes], classes: Sequence[str], ending: str) -> None:
    """Columns image, label (where there are classes), index, logit."""
    schema = image_schema(classes, EXTRA_COLUMNS)
    write_images(path, schema, encoded, records.labels, records.indices, {"logit": records.logits}, ending)


def write_webdataset(
    path: Path, records: Records, encoded: Sequence[bytes], classes: Sequence[str], ending: str
) -> None:
    """Members KEY.cls (where there are classes), KEY.json, KEY.png (or the encoding's ending) of each record, KEY being its index."""
    labels = [None] * len(records.indices) if records.labels is None else records.labels.tolist()
    members = []
    for image, label, index, logit in zip(encoded, labels, records.indices, records.logits, strict=True):
        key = f"{index:09d}"
        named = {} if label is None else {"label": label, "class": classes[label]}
        about: dict[str, Any] = {"index": int(index), **named, "logit": round(float(logit), 6)}
        if label is not None:
            members.append(member(f"{key}.cls", str(label).encode()))
        members.append(member(f"{key}.json", json.dumps(about).encode()))
        members.append(member(key + ending, image))
    write_atomically(path, archive(members))


# In the order in which a shard's files are named: the first one present is its `file`, others stand under `also`.
WRITERS: dict[str, tuple[str, ShardWriter]] = {
    "parquet": (".parquet", write_parquet),
    "webdataset": (".tar", write_webdataset),
}
