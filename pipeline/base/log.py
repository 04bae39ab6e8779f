"""What stages and jobs tell whoever runs them: lines to read, or JSON for what collects logs.

With `IMAGEMINT_LOG=json` each line is an object: `time` (ISO 8601, UTC), `level` (info or error), `stage`, `run` (the first
16 digits of the run's fingerprint, as in its folder's name; where one is worked on), `message`, and the figures in the message.
"""

import json
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from pipeline.base.errors import UserError

LOG_VARIABLE = "IMAGEMINT_LOG"
FORMATS = ("text", "json")

_run: ContextVar[str] = ContextVar("run", default="")


def require_known_format() -> None:
    """Refuses what the environment asks for where that is none of the formats."""
    wanted = os.environ.get(LOG_VARIABLE, FORMATS[0])
    if wanted not in FORMATS:
        raise UserError(f"{LOG_VARIABLE}={wanted}: use {' or '.join(FORMATS)}.")


@contextmanager
def about_run(fingerprint: str) -> Iterator[None]:
    """What is told within, in this context, is told of that run."""
    before = _run.set(fingerprint[:16])
    try:
        yield
    finally:
        _run.reset(before)


def tell(stage: str, message: str, **figures: Any) -> None:
    """Says how things go, on standard output."""
    print(_line(stage, "info", message, figures), flush=True)


def tell_error(stage: str, message: str) -> None:
    """Says why a command ends, on standard error."""
    print(_line(stage, "error", message, {}), file=sys.stderr, flush=True)


def _line(stage: str, level: str, message: str, figures: dict[str, Any]) -> str:
    if os.environ.get(LOG_VARIABLE) != "json":
        return f"{stage}: {message}"
    run = {"run": _run.get()} if _run.get() else {}
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    finite = {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in figures.items()}  # fmt: skip
    # In ASCII it is JSON wherever it is written; escapes of Python's would be none.
    return json.dumps({"time": now, "level": level, "stage": stage, **run, "message": message, **finite})
