"""The first error of many workers is the one that the user reads, after all that was finished."""

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.base.errors import UserError
from pipeline.cluster.first_error import FirstError, without_errors


def test_the_first_message_stays() -> None:
    channel = FirstError()
    assert channel.message() == ""
    channel.report("a disk is full")
    channel.report("so is another")
    assert channel.message() == "a disk is full"


def test_rows_without_an_error_pass() -> None:
    rows: list[dict[str, Any]] = [{"shard": number, "message": ""} for number in range(3)]
    assert list(without_errors(rows)) == rows


def test_an_error_is_raised_once_the_last_row_is_there() -> None:
    drained = []

    def rows() -> Iterator[dict[str, Any]]:
        yield {"shard": 0, "message": ""}
        yield {"shard": 1, "message": "a disk is full"}
        yield {"shard": 2, "message": "so is another"}
        yield {"shard": 3, "message": ""}
        drained.append(True)

    passed: list[int] = []
    with pytest.raises(UserError, match=r"^a disk is full$"):
        passed.extend(row["shard"] for row in without_errors(rows()))
    assert passed == [0, 3]
    assert drained == [True]
