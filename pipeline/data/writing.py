"""Write prepared images as the canonical dataset.

They are assigned to splits, shuffled by their content, written and described.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.config.schema import Data
from pipeline.data.description import SPLITS, DatasetDescription, DescribedImage, SourceDescription, Split
from pipeline.data.enough import require_enough, require_most_usable
from pipeline.data.labelling import Labelled, number_labels
from pipeline.data.left_out import LEFT_OUT, quarantined, warnings_of, write_leaks, write_left_out, write_quarantine
from pipeline.data.likeness import THUMBNAIL, Likeness
from pipeline.data.prepare import IGNORED
from pipeline.data.sources.source import Listing
from pipeline.data.split_writer import write_splits
from pipeline.data.splits import IN_HOLDOUT, NEAR_HOLDOUT, NOWHERE, TRAIN, Placement, Shares, place, shares_of
from pipeline.images.image_parquet import read_parquet
from pipeline.runs.fingerprint import canonical_digest

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
) -> DatasetDescription:
    """Write the three splits and then `dataset.json`; return its content.

    Equal images, labels and captions give equal files, whatever the names and the order in the source. Only the column
    `source` and the list of what was left out depend on these.

    Args:
        kind: the kind of the source.
        listing: what is in the source.
        prepared: the files that `Preparation` wrote for the parts of `listing`, in their order.
        data: the section `data` of the config.
        name: the name of the dataset.
        folder: the folder that the dataset is written to.
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
    shares = shares_of(data, listing.splits, int((_official(images) == TRAIN).sum()))
    placement = _placed(images, labelled.labels[usable], data, shares)
    reasons |= {int(usable[row]): reason for row, reason in placement.reasons.items()}
    leaks = {int(usable[row]): int(usable[twin]) for row, twin in placement.leaks.items()}
    places = np.full(len(known), NOWHERE)
    places[usable] = placement.places
    members = {split: labelled.labels[places == number] for number, split in enumerate(SPLITS)}
    leaked = [row for row, reason in placement.reasons.items() if reason in (IN_HOLDOUT, NEAR_HOLDOUT)]
    require_enough(members, labelled.classes, listing.splits, shares, labelled.labels[usable[leaked]])
    rows = {
        split: _by_content(np.flatnonzero(places == number), known["digest"]) for number, split in enumerate(SPLITS)
    }
    described = write_splits(known, prepared, rows, labelled, channels, folder)
    left_out = [(known["name"][row].as_py(), reason) for row, reason in sorted(reasons.items())] + listing.left_out
    mean, std = _moments(known, rows["train"], data.size, channels)
    description = DatasetDescription(
        name=name,
        digest=_content_digest(known, rows, labelled.labels),
        source=SourceDescription(name=listing.name, licence=listing.licence, kind=kind),
        image=DescribedImage(height=data.size, width=data.size, channels=channels),
        classes=labelled.classes,
        splits=described,
        mean=mean,
        std=std,
        enlarged=_enlarged(known, rows, data.size),
        warnings=listing.warnings + labelled.warnings + warnings_of(known.select(["name", "warning"]).take(usable)),
        left_out=write_left_out(left_out, folder),
        quarantine=write_quarantine(known, bad, prepared, folder),
        leaks=write_leaks(known, leaks, reasons, prepared, folder),
    )
    description.write(folder)
    _remove_stale(folder, description)
    return description


def _official(images: pa.Table) -> NDArray[np.int64]:
    """Return the number of the split that the source puts each image in, `int64 [N]`."""
    numbers: NDArray[np.int64] = pc.index_in(images["split"], pa.array(SPLITS)).to_numpy().astype(np.int64)
    return numbers


def _placed(images: pa.Table, labels: NDArray[np.int64], data: Data, shares: Shares) -> Placement:
    keep = data.near_duplicates == "keep"
    return place(
        _as_bytes(images["digest"], "S64"),
        labels,
        _official(images),
        None if keep else _likeness(images),
        shares,
        families=None if keep else _families(images),
        drop_near=data.near_duplicates == "drop",
    )


