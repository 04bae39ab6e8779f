"""Read a small table of texts from CSV, TSV, JSONL or Parquet.

Every cell stays as it is written, so that 00123 and 123 stay two.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.base.errors import UserError

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
LARGEST_TABLE = 1 << 30  # bytes of the file
MOST_ROWS = 20_000_000
# What pyarrow raises at a damaged file; names of columns and texts may be no UTF-8.
DAMAGE = (OSError, pa.ArrowException, UnicodeDecodeError)
_ROWS_AT_ONCE = 10_000
_DELIMITERS = (",", ";", "\t")  # of .csv: the first that the header has


@dataclass(frozen=True)
class Table:
    """Hold columns of texts; null where a cell is empty."""

    where: str  # the file, in messages
    cells: pa.Table
    lines: list[int] | None  # where each row begins in the file; None: the file has no lines

    @property
    def names(self) -> list[str]:
        """Return the names of the columns, in their order."""
        return list(self.cells.column_names)

    def column(self, name: str) -> list[str | None]:
        """Return the cells of a column without the space around them; None for an empty cell."""
        texts = pc.utf8_trim_whitespace(self.cells[name])
        return [text or None for text in texts.to_pylist()]

    def row_name(self, row: int) -> str:
        """Name a row for people: by its line, or its number in a file without lines."""
        return f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"


def read_table(file: BinaryIO, name: str, where: str) -> Table:
    """Return a table whose format the suffix of `name` gives; `where` names the table in messages.

    Raises:
        UserError: it is damaged, with the line where that is known; it has two columns of one name, or too many rows.
    """
    if name.lower().endswith(".parquet"):
        return _from_parquet(file, where)
    rows = _json_rows(file, where) if name.lower().endswith(".jsonl") else _csv_rows(file, name, where)
    names, lines, batches = _collected(rows, where)
    schema = pa.schema([pa.field(column, pa.string()) for column in names])
    # A JSONL file may name a column for the first time in its last line.
    columns = [batch.select([column for column in names if column in batch.column_names]) for batch in batches]
    return Table(where, pa.concat_tables([schema.empty_table(), *columns], promote_options="default"), lines)


def class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Return the names of the classes of each column of numbers for which Hugging Face's metadata has names."""
    features: Any = None
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    found = {}
    for column, feature in features.items() if isinstance(features, dict) else ():
        names = feature.get("names") if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" else None
        if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
            found[column] = names
    return found


def as_texts(values: pa.ChunkedArray, names: list[str] | None, where: str) -> pa.ChunkedArray:
    """Return numbers, truth values and texts as texts; numbers of classes as their `names`, -1 of these as null.

    One of DAMAGE is raised where a text is no UTF-8.

    Raises:
        UserError: a number is not one of the classes that `names` has.
    """
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if names is None or not pa.types.is_integer(values.type):
        texts = values.cast(pa.string())
        texts.validate(full=True)
        return texts
    numbers = pc.if_else(pc.equal(values, -1), None, values)
    if (pc.any(pc.less(numbers, 0)).as_py() or pc.any(pc.greater_equal(numbers, len(names))).as_py()) is True:
        raise UserError(f"{where}: holds a label that is not among the {len(names)} classes that its metadata name.")
    return pc.take(pa.array(names, pa.string()), numbers.combine_chunks())


def is_text_like(kind: pa.DataType) -> bool:
    """Return whether a column can hold names, numbers or texts."""
    if pa.types.is_dictionary(kind):
        return is_text_like(kind.value_type)
    checks = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_boolean, pa.types.is_null)
    return any(check(kind) for check in (*checks, pa.types.is_floating, pa.types.is_string_view))


def _from_parquet(file: BinaryIO, where: str) -> Table:
    try:
        with pq.ParquetFile(file, pre_buffer=False) as parquet:
            schema = parquet.schema_arrow
            _require_distinct(schema.names, where)
            if parquet.metadata.num_rows > MOST_ROWS:
                raise UserError(f"{where}: has more than {MOST_ROWS:,} rows; split it.")
            wanted = [field.name for field in schema if is_text_like(field.type)]
            found = parquet.read(columns=wanted, use_threads=False)
        names = class_names(schema)
        columns = {column: as_texts(found[column], names.get(column), f"{where}: {column}") for column in wanted}
        return Table(where, pa.table(columns), None)
    except DAMAGE as error:
        reason = str(error).split("\n", 1)[0].rstrip(".")
        raise UserError(f"{where}: is no Parquet file that can be read ({reason}). Make it again.") from None


