"""Tests that set the project's logging up leave it as it was."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def logging_as_before() -> Iterator[None]:
    """Put the logger `imagemint` back afterwards."""
    logger = logging.getLogger("imagemint")
    before = logger.handlers[:], logger.level, logger.propagate
    try:
        yield
    finally:
        logger.handlers[:], logger.level, logger.propagate = before
