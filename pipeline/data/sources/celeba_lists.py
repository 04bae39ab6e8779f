"""Read CelebA's two lists as they are published: the attributes of each image, and the split of each image."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.base.errors import UserError
from pipeline.data.sources.source import OfficialSplit

ID_COLUMN = "image_id"  # of the CSV form
PARTITION = ("partition",)
VALUES = {"-1": False, "1": True}
SPLITS: dict[str, OfficialSplit] = {"0": "train", "1": "validation", "2": "holdout"}


@dataclass(frozen=True)
class Table:
    """Hold the content of a list, whichever form the list has."""

    where: str
    columns: list[str]  # without that of the file names
    rows: list[tuple[int, str, list[str]]]  # number of the line, file name, values
    promised: int | None  # images, by the count line

    def warnings(self) -> list[str]:
        """Return a warning where the count line is wrong."""
        if self.promised is None or self.promised == len(self.rows):
            return []
        return [f"{self.where}: its first line says {self.promised:,} images, it has {len(self.rows):,} rows."]


def read_attributes(content: bytes, where: str, wanted: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return the class of each file, and warnings.

    Args:
        content: the bytes of `list_attr_celeba.txt` or `.csv`.
        where: names the list in messages.
        wanted: the attributes whose values make the class: "Male+not Smiling".
    """
    table = _table(content, where, None)
    unknown = [name for name in wanted if name not in table.columns]
    if unknown:
        raise UserError(f"data.source.label: {where} has no {', '.join(unknown)}; it has {', '.join(table.columns)}.")
    positions = [(name, table.columns.index(name)) for name in wanted]
    classes: dict[str, str] = {}
    for number, file, values in _once(table):
        for name, position in positions:
            if values[position] not in VALUES:
                raise UserError(f"{where}, line {number}: {name} is {values[position]!r}; allowed are -1 and 1.")
        said = (name if VALUES[values[position]] else f"not {name}" for name, position in positions)
        classes[file] = "+".join(said)
    return classes, table.warnings()


def read_partition(content: bytes, where: str) -> dict[str, OfficialSplit]:
    """Return the split of each file, from the bytes of `list_eval_partition.txt` or `.csv`."""
    splits: dict[str, OfficialSplit] = {}
    for number, file, (value, *_) in _once(_table(content, where, PARTITION)):
        if value not in SPLITS:
            raise UserError(f"{where}, line {number}: the partition is {value!r}; allowed are 0, 1 and 2.")
        splits[file] = SPLITS[value]
    return splits


def _once(table: Table) -> Iterator[tuple[int, str, list[str]]]:
    seen: set[str] = set()
    for row in table.rows:
        number, file, _ = row
        if file in seen:
            raise UserError(
                f"{table.where}, line {number}: {file} stands there for a second time. Remove one of its lines."
            )
        seen.add(file)
        yield row


def _table(content: bytes, where: str, columns: Sequence[str] | None) -> Table:
    """Parse a list in its text form or its CSV form.

    `columns` names the columns of a list whose text form has no header; None: the header names them.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{where}: is no text. Get it again.") from None
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise UserError(f"{where}: is empty. Get it again.")
    separator = "," if lines[0][1].startswith(f"{ID_COLUMN},") else None  # None: any run of white space
    promised = None
    if separator is not None:
        names = lines.pop(0)[1].split(separator)[1:]
    elif columns is not None:
        names = list(columns)
    else:
        if not lines[0][1].isdecimal() or len(lines) < 2:
            raise UserError(
                f"{where}: its first line is no number of images, nor does it begin with {ID_COLUMN}. Get it again."
            )
        promised, names = int(lines.pop(0)[1]), lines.pop(0)[1].split()
    rows = []
    for number, line in lines:
        file, *values = (value.strip() for value in line.split(separator))
        if len(values) != len(names):
            raise UserError(f"{where}, line {number}: {len(values)} values for {len(names)} columns. Get it again.")
        rows.append((number, file, values))
    return Table(where, names, rows, promised)
