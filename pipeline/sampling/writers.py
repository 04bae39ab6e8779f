"""Shard writers: one function a format, each giving equal bytes for equal records."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from webdataset import TarWriter

from pipeline.data.images import image_schema, write_images
from pipeline.sampling.minting import Records
from pipeline.storage import write_atomically

EXTRA_COLUMNS = {"logit": "float32"}

ShardWriter = Callable[[Path, Records, Sequence[bytes], Sequence[str]], None]


def write_parquet(path: Path, records: Records, encoded: Sequence[bytes], classes: Sequence[str]) -> None:
    """Columns image, label (where there are classes), index, logit."""
    schema = image_schema(classes, EXTRA_COLUMNS)
    write_images(path, schema, encoded, records.labels, records.indices, {"logit": records.logits})


def write_webdataset(path: Path, records: Records, encoded: Sequence[bytes], classes: Sequence[str]) -> None:
    """Members KEY.cls (where there are classes), KEY.json, KEY.png of each record, KEY being its index."""
    labels = [None] * len(records.indices) if records.labels is None else records.labels.tolist()
    buffer = io.BytesIO()
    with TarWriter(buffer, mtime=0) as tar:
        for png, label, index, logit in zip(encoded, labels, records.indices, records.logits, strict=True):
            named = {} if label is None else {"label": label, "class": classes[label]}
            about: dict[str, Any] = {"index": int(index), **named, "logit": round(float(logit), 6)}
            members: dict[str, Any] = {"__key__": f"{index:09d}", "json": json.dumps(about), "png": png}
            tar.write(members if label is None else {**members, "cls": str(label)})  # which puts members in order
    write_atomically(path, buffer.getvalue())


# In the order in which a shard's files are named: the first one present is its `file`, others stand under `also`.
WRITERS: dict[str, tuple[str, ShardWriter]] = {
    "parquet": (".parquet", write_parquet),
    "webdataset": (".tar", write_webdataset),
}
