"""Collect errors of workers in one channel: it stores the first message for the user, and all who share it can ask."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import ray

from pipeline.base.errors import UserError
from pipeline.cluster.connection import on_driver_node

Channel = TypeVar("Channel", bound="FirstError")


class FirstError:
    """Store the first message from whichever process, as an actor: a worker that finds one does nothing more.

    Workers report to it what they would raise otherwise. Ray Data would print what they raise with a page of its own
    stack, and Ray Train would start them anew.
    """

    def __init__(self) -> None:
        self._message = ""

    def report(self, message: str) -> None:
        """Store the message, unless there is one."""
        self._message = self._message or message

    def message(self) -> str:
        """Return the message, empty where there is none so far."""
        return self._message


def start_on_driver_node(kind: type[Channel]) -> Any:
    """Return the handle of a new actor of that kind, in a process that no work of a worker can end."""
    return ray.remote(**on_driver_node())(kind).remote()


def without_errors(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows of Ray Data without an error, whose column `message` is empty.

    Raises:
        UserError: a row has a message. It is raised after the last row, since a shutdown of Ray under a running
            executor can end this process before it speaks.
    """
    first = ""
    for row in rows:
        if not row["message"]:
            yield row
        first = first or str(row["message"])
    if first:
        raise UserError(first)
