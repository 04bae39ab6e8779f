"""Write shards in each format: one function a format, which gives equal bytes for equal records."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from pipeline.images.image_parquet import image_schema, images_as_parquet
from pipeline.sampling.records import Records
from pipeline.sampling.shards.tar import archive, member


def extra_columns(filters: Sequence[object]) -> dict[str, str]:
    """Return the names and types of the columns besides image, label and index.

    With filters there is one more, which says which candidate of a record passed.
    """
    return {"logit": "float32", **({"attempt": "int64"} if filters else {})}


# Turns records, their encoded images, class names and the suffix of the encoding into a file's content.
ShardFormat = Callable[[Records, Sequence[bytes], Sequence[str], str], bytes | memoryview]


def as_parquet(records: Records, encoded: Sequence[bytes], classes: Sequence[str], suffix: str) -> memoryview:
    """Return a Parquet file with the columns image, label (with classes), index, logit and attempt (with filters)."""
    extra: dict[str, NDArray[Any]] = {"logit": records.logits}
    if records.attempts is not None:
        extra["attempt"] = records.attempts
    schema = image_schema(classes, {name: values.dtype.name for name, values in extra.items()})
    return images_as_parquet(schema, encoded, records.labels, records.indices, extra, suffix)


def as_webdataset(records: Records, encoded: Sequence[bytes], classes: Sequence[str], suffix: str) -> bytes:
    """Return a tar file with the members KEY.cls (with classes), KEY.json and KEY.png (or another encoding's suffix).

    KEY is the index of the record.
    """
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
        members.append(member(key + suffix, image))
    return archive(members)


def record_header(
    index: int, label: int | None, classes: Sequence[str], logit: float, attempt: int | None
) -> dict[str, object]:
    """Return what a record's JSON says; the logit has six decimals."""
    named = {} if label is None else {"label": label, "class": classes[label]}
    chosen = {} if attempt is None else {"attempt": attempt}
    return {"index": index, **named, "logit": round(logit, 6), **chosen}


# In the order in which a shard's files are named: the first one present is its `file`, others stand under `also`.
FORMATS: dict[str, tuple[str, ShardFormat]] = {
    "parquet": (".parquet", as_parquet),
    "webdataset": (".tar", as_webdataset),
}
