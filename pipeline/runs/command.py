"""What a stage is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.base.log import log_info
from pipeline.config import Config


@dataclass(frozen=True)
class Command:
    """A parsed command line. Places default to those of the checkout."""

    stage: str
    config: Config
    data: Path  # canonical dataset
    model: Path  # model and embedder
    out: Path  # what the stage makes
    metrics: Path  # where its figures go
    fresh: bool
    default_out: bool  # whether `out` is the checkout's own place

    def say(self, text: str, **figures: Any) -> None:
        """Log what is going on, and for machines the figures of it."""
        log_info(self.stage, text, **figures)


Work = Callable[[Command], None]  # what a stage does
