"""List the source `parquet`: images in Parquet in Hugging Face's form.

The source is one file, or a folder of files named after their splits.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.errors import UserError
from pipeline.data.sources.columns import described_columns, joined_labels
from pipeline.data.sources.location import Location
from pipeline.data.sources.parquet_files import (
    Footer,
    has_images,
    image_column,
    parquet_files,
    read_footer,
    splits_of,
)
from pipeline.data.sources.source import Listing, OfficialSplit, Part, RawImage, Request, SourceKind, wrong_kind
from pipeline.data.sources.table import DAMAGE, as_texts, class_names, is_text_like
from pipeline.data.sources.tree import IMAGE_SUFFIXES, JUNK, NO_IMAGE, is_hidden
from pipeline.store.bucket import at_once
from pipeline.store.folder import Folder

PART_IMAGES = 1_000
MOST_PARTS_OF_A_GROUP = 8  # a part reads what stands before it in its row group, too
BATCH_BYTES = 16 << 20  # in memory at a time
NULL = "no image in its row"
EXTERNAL = "a path in place of the image's content"
DAMAGED = "in a damaged part of a Parquet file"


@dataclass(frozen=True)
class Columns:
    """Name the columns that are read of each row."""

    image: str
    labels: tuple[str, ...]
    names: tuple[tuple[str, ...] | None, ...]  # of the classes, for each of `labels`
    numbered: bool  # the label is a place among `Listing.classes`
    text: str | None

    def all(self) -> list[str]:
        """Return the names of all columns, each once."""
        return list(dict.fromkeys([self.image, *self.labels, *([] if self.text is None else [self.text])]))


@dataclass(frozen=True)
class ParquetPart:
    """Hold rows `start` to `stop` of one or more row groups, counted from the first of these groups."""

    folder: Folder
    file: str
    groups: tuple[tuple[int, int], ...]  # number and rows of each
    start: int
    stop: int
    first: int  # number of the groups' first row in the file
    at_once: int  # rows
    columns: Columns
    split: OfficialSplit
    identity: str

    def images(self) -> Iterator[RawImage]:
        """Yield the images of the rows; those behind damage in a row group have it as their reason. See `Part`."""
        try:
            with (
                self.folder.open(self.file) as file,
                pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20) as parquet,
            ):
                begun = 0
                for group, rows in self.groups:
                    start, stop = max(self.start, begun), min(self.stop, begun + rows)
                    if start < stop:
                        yield from self._of_group(parquet, group, begun, start, stop)
                    begun += rows
        except DAMAGE:  # it went away, or is another one by now
            yield from self._lost(self.start, self.stop)

    def _of_group(self, parquet: pq.ParquetFile, group: int, begun: int, start: int, stop: int) -> Iterator[RawImage]:
        """Yield the images of rows `start` to `stop` of a group whose first row is `begun`."""
        row = start
        try:
            for batch in parquet.iter_batches(self.at_once, [group], columns=self.columns.all(), use_threads=False):
                first, last = max(start - begun, 0), min(stop - begun, len(batch))
                if first < last:
                    for image in self._images(batch.slice(first, last - first), begun + first):
                        yield image
                        row += 1
                begun += len(batch)
                if begun >= stop:
                    return
        except DAMAGE:
            yield from self._lost(row, stop)

    def _lost(self, start: int, stop: int) -> Iterator[RawImage]:
        for row in range(start, stop):
            yield RawImage(self._name(row, None), b"", split=self.split, reason=DAMAGED)

    def _images(self, batch: pa.RecordBatch, row: int) -> Iterator[RawImage]:
        table, columns = pa.Table.from_batches([batch]), self.columns
        found = [
            as_texts(table[name], None if names is None or columns.numbered else list(names), f"{self.file}: {name}")
            for name, names in zip(columns.labels, columns.names, strict=True)
        ]
        labels: list[str | None] = joined_labels([column.to_pylist() for column in found]) or [None] * len(table)
        texts = (
            [None] * len(table) if columns.text is None else as_texts(table[columns.text], None, self.file).to_pylist()
        )
        for offset, (label, text) in enumerate(zip(labels, texts, strict=True)):
            content, path = _content(batch[columns.image][offset].as_py())
            reason = None if content is not None else NULL if path is None else EXTERNAL
            named = None if label is None or (columns.numbered and label == "-1") else label.strip() or None
            text = None if text is None else text.strip() or None
            yield RawImage(self._name(row + offset, path), content or b"", named, text, self.split, reason)

    def _name(self, row: int, path: str | None) -> str:
        return f"{self.file}#{self.first + row}" + (f" ({path})" if path else "")


def _content(cell: object) -> tuple[bytes | None, str | None]:
    """Return the bytes and the path of an image; either may be missing."""
    if isinstance(cell, dict):
        path = cell.get("path")
        return cell["bytes"], path if isinstance(path, str) else None
    return (cell if isinstance(cell, bytes) else None), None


def _recognises(location: Location) -> bool:
    if location.file is None and any(name.lower().endswith(IMAGE_SUFFIXES) for name in location.entries):
        return False
    return has_images(location)


def _list(request: Request) -> Listing:
    location = request.location
    files = parquet_files(location)
    if not files:
        raise wrong_kind(request, "holds no Parquet files", "a file *.parquet or a folder of some")
    splits, warnings = splits_of(files, str(location))
    footers = dict(
        zip(files, at_once(lambda name: read_footer(location.folder, name, str(location)), files), strict=True)
    )
    schema = footers[files[0]].schema
    image = image_column(schema, f"{location}: {files[0]}")
    usable = [field.name for field in schema if is_text_like(field.type)]
    counted = [name for name in class_names(schema) if name in usable]
    labels, text, odd = described_columns(usable, request.source, request.text, f"{location}: {files[0]}", counted)
    for name, footer in footers.items():
        if missing := [
            column for column in (image, *labels, *([text] if text else [])) if column not in footer.schema.names
        ]:
            raise UserError(f"data.source.path: {location}: {name} has no column {missing[0]!r}, but {files[0]} has.")
    names = {name: class_names(footer.schema) for name, footer in footers.items()}
    # Files that count their classes differently must not be mixed up: there the names are the labels.
    classes = _shared([found.get(labels[0]) for found in names.values()]) if len(labels) == 1 else None
    parts: list[Part] = []
    for name, footer in footers.items():
        label_names = tuple(tuple(found) if (found := names[name].get(label)) else None for label in labels)
        columns = Columns(image, labels, label_names, classes is not None, text)
        parts += _parts(location, name, footer, columns, splits[name])
    other = [(name, JUNK if is_hidden(name) else NO_IMAGE) for name in location.entries if name not in splits]
    return Listing(parts, classes, tuple(sorted(set(splits.values()))), other, [*warnings, *odd])


def _shared(names: list[list[str] | None]) -> list[str] | None:
    return names[0] if all(found == names[0] for found in names) else None


def _parts(
    location: Location, name: str, footer: Footer, columns: Columns, split: OfficialSplit
) -> Iterator[ParquetPart]:
    """Yield parts of about PART_IMAGES rows: small row groups are joined, and large ones are divided."""
    seen = f"{location.identity_of(name)}\0{columns}\0{split}"
    first = 0
    for groups in _grouped(footer.rows):
        rows = sum(count for _, count in groups)
        size = sum(footer.sizes[group] for group, _ in groups)
        at_a_time = max(1, min(256, BATCH_BYTES * rows // max(size, 1)))
        count = max(1, min(MOST_PARTS_OF_A_GROUP, rows // PART_IMAGES))
        bounds = [rows * number // count for number in range(count + 1)]
        for start, stop in pairwise(bounds):
            identity = hashlib.sha256(f"{seen}\0{groups}\0{start}\0{stop}".encode(errors="surrogateescape")).hexdigest()
            yield ParquetPart(location.folder, name, groups, start, stop, first, at_a_time, columns, split, identity)
        first += rows


def _grouped(rows: tuple[int, ...]) -> Iterator[tuple[tuple[int, int], ...]]:
    groups: list[tuple[int, int]] = []
    for group, count in enumerate(rows):
        groups.append((group, count))
        if sum(count for _, count in groups) >= PART_IMAGES:
            yield tuple(groups)
            groups = []
    if any(count for _, count in groups):
        yield tuple(groups)


KIND = SourceKind("parquet", 60, _recognises, _list)
