"""Write and read the evaluations of a run: JSON in the run, CSV for those who plot."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.base.errors import UserError
from pipeline.store.files import read_json, write_json
from pipeline.training.history import EvaluationRow

WHAT = "training history"  # in messages


def write_history(path: Path, rows: Sequence[EvaluationRow]) -> None:
    """Write evaluations as JSON, oldest first."""
    write_json(path, [finite_or_none(row.record()) for row in rows])


def read_history(path: Path) -> list[EvaluationRow]:
    """Return what `write_history` wrote, of one evaluation or more.

    Raises:
        UserError: the file is not there, or holds something else.
    """
    records = read_json(path, WHAT)
    if not isinstance(records, list) or not records:
        raise UserError(f"{WHAT} {path} is damaged: it holds no list of evaluations.")
    return [evaluation_in(record, f"{WHAT} {path}") for record in records]


def evaluation_in(record: object, where: str) -> EvaluationRow:
    """Return the evaluation that a file holds as a record; `where` names the file in the message of the UserError."""
    try:
        if not isinstance(record, dict):
            raise ValueError(f"{record!r} is no evaluation")
        return EvaluationRow.of_record(record)
    except ValueError as error:
        raise UserError(f"{where} is damaged: {error}.") from None


def history_csv(rows: Sequence[EvaluationRow]) -> str:
    """Return a table with a line for each evaluation; what is not finite or not defined there is empty."""
    records = [finite_or_none(row.record()) for row in rows]
    text = io.StringIO()
    names = dict.fromkeys(name for record in records for name in record)
    writer = csv.DictWriter(text, fieldnames=list(names))
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def finite_or_none(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Return the metrics as JSON can hold them: it has no word for what is not finite."""
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}
