"""Read and write images in Parquet, in the form that Hugging Face `datasets` shows as decoded pictures."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.base.errors import UserError
from pipeline.images.png import decode_png

ROW_GROUP_IMAGES = 500

# The names of `pa.types` that a Hugging Face feature of the same name stands for.
_EXTRA_TYPES = {"float32": pa.float32(), "int64": pa.int64(), "string": pa.string()}


def image_schema(classes: Sequence[str], extra: dict[str, str] | None = None) -> pa.Schema:
    """Return the schema of the columns `image`, `label` (only where there are classes), `index` and `extra`.

    `extra` gives the type of each further column by its name: "float32", "int64" or "string". The reader matches the
    schema exactly and in silence. With `path` before `bytes`, a non-null column or a label of another width, it would
    give raw structs in place of pictures.
    """
    extra = extra or {}
    label_feature = {"label": {"names": list(classes), "_type": "ClassLabel"}} if classes else {}
    label_field = [pa.field("label", pa.int64())] if classes else []
    features: dict[str, object] = {
        "image": {"_type": "Image"},
        **label_feature,
        "index": {"dtype": "int64", "_type": "Value"},
        **{name: {"dtype": dtype, "_type": "Value"} for name, dtype in extra.items()},
    }
    return pa.schema(
        [
            pa.field("image", pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])),
            *label_field,
            pa.field("index", pa.int64()),
            *(pa.field(name, _EXTRA_TYPES[dtype]) for name, dtype in extra.items()),
        ],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )


def images_as_parquet(
    schema: pa.Schema,
    encoded: Sequence[bytes],
    labels: NDArray[np.int64] | None,
    indices: NDArray[np.int64],
    extra: dict[str, NDArray[Any]],
    suffix: str,
) -> memoryview:
    """Return the content of a Parquet file of images. Equal input gives equal bytes.

    `labels` is None where `schema` has no such column; `suffix` is the file name suffix of the images' encoding.
    """
    images = [
        {"bytes": content, "path": f"{index:09d}{suffix}"} for content, index in zip(encoded, indices, strict=True)
    ]
    columns: dict[str, object] = {"image": images, "label": labels, "index": indices, **extra}
    table = pa.table({name: pa.array(columns[name], schema.field(name).type) for name in schema.names}, schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=ROW_GROUP_IMAGES,
        compression="none",  # images are compressed already; the other columns are small
        use_dictionary=False,
        write_page_index=True,
    )
    return memoryview(sink.getvalue())


def read_parquet(source: Path | pa.BufferReader, columns: Sequence[str] | None = None) -> pa.Table:
    """Return what a Parquet file holds, read by the calling thread alone.

    pyarrow's own threads may still hold a buffer of Python's when the interpreter ends, and this aborts the process.
    """
    with pq.ParquetFile(source, pre_buffer=False) as file:
        return file.read(columns=columns, use_threads=False)


def image_blocks(path: Path, channels: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Yield `(uint8 [n, H, W, C], int64 [n])` of each row group of a Parquet file of PNG images with labels.

    Raises:
        UserError: the file is missing or damaged.
    """
    if not path.exists():
        raise UserError(f"{path} is missing. Run the stage ingest, which writes it.")
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, ["image", "label"], use_threads=False)
                contents = table["image"].combine_chunks().field("bytes")
                images = np.stack([decode_png(content.as_py(), channels) for content in contents])
                yield images, table["label"].to_numpy()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(f"{path} is damaged: {error}. Run the stage again that writes it.") from None
