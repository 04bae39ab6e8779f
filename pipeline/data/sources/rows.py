"""Match the rows of a table with image files, so that a bad row costs no other image its label."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.base.errors import UserError
from pipeline.data.sources.columns import Columns, joined_labels
from pipeline.data.sources.table import Table

NO_FILE = "row without the name of a file"
NOT_THERE = "row for a file that is not there"
SEVERAL = "row for a name that several files have with different suffixes"
ANOTHER = "row with another label than an earlier one of the same file, which has none now"
NO_ROW = "file without a row"
SHOWN = 10  # names in a warning
_ABSOLUTE = re.compile(r"^([/\\]|[a-zA-Z]:[/\\]|~|[a-z0-9]+://)")


@dataclass(frozen=True)
class Matched:
    """Hold what rows say of the images they name: label and text by the name of the file."""

    of: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    row_of: dict[str, int] = field(default_factory=dict)  # the first that names the file
    left_out: list[tuple[str, str]] = field(default_factory=list)  # rows that fit no file
    without_row: list[str] = field(default_factory=list)  # files
    warnings: list[str] = field(default_factory=list)


def match_rows(table: Table, columns: Columns, name: str, images: Sequence[str]) -> Matched:
    """Match the rows of the table `name`, whose paths are relative to its folder, with `images` in or below that folder.

    Raises:
        UserError: a path is absolute or leads out of the folder, or no row names a file.
    """
    folder = name[: name.rfind("/") + 1]
    files = _Files(folder, images)
    labels = joined_labels([table.column(column) for column in columns.labels]) or [None] * len(table.cells)
    texts = [None] * len(table.cells) if columns.text is None else table.column(columns.text)
    found = Matched(warnings=list(columns.warnings))
    again, first_missing = [], ""
    for row, (path, label, text) in enumerate(zip(_paths(table, columns.file), labels, texts, strict=True)):
        if path is None:
            found.left_out.append((f"{name}: {table.row_name(row)}", NO_FILE))
            continue
        matching = files.called(path)
        if len(matching) != 1:
            first_missing = first_missing or path
            found.left_out.append((f"{name}: {path}", SEVERAL if matching else NOT_THERE))
            continue
        (image,) = matching
        if image not in found.of:
            found.of[image] = (label, text)
            found.row_of[image] = row
        elif found.of[image][0] == label:
            again.append(path)
        else:
            found.left_out.append((f"{name}: {path}", ANOTHER))
            found.of[image] = (None, found.of[image][1])
    if not found.of:
        raise UserError(_no_match(table, columns, folder, first_missing, images))
    if again:
        found.warnings.append(
            f"{name}: {count_and_names(again, 'row')} of a file that has one already: the first counts."
        )
    found.without_row.extend(image for image in images if image not in found.of)
    return found


def count_and_names(names: Sequence[str], what: str) -> str:
    """Return the number and the first of the names, for example "2 rows (a.png, b.png)"."""
    listed = ", ".join(names[:SHOWN]).encode(errors="backslashreplace").decode() + (
        ", ..." if len(names) > SHOWN else ""
    )
    return f"{len(names):,} {what}{'s' if len(names) > 1 else ''} ({listed})"


class _Files:
    """Find image files by what a row may call them."""

    def __init__(self, folder: str, images: Sequence[str]) -> None:
        self._folder = folder
        self._images = set(images)
        self._by_form: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for image in images:
            form = unicodedata.normalize("NFC", image)
            self._by_form[form].append(image)
            above, slash, file = form.rpartition("/")
            self._by_stem[f"{above}{slash}{file.rpartition('.')[0] or file}"].append(image)

    def called(self, path: str) -> list[str]:
        """Return the files of a name as it is written, in another form of Unicode, or without its suffix."""
        for spelt in (path, path.replace("\\", "/"), path.strip()):
            name = self._folder + "/".join(step for step in spelt.split("/") if step not in ("", "."))
            if name in self._images:
                return [name]
        form = unicodedata.normalize("NFC", name)
        return self._by_form.get(form) or self._by_stem.get(form, [])


def _paths(table: Table, column: str) -> Iterator[str | None]:
    for row, path in enumerate(table.cells[column].to_pylist()):
        if path is None or not path.strip():
            yield None
            continue
        if _ABSOLUTE.match(path.strip()) or ".." in re.split(r"[/\\]", path.strip()):
            raise UserError(
                f"{table.where}: {table.row_name(row)}: {path!r} leads out of the folder. Allowed are paths relative to the folder of "
                "this table, without `..`."
            )
        yield path


def _no_match(table: Table, columns: Columns, folder: str, path: str, images: Sequence[str]) -> str:
    suffix = "/" + path.replace("\\", "/").rpartition("/")[2]
    alike = next((image.removeprefix(folder) for image in images if ("/" + image).endswith(suffix)), None)
    hint = f" Is {path!r} the file {alike!r}? Then write it so." if alike and path else ""
    first = f"; the first names {path!r}" if path else ""
    return (
        f"{table.where}: none of its {len(table.cells):,} rows names an image, by column {columns.file!r}{first}. Paths are relative to "
        f"the folder of this table, below which {len(images):,} image files are.{hint}"
    )
