"""Inspect Parquet files of images: find what their columns are, and which of them make a set."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.errors import UserError
from pipeline.data.sources.location import Location
from pipeline.data.sources.source import OfficialSplit
from pipeline.data.sources.table import DAMAGE
from pipeline.data.sources.tree import is_hidden
from pipeline.store.folder import Folder

SUFFIX = ".parquet"
SPLITS: dict[str, OfficialSplit] = {
    "train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "holdout", "testing": "holdout", "holdout": "holdout",
}  # fmt: skip
IMAGE_COLUMNS = ("image", "img", "picture", "photo", "pixel_values")
_OF_MANY = re.compile(r"^(.*-)(\d{5})-of-(\d{5})(.*)$")


@dataclass(frozen=True)
class Footer:
    """Hold what the end of a Parquet file says.

    `rows`, `sizes`: those of each row group; the size is that of the decoded columns in bytes.
    """

    schema: pa.Schema
    rows: tuple[int, ...]
    sizes: tuple[int, ...]


def read_footer(folder: Folder, name: str, where: str) -> Footer:
    """Return what the end of a file says.

    Raises:
        UserError: the file is damaged.
    """
    try:
        with folder.open(name) as file, pq.ParquetFile(file, pre_buffer=False) as parquet:
            schema = parquet.schema_arrow
            str(schema)  # names of columns are decoded only now
            groups = [parquet.metadata.row_group(number) for number in range(parquet.num_row_groups)]
            return Footer(
                schema,
                tuple(group.num_rows for group in groups),
                tuple(group.total_byte_size for group in groups),
            )
    except DAMAGE as error:
        reason = str(error).split("\n", 1)[0].rstrip(".")
        raise UserError(
            f"data.source.path: {where}: {name} is no Parquet file that can be read ({reason}). Get it again."
        ) from None


def parquet_files(location: Location) -> list[str]:
    """Return the names of the Parquet files at a location."""
    if location.file is not None:
        return [location.file] if location.kind_of_file == "a Parquet file" else []
    return [name for name in location.entries if name.lower().endswith(SUFFIX) and not is_hidden(name)]


def has_images(location: Location) -> bool:
    """Return whether the first Parquet file at a location has a column that can hold images."""
    files = parquet_files(location)
    return bool(files) and bool(image_columns(read_footer(location.folder, files[0], str(location)).schema))


def image_columns(schema: pa.Schema) -> list[str]:
    """Return the columns that can hold images: bytes and path in Hugging Face's form, or bytes alone."""
    return [field.name for field in schema if _holds_images(field.type)]


def image_column(schema: pa.Schema, where: str) -> str:
    """Return the column of the images.

    Raises:
        UserError: there is no such column, or more than one that may be it.
    """
    found = image_columns(schema)
    named = [name for want in IMAGE_COLUMNS for name in found if name.casefold() == want]
    if named or len(found) == 1:
        return (named or found)[0]
    what = f"the images may be in {' or '.join(found)}" if found else "no column holds images"
    raise UserError(
        f"data.source.path: {where}: {what}. Call one `image`, with the bytes of a file in each row. It has the columns "
        f"{', '.join(schema.names)}."
    )


def _holds_images(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _holds_images(kind.field("bytes").type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def splits_of(files: Sequence[str], where: str) -> tuple[dict[str, OfficialSplit], list[str]]:
    """Return the split of each file, and warnings.

    The file's name or folder gives its split, where all files have one, `train` among them. Otherwise all are train.

    Raises:
        UserError: files of the same name stand in several folders, as where a repository has several sets.
    """
    named = {name: _split_of(name) for name in files}
    _require_one_set(named, where)
    found = {split for split in named.values() if split is not None}
    warnings = _missing(files)
    if None not in named.values() and "train" in found:
        return {name: split for name, split in named.items() if split is not None}, warnings
    if found - {"train"}:
        without = next((name for name, split in named.items() if split is None), None)
        reason = "there is no train among them" if without is None else f"{without} names no split"
        warnings.append(f"All Parquet files are taken for train, whatever split they are named after: {reason}.")
    return dict.fromkeys(files, "train"), warnings


def _split_of(name: str) -> OfficialSplit | None:
    path = PurePosixPath(name)
    words = (re.split(r"[-_.]", path.name.lower())[0], path.parent.name.lower())
    return next((SPLITS[word] for word in words if word in SPLITS), None)


def _require_one_set(named: Mapping[str, OfficialSplit | None], where: str) -> None:
    folders = defaultdict(set)
    for name, split in named.items():
        folders[split, PurePosixPath(name).name].add(str(PurePosixPath(name).parent))
    for (_, file), found in folders.items():
        if len(found) > 1:
            raise UserError(
                f"data.source.path: {where} holds several sets: {file} is in {', '.join(sorted(found)[:5])}. Point path at the folder of "
                "one."
            )


def _missing(files: Sequence[str]) -> list[str]:
    """Return a warning for each series of files, such as `train-00000-of-00002.parquet`, that has gaps."""
    series = defaultdict(set)
    for name in files:
        if match := _OF_MANY.match(name):
            before, number, total, after = match.groups()
            series[before, total, after].add(int(number))
    warnings = []
    for (before, total, after), numbers in sorted(series.items()):
        gone = [number for number in range(min(int(total), max(numbers) + 2)) if number not in numbers]
        if len(numbers) < int(total):
            first = gone[0] if gone else max(numbers) + 1
            warnings.append(
                f"{int(total) - len(numbers)} of {int(total)} files are missing, the first is {before}{first:05d}-of-{total}{after}."
            )
    return warnings
