"""Prepared images become the canonical dataset: placed, shuffled by their content, written, described."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.config.schema import Data
from pipeline.data.canonical import DESCRIPTION
from pipeline.data.enough import require_enough, require_most_usable
from pipeline.data.images import ROW_GROUP_IMAGES, image_schema, read_parquet
from pipeline.data.labelling import Labelled, number_labels
from pipeline.data.left_out import LEFT_OUT, quarantined, warnings_of, write_leaks, write_left_out, write_quarantine
from pipeline.data.likeness import THUMBNAIL, Likeness
from pipeline.data.png import decode_png, encode_png
from pipeline.data.prepare import IGNORED, as_colour
from pipeline.data.sources.source import Listing
from pipeline.data.splits import NOWHERE, SPLITS, TRAIN, place, shares_of
from pipeline.fingerprint import canonical_digest
from pipeline.storage import atomic_path, file_sha256, write_json

LARGEST_FILE = 256 << 20  # bytes of images, which are in memory while their file is written
_KNOWN = [
    "name",
    "split",
    "label",
    "text",
    "group",
    "reason",
    "warning",
    "width",
    "height",
    "channels",
    "digest",
    "digest_as_colour",
    "hash",
    "thumbnail",
    "sums",
    "squares",
]


def write_canonical(
    kind: str, listing: Listing, prepared: Sequence[Path], data: Data, name: str, folder: Path
) -> dict[str, Any]:
    """Writes the three splits and `dataset.json`, which comes last; returns its content.

    Equal images, labels and captions give equal files, whatever the names and the order in the source; only the column `source` and the
    list of what was left out know these.

    Args:
        kind: of the source.
        listing: what is in the source.
        prepared: what `Preparation` made of the parts of `listing`, in their order.
        data: the section of the config.
        name: of the dataset.
        folder: where it goes.
    """
    known = pa.concat_tables(read_parquet(path, _KNOWN) for path in prepared).combine_chunks()
    without = np.flatnonzero(known["reason"].is_valid())
    reasons = dict(zip(without.tolist(), known["reason"].take(without).to_pylist(), strict=True))
    require_most_usable(reasons, known, data)
    bad = quarantined(reasons)
    labelled = _labelled(known, listing, data)
    for row, reason in labelled.reasons.items():
        reasons.setdefault(row, reason)
    usable = np.delete(np.arange(len(known)), list(reasons))
    channels = _channels(known["channels"].take(usable), data)
    known = _with_channels(known, channels)
    images = known.select(["digest", "split", "group", "hash", "thumbnail"]).take(usable)
    official = pc.index_in(images["split"], pa.array(SPLITS)).to_numpy().astype(np.int64)
    shares = shares_of(data, listing.splits, int((official == TRAIN).sum()))
    placement = place(
        _as_bytes(images["digest"], "S64"),
        labelled.labels[usable],
        official,
        None if data.near_duplicates == "keep" else _likeness(images),
        shares,
        families=None if data.near_duplicates == "keep" else _families(images),
        drop_near=data.near_duplicates == "drop",
    )
    reasons |= {int(usable[row]): reason for row, reason in placement.reasons.items()}
    leaks = {int(usable[row]): int(usable[twin]) for row, twin in placement.leaks.items()}
    places = np.full(len(known), NOWHERE)
    places[usable] = placement.places
    members = {split: labelled.labels[places == number] for number, split in enumerate(SPLITS)}
    require_enough(members, labelled.classes, listing.splits, shares)
    rows = {
        split: _by_content(np.flatnonzero(places == number), known["digest"]) for number, split in enumerate(SPLITS)
    }
    described = _write_splits(known, prepared, rows, labelled, channels, folder)
    left_out = [(known["name"][row].as_py(), reason) for row, reason in sorted(reasons.items())] + listing.left_out
    description = {
        "name": name,
        "digest": _content_digest(known, rows, labelled.labels),
        "source": {"name": listing.name, "licence": listing.licence, "kind": kind},
        "image": {"height": data.size, "width": data.size, "channels": channels},
        "classes": labelled.classes,
        "splits": described,
        **_moments(known, rows["train"], data.size, channels),
        "enlarged": _enlarged(known, rows, data.size),
        "warnings": listing.warnings + labelled.warnings + warnings_of(known.select(["name", "warning"]).take(usable)),
        "left_out": write_left_out(left_out, folder),
        "quarantine": write_quarantine(known, bad, prepared, folder),
        "leaks": write_leaks(known, leaks, reasons, prepared, folder),
    }
    write_json(folder / DESCRIPTION, description)
    _remove_stale(folder, description)
    return description


def _as_bytes(column: pa.ChunkedArray, dtype: str) -> NDArray[Any]:
    """Return a column of texts or bytes of one length, none of them null, as NumPy sees it; `dtype` says how many bytes each has."""
    fixed = column.combine_chunks().cast(pa.binary()).cast(pa.binary(np.dtype(dtype).itemsize))
    return np.frombuffer(fixed.buffers()[1], dtype, len(fixed), fixed.offset * np.dtype(dtype).itemsize)


def _labelled(known: pa.Table, listing: Listing, data: Data) -> Labelled:
    found = known["label"]
    if data.classes == "none":
        found = pa.chunked_array([pa.nulls(len(known), pa.string())])
    else:  # what is no image has no say in which classes there are
        ignored = pc.fill_null(pc.equal(known["reason"], IGNORED), False)
        found = pc.if_else(ignored, pa.scalar(None, pa.string()), found)
    wanted = data.classes if isinstance(data.classes, list) else None
    return number_labels(found, listing.classes, wanted)


def _channels(found: pa.ChunkedArray, data: Data) -> int:
    """Of the set: what the config wants, or else colour where any image has some."""
    return data.channels if data.channels != "auto" else int(pc.max(found).as_py() or 1)


def _with_channels(known: pa.Table, channels: int) -> pa.Table:
    """Return the table with the digests that the squares have with so many channels."""
    if channels == 1:
        return known
    grey = pc.fill_null(pc.equal(known["channels"], 1), False)
    digests = pc.if_else(grey, known["digest_as_colour"], known["digest"])
    return known.set_column(known.column_names.index("digest"), "digest", digests)


def _enlarged(known: pa.Table, rows: dict[str, NDArray[np.int64]], size: int) -> int:
    """How many of the images that are in a split had a side shorter than `size`."""
    sides = known.select(["width", "height"]).take(np.concatenate(list(rows.values())))
    return int(pc.sum(pc.less(pc.min_element_wise(sides["width"], sides["height"]), size)).as_py() or 0)


def _remove_stale(folder: Path, description: dict[str, Any]) -> None:
    """Remove what an earlier ingest left there and the description does not know: readers would take it for a part."""
    files = {file["file"] for part in description["splits"].values() for file in part["files"]}
    for split in SPLITS:
        for path in folder.glob(f"{split}-*.parquet"):
            if path.name not in files:
                path.unlink()
    if not description["left_out"]:
        (folder / LEFT_OUT).unlink(missing_ok=True)


def _likeness(images: pa.Table) -> Likeness:
    thumbnails = _as_bytes(images["thumbnail"], f"V{THUMBNAIL * THUMBNAIL}").view(np.uint8).reshape(len(images), -1)
    return Likeness(images["hash"].to_numpy(), thumbnails)


def _families(images: pa.Table) -> NDArray[np.int64]:
    """Number of the group that the source puts each image in, `int64 [N]`; one of its own where it names none."""
    named = images["group"].combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy().astype(np.int64)
    families: NDArray[np.int64] = np.where(named < 0, np.arange(-len(images), 0), named)
    return families


def _by_content(rows: NDArray[np.int64], digests: pa.ChunkedArray) -> NDArray[np.int64]:
    """Rows in the order of their digests, which is as good as a random one: a block of a file has all classes in it."""
    return rows[np.argsort(_as_bytes(digests.take(rows), "S64"), kind="stable")]


def _write_splits(
    known: pa.Table,
    prepared: Sequence[Path],
    rows: dict[str, NDArray[np.int64]],
    labelled: Labelled,
    channels: int,
    folder: Path,
) -> dict[str, Any]:
    """Goes over the prepared files once, handing each image to the spool of its file; then each file is put in order."""
    classes, labels = labelled.classes, labelled.labels
    extra = {"source": "string"} | ({"text": "string"} if known["text"].null_count < len(known) else {})
    schema = image_schema(classes, extra)
    per_file = _images_per_file(prepared, len(known))
    file_of, position = np.full(len(known), -1), np.zeros(len(known), np.int64)
    names: list[tuple[str, str]] = []
    for split, members in rows.items():
        for start in range(0, len(members), per_file):
            chunk = members[start : start + per_file]
            file_of[chunk], position[chunk] = len(names), np.arange(start, start + len(chunk))
            names.append((split, f"{split}-{start // per_file:06d}.parquet"))
    described: dict[str, Any] = {
        split: {
            "rows": len(members),
            "classes": dict(zip(classes, np.bincount(labels[members], minlength=len(classes)).tolist(), strict=True)),
            "files": [],
        }
        for split, members in rows.items()
    }
    with tempfile.TemporaryDirectory(dir=prepared[0].parent, prefix="spool-") as spool:
        lengths = _scatter(prepared, file_of, Path(spool), len(names))
        for number, (split, name) in enumerate(names):
            mine = np.flatnonzero(file_of == number)  # in the order of the spool
            spooled = _Spooled(Path(spool) / str(number), lengths[mine])
            order = np.argsort(position[mine])
            with (
                atomic_path(folder / name) as temporary,
                pq.ParquetWriter(
                    temporary, schema, compression="none", use_dictionary=False, write_page_index=True
                ) as writer,
            ):
                for start in range(0, len(mine), ROW_GROUP_IMAGES):
                    group = order[start : start + ROW_GROUP_IMAGES]
                    rows_of_group = mine[group]
                    some = known.select(["name", "text", "channels"]).take(rows_of_group)
                    contents = _with_all_channels(spooled.take(group), some["channels"], channels)
                    writer.write_table(_table(schema, contents, position[rows_of_group], labels[rows_of_group], some))
            described[split]["files"].append({"file": name, "rows": len(mine), "sha256": file_sha256(folder / name)})
    return described


class _Spooled:
    """The PNG files of a spool, which lie one behind the other, of so many bytes each; the file stays where it is, not in memory."""

    def __init__(self, path: Path, lengths: NDArray[np.int64]) -> None:
        mapped: NDArray[np.uint8] = np.memmap(path, np.uint8, "r") if lengths.any() else np.empty(0, np.uint8)
        self.content = mapped.data
        self.ends = np.cumsum(lengths)
        self.starts = self.ends - lengths

    def take(self, numbers: NDArray[np.int64]) -> pa.Array:
        """Those files, as binary."""
        places = zip(self.starts[numbers].tolist(), self.ends[numbers].tolist(), strict=True)
        return pa.array([self.content[start:end] for start, end in places], pa.binary())


def _with_all_channels(contents: pa.Array, found: pa.ChunkedArray, channels: int) -> pa.Array:
    """Return the PNG files with those that have fewer channels than the set made again."""
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
    """Append each image to the spool of its file; return the bytes of each, 0 where it has no PNG file."""
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
                        spools[number].writelines(contents.filter(pa.array(target == number)).to_pylist())
                    row += len(contents)
    return lengths


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


def _content_digest(known: pa.Table, rows: dict[str, NDArray[np.int64]], labels: NDArray[np.int64]) -> str:
    """Digest of which images with which labels and captions are in which split, whatever their order."""
    parts = {}
    for split, members in rows.items():
        some = known.select(["digest", "text"]).take(members)
        label = pa.array(labels[members]).cast(pa.string())
        lines = pc.binary_join_element_wise(some["digest"], label, some["text"], " ", null_handling="skip")
        parts[split] = lines.take(pc.sort_indices(lines)).to_pylist()
    return canonical_digest(parts)


def _moments(known: pa.Table, rows: NDArray[np.int64], size: int, channels: int) -> dict[str, list[float]]:
    """Mean and standard deviation of each channel over the training images, 0 to 1; sums of whole numbers, so exact."""
    train = known.select(["channels", "sums", "squares"]).take(rows)
    sums, squares = _total(train, "sums", channels), _total(train, "squares", channels)
    pixels = len(rows) * size * size
    mean = sums / pixels / 255
    variance = np.maximum(squares / pixels / 255**2 - mean**2, 0)
    return {"mean": mean.round(6).tolist(), "std": np.sqrt(variance).round(6).tolist()}


def _total(images: pa.Table, column: str, channels: int) -> NDArray[np.int64]:
    """Sum of a column of lists, each of as many whole numbers as its image has channels; a grey image counts in all `channels`."""
    total = np.zeros(channels, np.int64)
    for own in {1, channels}:
        values = images.filter(pc.equal(images["channels"], own))[column].combine_chunks().flatten()
        total += values.to_numpy().reshape(-1, own).sum(axis=0)
    return total
