"""Shard writers: one function a format, each giving equal bytes for equal records."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from webdataset import TarWriter

from pipeline.data.images import image_schema, write_images
from pipeline.sampling.minting import Records
from pipeline.storage import write_atomically

EXTRA_COLUMNS = {"logit": "float32"}

ShardWriter = Callable[[Path, Records, Sequence[bytes], Sequence[str]], None]


def write_parquet(path: Path, records: Records, encoded: Sequence[bytes], classes: Sequence[str]) -> None:
    """Columns image, label, index, logit."""
    schema = image_schema(classes, EXTRA_COLUMNS)
    write_images(path, schema, encoded, records.labels, records.indices, {"logit": records.logits})


def write_webdataset(path: Path, records: Records, encoded: Sequence[bytes], classes: Sequence[str]) -> None:
    """Members KEY.cls, KEY.json, KEY.png of each record, KEY being its index."""
    buffer = io.BytesIO()
    with TarWriter(buffer, mtime=0) as tar:
        for png, label, index, logit in zip(encoded, records.labels, records.indices, records.logits, strict=True):
            about = {"index": int(index), "label": int(label), "class": classes[label], "logit": round(float(logit), 6)}
            tar.write({"__key__": f"{index:09d}", "cls": str(label), "json": json.dumps(about), "png": png})
    write_atomically(path, buffer.getvalue())


# In the order in which a shard's files are named: the first one present is its `file`, others stand under `also`.
WRITERS: dict[str, tuple[str, ShardWriter]] = {
    "parquet": (".parquet", write_parquet),
    "webdataset": (".tar", write_webdataset),
}
