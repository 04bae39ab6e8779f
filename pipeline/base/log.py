"""What stages and jobs log, through the standard library's logger `imagemint`: lines to read, or JSON for what collects logs.

With `IMAGEMINT_LOG=json` each line is an object: `time` (ISO 8601, UTC), `level` (info or error), `stage`, `run` (the first
16 digits of the run's fingerprint, as in its folder's name; where one is worked on), `message`, and the figures in the message.

Commands call `configure_logging`. Who imports these packages as a library handles the logger's records in a way of their own.
"""

import json
import logging
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
LOGGER = "imagemint"  # a stage's is one below it, by the stage's name

_run: ContextVar[str] = ContextVar("run", default="")


def require_known_format() -> None:
    """Refuses what the environment asks for where that is none of the formats."""
    wanted = os.environ.get(LOG_VARIABLE, FORMATS[0])
    if wanted not in FORMATS:
        raise UserError(f"{LOG_VARIABLE}={wanted}: use {' or '.join(FORMATS)}.")


def configure_logging() -> None:
    """Have this process, which is one of our commands, write its lines in the format that the environment asks for."""
    handler = _CommandHandler()
    handler.setFormatter(_JsonFormatter() if os.environ.get(LOG_VARIABLE) == "json" else _TextFormatter())
    logger = logging.getLogger(LOGGER)
    for earlier in [each for each in logger.handlers if isinstance(each, _CommandHandler)]:
        logger.removeHandler(earlier)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # else what another package has the root logger do would write each line again


@contextmanager
def run_context(fingerprint: str) -> Iterator[None]:
    """Mark what is logged within, in this context, as of that run."""
    before = _run.set(fingerprint[:16])
    try:
        yield
    finally:
        _run.reset(before)


def log_info(stage: str, message: str, **figures: Any) -> None:
    """Says how things go; a command does so on standard output."""
    _logger_of(stage).info(message, extra={"figures": figures, "run": _run.get()})


def log_error(stage: str, message: str) -> None:
    """Says why a command ends, on standard error."""
    _logger_of(stage).error(message, extra={"figures": {}, "run": _run.get()})


def _logger_of(stage: str) -> logging.Logger:
    return logging.getLogger(f"{LOGGER}.{stage}")


def _stage_of(record: logging.LogRecord) -> str:
    return record.name.removeprefix(f"{LOGGER}.")


class _CommandHandler(logging.Handler):
    """Writes errors to standard error and the rest to standard output, whatever these are by then.

    What cannot be written is raised: a closed pipe and a full disk end the command.
    """

    def emit(self, record: logging.LogRecord) -> None:
        stream = sys.stderr if record.levelno >= logging.ERROR else sys.stdout
        print(self.format(record), file=stream, flush=True)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{_stage_of(record)}: {record.getMessage()}"


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        figures: dict[str, Any] = getattr(record, "figures", {})
        run = getattr(record, "run", "")
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "stage": _stage_of(record),
            **({"run": run} if run else {}),
            "message": record.getMessage(),
            **{name: _finite(value) for name, value in figures.items()},
        }
        return json.dumps(line)  # in ASCII it is JSON wherever it is written; escapes of Python's would be none


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
