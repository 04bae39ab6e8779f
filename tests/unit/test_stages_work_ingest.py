"""What ingest says of a dataset that it has written."""

from stages.work.ingest import rows_said

SPLITS = {"train": {"rows": 60_000}, "validation": {"rows": 5_000}, "holdout": {"rows": 5_000}}
ROWS = "60,000 train, 5,000 validation, 5,000 holdout"


def test_where_nothing_is_left_out_nothing_is_said_of_it() -> None:
    assert rows_said({"splits": SPLITS, "left_out": {}}) == ROWS


def test_what_is_left_out_is_counted_by_reason() -> None:
    left_out = {"duplicate": {"count": 1200, "first": ["a"]}, "no image, by its name": {"count": 1, "first": ["b.txt"]}}
    said = rows_said({"splits": SPLITS, "left_out": left_out})
    assert said == f"{ROWS}; 1,201 left out (duplicate: 1,200; no image, by its name: 1)"
