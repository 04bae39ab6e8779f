"""Shard formats: one function each, giving equal bytes for equal records."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from pipeline.images.image_parquet import image_schema, images_as_parquet
from pipeline.sampling.records import Records
from pipeline.sampling.shards.tar import archive, member


def extra_columns(filters: Sequence[object]) -> dict[str, str]:
    """Name and type of the columns besides image, label and index; filters add which candidate of a record passed."""
    return {"logit": "float32", **({"attempt": "int64"} if filters else {})}


# Of records, their encoded images, class names, and the ending of the images' encoding: a file's content.
ShardFormat = Callable[[Records, Sequence[bytes], Sequence[str], str], bytes | memoryview]


def as_parquet(records: Records, encoded: Sequence[bytes], classes: Sequence[str], ending: str) -> memoryview:
    """Columns image, label (where there are classes), index, logit, attempt (where there are filters)."""
    extra: dict[str, NDArray[Any]] = {"logit": records.logits}
    if records.attempts is not None:
        extra["attempt"] = records.attempts
    schema = image_schema(classes, {name: values.dtype.name for name, values in extra.items()})
    return images_as_parquet(schema, encoded, records.labels, records.indices, extra, ending)


def as_webdataset(records: Records, encoded: Sequence[bytes], classes: Sequence[str], ending: str) -> bytes:
    """Members KEY.cls (where there are classes), KEY.json, KEY.png (or what the encoding ends in); KEY is the index."""
    labels, attempts = (
        [None] * len(records.indices) if values is None else values.tolist()
        for values in (records.labels, records.attempts)
    )
    members = []
    for image, label, index, logit, attempt in zip(
        encoded, labels, records.indices.tolist(), records.logits.tolist(), attempts, strict=True
    ):
        key = f"{index:09d}"
        header = record_header(index, label, classes, logit, attempt)
        if label is not None:
            members.append(member(f"{key}.cls", str(label).encode()))
        members.append(member(f"{key}.json", json.dumps(header).encode()))
        members.append(member(key + ending, image))
    return archive(members)


def record_header(
    index: int, label: int | None, classes: Sequence[str], logit: float, attempt: int | None
) -> dict[str, object]:
    """What a record's JSON says; of the logit six decimals."""
    named = {} if label is None else {"label": label, "class": classes[label]}
    chosen = {} if attempt is None else {"attempt": attempt}
    return {"index": index, **named, "logit": round(logit, 6), **chosen}


# In the order in which a shard's files are named: the first one present is its `file`, others stand under `also`.
FORMATS: dict[str, tuple[str, ShardFormat]] = {
    "parquet": (".parquet", as_parquet),
    "webdataset": (".tar", as_webdataset),
}
