"""Define what a stage is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.base.log import log_info, log_progress
from pipeline.base.progress import Progress
from pipeline.base.progress_meter import Add, track_in
from pipeline.config import Config


@dataclass(frozen=True)
class Command:
    """Hold a parsed command line. Places default to those of the checkout."""

    stage: str
    config: Config
    data: Path  # canonical dataset
    model: Path  # model and embedder
    out: Path  # what the stage makes
    metrics: Path  # where its values go
    fresh: bool
    default_out: bool  # whether `out` is the checkout's own place

    def say(self, text: str, **values: Any) -> None:
        """Log what is going on, and for machines the values of it."""
        log_info(self.stage, text, **values)

    def progress(self, progress: Progress, line: str, **values: Any) -> None:
        """Log how far the work is: as a bar on a terminal, elsewhere by `line`."""
        log_progress(self.stage, progress, line, **values)

    def track(self, doing: str, total: int, unit: str, *, even: bool = True) -> Add:
        """Begin some work; return what is to be called with each number of items that are done (see `Track`)."""
        return track_in(self.stage)(doing, total, unit, even=even)


Work = Callable[[Command], None]  # what a stage does
