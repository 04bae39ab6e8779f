"""Shard formats: one function each, giving equal bytes for equal records."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.data.images import image_schema, images_as_parquet
from pipeline.sampling.minting import Records
from pipeline.sampling.tar import archive, member

EXTRA_COLUMNS = {"logit": "float32"}

# Of records, their encoded images, class names, and the ending of the images' encoding: a file's content.
ShardFormat = Callable[[Records, Sequence[bytes], Sequence[str], str], bytes | memoryview]


def as_parquet(records: Records, encoded: Sequence[bytes], classes: Sequence[str], ending: str) -> memoryview:
    """Columns image, label (where there are classes), index, logit."""
    schema = image_schema(classes, EXTRA_COLUMNS)
    return images_as_parquet(schema, encoded, records.labels, records.indices, {"logit": records.logits}, ending)


def as_webdataset(records: Records, encoded: Sequence[bytes], classes: Sequence[str], ending: str) -> bytes:
    """Members KEY.cls (where there are classes), KEY.json, KEY.png (or what the encoding ends in); KEY is the index."""
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
    return archive(members)


# In the order in which a shard's files are named: the first one present is its `file`, others stand under `also`.
FORMATS: dict[str, tuple[str, ShardFormat]] = {
    "parquet": (".parquet", as_parquet),
    "webdataset": (".tar", as_webdataset),
}