def _collected(
    rows: Iterator[tuple[int, Mapping[str, str | None]]], where: str
) -> tuple[list[str], list[int], list[pa.Table]]:
    """Return the names of the columns in the order of their appearance, the lines, and the rows.

    The rows are in pieces that are small in memory.
    """
    names: dict[str, None] = {}
    lines: list[int] = []
    batches: list[pa.Table] = []
    pending: list[Mapping[str, str | None]] = []

    def flush() -> None:
        schema = pa.schema([pa.field(name, pa.string()) for name in names])
        batches.append(pa.Table.from_pylist(pending, schema))
        pending.clear()

    for line, row in rows:
        names |= dict.fromkeys(row)
        if line:  # 0: of the header
            lines.append(line)
            pending.append(row)
        if len(pending) == _ROWS_AT_ONCE:
            flush()
        if len(lines) > MOST_ROWS:
            raise UserError(f"{where}: has more than {MOST_ROWS:,} rows; split it.")
    flush()
    return list(names), lines, batches


def _csv_rows(file: BinaryIO, name: str, where: str) -> Iterator[tuple[int, Mapping[str, str | None]]]:
    """Yield the line and the cells of each row; the header comes first, as line 0."""
    texts = _lines(file, where)
    first = next(texts, "")
    delimiter = "\t" if name.lower().endswith(".tsv") else next((sign for sign in _DELIMITERS if sign in first), ",")
    reader = csv.reader(_chain(first, texts), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for row in reader:
            begun, line = line, reader.line_num + 1
            if not row:
                continue
            if header is None:
                header = [cell.strip() for cell in row]
                _require_distinct(header, where)
                yield 0, dict.fromkeys(header)
                continue
            if len(row) != len(header):
                raise UserError(f"{where}: line {begun}: has {len(row)} cells, but the header has {len(header)}.")
            yield begun, dict(zip(header, (cell or None for cell in row), strict=True))
    except csv.Error as error:
        what = "a quote that is opened is never closed" if "end of data" in str(error) else str(error)
        raise UserError(f"{where}: line {line}: {what}. Correct that line.") from None
    if header is None:
        raise UserError(f"{where}: is empty.")


def _chain(first: str, others: Iterator[str]) -> Iterator[str]:
    yield first
    yield from others


def _json_rows(file: BinaryIO, where: str) -> Iterator[tuple[int, Mapping[str, str | None]]]:
    for line, text in enumerate(_lines(file, where), start=1):
        if not text.strip():
            continue
        try:
            # Numbers stay as they are written.
            row = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
        except (json.JSONDecodeError, RecursionError) as error:
            what = error.msg if isinstance(error, json.JSONDecodeError) else "is nested too deeply"
            raise UserError(f"{where}: line {line}: is no JSON ({what}). Correct that line.") from None
        if not isinstance(row, dict):
            raise UserError(f'{where}: line {line}: is no object of columns; allowed is {{"file_name": "a.png", ...}}.')
        yield line, {_whole(key.strip()): _as_text(value) for key, value in row.items()}


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return _whole(value) if value else None
    return json.dumps(value)  # truth values, lists and objects


def _whole(text: str) -> str:
    """Return a text without halves of characters, which JSON may hold and nothing can store."""
    return text.encode(errors="replace").decode()


def _lines(file: BinaryIO, where: str) -> Iterator[str]:
    """Yield a file line by line, so that content that is no text is found where it stands."""
    for line, content in enumerate(file, start=1):
        try:
            text = content.decode("utf-8-sig" if line == 1 else "utf-8")
        except UnicodeDecodeError:
            raise UserError(f"{where}: line {line}: is no UTF-8 text. Save the file as UTF-8.") from None
        yield text


def _require_distinct(names: list[str], where: str) -> None:
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise UserError(f"{where}: has more than one column {double[0]!r}. Rename one of them.")


def is_table(name: str) -> bool:
    """Return whether a file is a table by its name."""
    return PurePosixPath(name).suffix.lower() in TABLE_SUFFIXES
