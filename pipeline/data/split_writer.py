"""Write the Parquet files of the splits: copy encoded images from the prepared files in order, never all in memory."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.data.description import Split, SplitDescription, SplitFile
from pipeline.data.labelling import Labelled
from pipeline.data.prepare import as_colour
from pipeline.images.image_parquet import ROW_GROUP_IMAGES, image_schema
from pipeline.images.png import decode_png, encode_png
from pipeline.store.files import atomic_path, file_sha256

LARGEST_FILE = 256 << 20  # bytes of images


def write_splits(
    known: pa.Table,
    prepared: Sequence[Path],
    rows: dict[Split, NDArray[np.int64]],
    labelled: Labelled,
    channels: int,
    folder: Path,
) -> dict[Split, SplitDescription]:
    """Write the files of all splits; return what `dataset.json` says of them.

    The prepared files are read once, and each image is appended to the spool of its file. Then each file is put in
    order.

    Args:
        known: the columns `name`, `text` and `channels` of all images.
        prepared: the files of `Preparation` that `known` was read from, in the same order.
        rows: the rows of `known`, by split, in the order in which they are written.
        labelled: the classes of all images.
        channels: the number of channels of the dataset.
        folder: the folder that the files are written to.
    """
    classes, labels = labelled.classes, labelled.labels
    extra = {"source": "string"} | ({"text": "string"} if known["text"].null_count < len(known) else {})
    schema = image_schema(classes, extra)
    per_file = _images_per_file(prepared, len(known))
    file_of, position = np.full(len(known), -1), np.zeros(len(known), np.int64)
    names: list[tuple[Split, str]] = []
    for split, members in rows.items():
        for start in range(0, len(members), per_file):
            chunk = members[start : start + per_file]
            file_of[chunk], position[chunk] = len(names), np.arange(start, start + len(chunk))
            names.append((split, f"{split}-{start // per_file:06d}.parquet"))
    files: dict[Split, list[SplitFile]] = {split: [] for split in rows}
    with tempfile.TemporaryDirectory(dir=prepared[0].parent, prefix="spool-") as spool:
        lengths = _scatter(prepared, file_of, Path(spool), len(names))
        for number, (split, name) in enumerate(names):
            in_file = np.flatnonzero(file_of == number)  # in the order of the spool
            spooled = _Spooled(Path(spool) / str(number), lengths[in_file])
            order = np.argsort(position[in_file])
            with (
                atomic_path(folder / name) as temporary,
                pq.ParquetWriter(
                    temporary, schema, compression="none", use_dictionary=False, write_page_index=True
                ) as writer,
            ):
                for start in range(0, len(in_file), ROW_GROUP_IMAGES):
                    group = order[start : start + ROW_GROUP_IMAGES]
                    rows_of_group = in_file[group]
                    columns = known.select(["name", "text", "channels"]).take(rows_of_group)
                    contents = _with_all_channels(spooled.take(group), columns["channels"], channels)
                    writer.write_table(
                        _table(schema, contents, position[rows_of_group], labels[rows_of_group], columns)
                    )
            files[split].append(SplitFile(file=name, rows=len(in_file), sha256=file_sha256(folder / name)))
    return {
        split: SplitDescription(
            rows=len(members),
            classes=dict(zip(classes, np.bincount(labels[members], minlength=len(classes)).tolist(), strict=True)),
            files=files[split],
        )
        for split, members in rows.items()
    }


class _Spooled:
    """Hold the PNG files of a spool, which follow one another and have the given lengths in bytes.

    The spool is mapped into memory, not read, so that it stays on the disk.
    """

    def __init__(self, path: Path, lengths: NDArray[np.int64]) -> None:
        content = pa.memory_map(str(path)).read_buffer() if lengths.any() else pa.py_buffer(b"")
        ends = pa.py_buffer(np.concatenate([[0], np.cumsum(lengths)]))
        self.files = pa.Array.from_buffers(pa.large_binary(), len(lengths), [None, ends, content])

    def take(self, numbers: NDArray[np.int64]) -> pa.Array:
        """Return the PNG files of these numbers, as a binary array."""
        return self.files.take(pa.array(numbers)).cast(pa.binary())


def _with_all_channels(contents: pa.Array, found: pa.ChunkedArray, channels: int) -> pa.Array:
    """Return the PNG files; encode grey ones again where the dataset has more channels than they have."""
    fewer = pc.less(found, channels)
    if not pc.any(fewer).as_py():
        return contents
    return pa.array(
        [
            encode_png(as_colour(decode_png(content, 1))) if grey else content
            for content, grey in zip(contents.to_pylist(), fewer.to_pylist(), strict=True)
        ],
        pa.binary(),
    )


def _images_per_file(prepared: Sequence[Path], images: int) -> int:
    mean = sum(path.stat().st_size for path in prepared) / images
    return max(1, int(LARGEST_FILE / mean / ROW_GROUP_IMAGES)) * ROW_GROUP_IMAGES


def _scatter(prepared: Sequence[Path], file_of: NDArray[np.int64], spool: Path, files: int) -> NDArray[np.int64]:
    """Append each image to the spool of its file; return the length of each in bytes, 0 where it has no PNG file."""
    lengths = np.zeros(len(file_of), np.int64)
    with ExitStack() as stack:
        spools = [stack.enter_context((spool / str(number)).open("wb")) for number in range(files)]
        row = 0
        for path in prepared:
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    contents = file.read_row_group(group, columns=["png"], use_threads=False)["png"].combine_chunks()
                    target = file_of[row : row + len(contents)]
                    lengths[row : row + len(contents)] = pc.fill_null(pc.binary_length(contents), 0)
                    for number in np.unique(target[target >= 0]).tolist():
                        spools[number].write(_joined(contents.filter(pa.array(target == number))))
                    row += len(contents)
    return lengths


def _joined(contents: pa.Array) -> memoryview:
    """Return the bytes of all PNG files of an array without nulls, one behind the other."""
    _, ends, data = contents.buffers()
    first, last = np.frombuffer(ends, np.int32)[[contents.offset, contents.offset + len(contents)]].tolist()
    return memoryview(data)[first:last]


def _table(
    schema: pa.Schema,
    contents: pa.Array,
    position: NDArray[np.int64],
    labels: NDArray[np.int64],
    known: pa.Table,
) -> pa.Table:
    index = pa.array(position, pa.int64())
    paths = pc.binary_join_element_wise(pc.utf8_lpad(index.cast(pa.string()), 9, "0"), ".png", "")
    columns = {
        "image": pa.StructArray.from_arrays([contents, paths], fields=list(schema.field("image").type)),
        "label": pa.array(labels, pa.int64()),
        "index": index,
        "source": known["name"],
        "text": known["text"],
    }
    return pa.table({field.name: columns[field.name] for field in schema}, schema=schema)
