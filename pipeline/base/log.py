"""Log what stages and jobs do by the standard library's logger `imagemint`: as lines to read, or as JSON for log collectors.

How far some work is goes the same way, by `log_progress`. On a terminal a bar shows it, below the lines.

With `IMAGEMINT_LOG=json` each line is an object: `time` (ISO 8601, UTC), `level` (info or error), `stage`, `run` (the first
16 digits of the run's fingerprint, as in its folder's name; where one is worked on), `message`, and the values in the message.

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
from typing import TYPE_CHECKING, Any, TextIO

from pipeline.base.errors import UserError
from pipeline.base.progress import Progress
from pipeline.base.wrapping import wrapped

if TYPE_CHECKING:
    from pipeline.base.terminal import Bar

LOG_VARIABLE = "IMAGEMINT_LOG"
FORMATS = ("text", "json")
DUMB = ("dumb", "unknown")  # terminals on which nothing can be drawn in place, by TERM
LOGGER = "imagemint"  # a stage's is one below it, by the stage's name

_run: ContextVar[str] = ContextVar("run", default="")


def require_known_format() -> None:
    """Refuse what the environment asks for where that is none of the formats."""
    wanted = os.environ.get(LOG_VARIABLE, FORMATS[0])
    if wanted not in FORMATS:
        raise UserError(f"{LOG_VARIABLE}={wanted}: use {' or '.join(FORMATS)}.")


def configure_logging() -> None:
    """Make this process, which is one of our commands, write its lines in the format that the environment asks for."""
    in_json = os.environ.get(LOG_VARIABLE) == "json"
    drawing = not in_json and _draws_in_place()
    handler = _TerminalHandler() if drawing else _CommandHandler()
    handler.setFormatter(_JsonFormatter() if in_json else _TextFormatter())
    logger = logging.getLogger(LOGGER)
    for earlier in [each for each in logger.handlers if isinstance(each, _CommandHandler)]:
        logger.removeHandler(earlier)
        earlier.close()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if drawing else logging.INFO)
    logger.propagate = False  # else what another package has the root logger do would write each line again


def _draws_in_place() -> bool:
    """Return whether standard output is a terminal on which a bar can be drawn."""
    return sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM", "").lower() not in DUMB


def is_drawn(stage: str) -> bool:
    """Return whether somebody looks at progress that no line tells of, so that it is worth finding out."""
    return _logger_of(stage).isEnabledFor(logging.DEBUG)


@contextmanager
def run_context(fingerprint: str) -> Iterator[None]:
    """Mark what is logged within, in this context, as of that run."""
    before = _run.set(fingerprint[:16])
    try:
        yield
    finally:
        _run.reset(before)


def log_info(stage: str, message: str, **values: Any) -> None:
    """Log a message, which a command writes to standard output; `values` are for machines."""
    _logger_of(stage).info(message, extra={"values": values, "run": _run.get()})


def log_progress(stage: str, progress: Progress, line: str = "", *, aside: bool = False, **values: Any) -> None:
    """Say how far some work is: a bar where one is drawn, elsewhere `line`, or nothing without one.

    `aside`: write the line to standard error, so that standard output is what a command is asked for and nothing else.
    """
    level = logging.INFO if line else logging.DEBUG
    numbers = {"done": progress.done, "total": progress.total, **values}
    extra = {"values": numbers, "run": _run.get(), "progress": progress, "aside": aside}
    _logger_of(stage).log(level, line, extra=extra)


def log_error(stage: str, message: str) -> None:
    """Log why a command ends, on standard error."""
    _logger_of(stage).error(message, extra={"values": {}, "run": _run.get()})


def _logger_of(stage: str) -> logging.Logger:
    return logging.getLogger(f"{LOGGER}.{stage}")


def _stage_of(record: logging.LogRecord) -> str:
    return record.name.removeprefix(f"{LOGGER}.")


class _CommandHandler(logging.Handler):
    """Write errors, and progress beside a result, to standard error and the rest to standard output, whatever these are by then.

    What cannot be written is raised: a closed pipe and a full disk end the command.
    """

    def emit(self, record: logging.LogRecord) -> None:
        aside = record.levelno >= logging.ERROR or getattr(record, "aside", False)
        stream = sys.stderr if aside else sys.stdout
        print(self.laid_out(self.format(record), stream), file=stream, flush=True)

    def laid_out(self, line: str, _stream: TextIO) -> str:
        """Return a line as it is written: as it is."""
        return line


class _TerminalHandler(_CommandHandler):
    """Draw how far the work is as a bar, and write what else is logged above it."""

    _bar: "Bar | None" = None

    def emit(self, record: logging.LogRecord) -> None:
        progress: Progress | None = getattr(record, "progress", None)
        if progress is not None:
            if self._bar is None:
                from pipeline.base.terminal import Bar  # a tenth of a second, for the commands that draw

                self._bar = Bar(sys.stdout)
            self._bar.show(_stage_of(record), progress)
        elif self._bar is None or not self._bar.drawn or record.levelno >= logging.ERROR:
            self.close_bar()
            super().emit(record)
        else:
            self._bar.write(self.laid_out(self.format(record), sys.stdout))

    def laid_out(self, line: str, stream: TextIO) -> str:
        """Return a line broken between words where it is too long for the terminal."""
        return wrapped(line, stream)

    def close_bar(self) -> None:
        """Remove the bar, if there is one: nothing more is said of the work."""
        if self._bar is not None:
            self._bar.remove()

    def close(self) -> None:
        self.close_bar()
        super().close()


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{_stage_of(record)}: {record.getMessage()}"


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        values: dict[str, Any] = getattr(record, "values", {})
        run = getattr(record, "run", "")
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "stage": _stage_of(record),
            **({"run": run} if run else {}),
            "message": record.getMessage(),
            **{name: _finite(value) for name, value in values.items()},
        }
        return json.dumps(line)  # in ASCII it is JSON wherever it is written; escapes of Python's would be none


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
