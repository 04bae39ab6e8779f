"""Find which columns of a table hold the files, the labels and the captions of images."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.base.errors import UserError
from pipeline.config.sources import Source
from pipeline.data.sources.table import Table
from pipeline.data.sources.tree import IMAGE_SUFFIXES

FILES = (
    "file_name", "file", "path", "image", "filename", "image_path", "file_path", "filepath", "image_file", "image_name", "img",
    "image_id", "id",
)  # fmt: skip
LABELS = ("label", "labels", "class", "category", "target", "class_name", "label_name")
TEXTS = ("text", "caption", "prompt", "description", "title")
SEPARATOR = " + "  # between the values of several label columns
_SAMPLE = 100  # values that decide whether a column names image files


@dataclass(frozen=True)
class Columns:
    """Name the columns of the files, of the labels (none: there are no labels) and of the captions."""

    file: str
    labels: tuple[str, ...]
    text: str | None
    warnings: tuple[str, ...] = ()


def find_columns(table: Table, source: Source, text: str) -> Columns:
    """Return the columns that the config names, or else those whose names or values leave no doubt."""
    names = table.names
    labels, captions, warnings = described_columns(names, source, text, table.where)
    file = _file_column(table, {*labels, captions})
    return Columns(file, labels, captions, warnings)


def described_columns(
    names: Sequence[str], source: Source, text: str, where: str, counted: Sequence[str] = ()
) -> tuple[tuple[str, ...], str | None, tuple[str, ...]]:
    """Return the columns of the labels and of the captions among `names`, and warnings about them.

    `counted` are the columns that are known to hold numbers of classes.
    """
    if source.label is not None:
        labels = (source.label,) if isinstance(source.label, str) else tuple(source.label)
        for name in labels:
            _require(name, names, "data.source.label", where)
    else:
        labels = _only_one(counted or _among(LABELS, names), where)
    if text == "none":
        return labels, None, ()
    if text != "auto":
        _require(text, names, "data.text", where)
        return labels, text, ()
    found = [name for name in _among(TEXTS, names) if name not in labels]
    if len(found) < 2:
        return labels, next(iter(found), None), ()
    return labels, found[0], (f"{where}: captions are taken from {found[0]}, not from {', '.join(found[1:])}.",)


def joined_labels(columns: Sequence[Sequence[str | None]]) -> list[str | None]:
    """Return the joined values of several columns, row by row; None for a row in which one of them is empty."""
    return [SEPARATOR.join(filter(None, row)) if all(row) else None for row in zip(*columns, strict=True)]


def _only_one(found: Sequence[str], where: str) -> tuple[str, ...]:
    if len(found) > 1:
        raise UserError(
            f"{where}: the label may be in {' or '.join(found)}. Say which by data.source.label: {found[0]}, "
            f"or [{', '.join(found)}] for both."
        )
    return tuple(found)


def _file_column(table: Table, others: set[str | None]) -> str:
    names = [name for name in table.names if name not in others]
    named = _among(FILES, names)
    like_files = [name for name in names if _looks_like_files(table, name)]
    if sure := [name for name in named if name in like_files]:
        return sure[0]
    if len(like_files) == 1:
        return like_files[0]
    if named and not like_files:
        return named[0]
    header = table.names
    if any(name.lower().endswith(IMAGE_SUFFIXES) for name in header):
        raise UserError(f"{table.where}: has no header line. Put one above the rows, such as file_name,label.")
    what = (
        f"several columns name image files ({', '.join(like_files)})" if like_files else "no column names image files"
    )
    raise UserError(f"{table.where}: {what}; call one file_name. It has the columns {', '.join(header)}.")


def _looks_like_files(table: Table, name: str) -> bool:
    values: list[str] = table.cells[name].slice(0, _SAMPLE).drop_null().to_pylist()
    return 2 * sum(value.strip().lower().endswith(IMAGE_SUFFIXES) for value in values) > len(values)


def _among(wanted: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return those of the wanted names that occur in `names`, as they are spelt there, in the order of `wanted`."""
    return [name for want in wanted for name in names if name.casefold() == want]


def _require(name: str, names: Sequence[str], key: str, where: str) -> None:
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UserError(f"{key}: {name!r}, but {where} has no such column.{hint} It has {', '.join(names)}.")