def _as_bytes(column: pa.ChunkedArray, dtype: str) -> NDArray[Any]:
    """Return a column of texts or bytes as NumPy sees it.

    All values have one length, which `dtype` gives in bytes, and none of them is null.
    """
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
    """Return the number of channels of the dataset: what the config sets, or else colour where any image has colour."""
    return data.channels if data.channels != "auto" else int(pc.max(found).as_py() or 1)


def _with_channels(known: pa.Table, channels: int) -> pa.Table:
    """Return the table with the digests that the squares have once they have `channels` channels."""
    if channels == 1:
        return known
    grey = pc.fill_null(pc.equal(known["channels"], 1), False)
    digests = pc.if_else(grey, known["digest_as_colour"], known["digest"])
    return known.set_column(known.column_names.index("digest"), "digest", digests)


def _enlarged(known: pa.Table, rows: dict[Split, NDArray[np.int64]], size: int) -> int:
    """Return how many of the images in a split had a side shorter than `size`."""
    sides = known.select(["width", "height"]).take(np.concatenate(list(rows.values())))
    return int(pc.sum(pc.less(pc.min_element_wise(sides["width"], sides["height"]), size)).as_py() or 0)


def _remove_stale(folder: Path, description: DatasetDescription) -> None:
    """Remove files of an earlier ingest that the description does not list: readers would take them for a part."""
    files = {file.file for part in description.splits.values() for file in part.files}
    for split in SPLITS:
        for path in folder.glob(f"{split}-*.parquet"):
            if path.name not in files:
                path.unlink()
    if not description.left_out:
        (folder / LEFT_OUT).unlink(missing_ok=True)


def _likeness(images: pa.Table) -> Likeness:
    thumbnails = _as_bytes(images["thumbnail"], f"V{THUMBNAIL * THUMBNAIL}").view(np.uint8).reshape(len(images), -1)
    return Likeness(images["hash"].to_numpy(), thumbnails)


def _families(images: pa.Table) -> NDArray[np.int64]:
    """Return the number of the group that the source puts each image in, `int64 [N]`.

    An image for which the source names no group has a number of its own.
    """
    named = images["group"].combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy().astype(np.int64)
    families: NDArray[np.int64] = np.where(named < 0, np.arange(-len(images), 0), named)
    return families


def _by_content(rows: NDArray[np.int64], digests: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return the rows in the order of their digests.

    This order is as good as a random one: a block of a file has all classes in it.
    """
    return rows[np.argsort(_as_bytes(digests.take(rows), "S64"), kind="stable")]


def _content_digest(known: pa.Table, rows: dict[Split, NDArray[np.int64]], labels: NDArray[np.int64]) -> str:
    """Return a digest of which images with which labels and captions are in which split, whatever their order."""
    parts = {}
    for split, members in rows.items():
        columns = known.select(["digest", "text"]).take(members)
        label = pa.array(labels[members]).cast(pa.string())
        lines = pc.binary_join_element_wise(columns["digest"], label, columns["text"], " ", null_handling="skip")
        parts[split] = lines.take(pc.sort_indices(lines)).to_pylist()
    return canonical_digest(parts)


def _moments(known: pa.Table, rows: NDArray[np.int64], size: int, channels: int) -> tuple[list[float], list[float]]:
    """Return the mean and the standard deviation of each channel over the training images, 0 to 1.

    The sums are of whole numbers, and therefore exact.
    """
    train = known.select(["channels", "sums", "squares"]).take(rows)
    sums, squares = _total(train, "sums", channels), _total(train, "squares", channels)
    pixels = len(rows) * size * size
    mean = sums / pixels / 255
    variance = np.maximum(squares / pixels / 255**2 - mean**2, 0)
    return mean.round(6).tolist(), np.sqrt(variance).round(6).tolist()


def _total(images: pa.Table, column: str, channels: int) -> NDArray[np.int64]:
    """Return the sum of a column of lists, `int64 [channels]`.

    Each list has as many whole numbers as its image has channels; a grey image counts in all `channels`.
    """
    total = np.zeros(channels, np.int64)
    for own in {1, channels}:
        values = images.filter(pc.equal(images["channels"], own))[column].combine_chunks().flatten()
        total += values.to_numpy().reshape(-1, own).sum(axis=0)
    return total
