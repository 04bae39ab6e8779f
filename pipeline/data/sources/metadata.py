"""Read metadata next to the images of a tree, in the form of Hugging Face's `imagefolder`.

A `metadata.csv`, `.jsonl` or `.parquet` may be in any folder.
"""

from collections.abc import Callable, Mapping
from io import BytesIO

from pipeline.base.errors import UserError
from pipeline.data.sources.annotations import Annotations
from pipeline.data.sources.columns import find_columns
from pipeline.data.sources.rows import count_and_names, match_rows
from pipeline.data.sources.source import Request
from pipeline.data.sources.table import LARGEST_TABLE, TABLE_SUFFIXES, read_table
from pipeline.data.sources.tree import OTHER_SUFFIXES, is_hidden
from pipeline.store.folder import Entry

FILES = tuple(f"metadata{suffix}" for suffix in TABLE_SUFFIXES)


def read_metadata(entries: Mapping[str, Entry], read: Callable[[str], bytes], request: Request) -> Annotations | None:
    """Return the labels and captions of the metadata files; None where there is no such file.

    Each file is for the images in its folder and below, down to the next such file. Where any file has a label column,
    these columns label the images, and no folder does.
    """
    tables = sorted(name for name in entries if name.rpartition("/")[2] in FILES and not is_hidden(name))
    if not tables:
        return None
    nearest: dict[str, list[str]] = {name: [] for name in tables}
    folders = _by_folder(tables, str(request.location))
    for image in entries:
        if not is_hidden(image) and not image.lower().endswith(OTHER_SUFFIXES):
            above = _table_of(image, folders)
            if above is not None:
                nearest[above].append(image)
    annotated: dict[str, tuple[str | None, str | None]] = {}
    labels, left_out, warnings = False, [], []
    for name, images in nearest.items():
        where = f"{request.location}: {name}"
        if entries[name].size > LARGEST_TABLE:
            raise UserError(f"{where}: has more than {LARGEST_TABLE >> 20} MiB; split it.")
        table = read_table(BytesIO(read(name)), name, where)
        columns = find_columns(table, request.source, request.text)
        matched = match_rows(table, columns, name, images)
        annotated |= matched.of
        labels = labels or bool(columns.labels)
        left_out.extend(matched.left_out)
        warnings.extend(matched.warnings)
        if matched.without_row:
            warnings.append(f"{name} has no row for {count_and_names(matched.without_row, 'image')}.")
    return Annotations(tuple(tables), annotated, labels, left_out=left_out, warnings=warnings)


def _by_folder(tables: list[str], where: str) -> dict[str, str]:
    """Return the tables by their folder, "" for the topmost; refuse two tables in one folder."""
    folders: dict[str, str] = {}
    for name in tables:
        folder = name.rpartition("/")[0]
        if folder in folders:
            raise UserError(f"{where}: {folders[folder]} and {name} are for the same images. Remove one of them.")
        folders[folder] = name
    return folders


def _table_of(image: str, folders: Mapping[str, str]) -> str | None:
    """Return the table in the image's folder, or else in the nearest one above it; None where there is none."""
    folder = image
    while folder:
        folder = folder.rpartition("/")[0]
        if folder in folders:
            return folders[folder]
    return None
