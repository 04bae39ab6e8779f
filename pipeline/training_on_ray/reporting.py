"""What a worker of a training run reports while it works: lines, which the driver logs, and gauges for Prometheus."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

from ray.exceptions import RayError
from ray.util.queue import Empty, Queue

from pipeline.base.log import log_info
from pipeline.base.pace import Pace
from pipeline.cluster.gauges import RunGauges
from pipeline.config.metrics import in_training
from pipeline.training.trainer import Evaluation
from pipeline.training_on_ray.progress import finding_line, progress_line

STAGE = "train"
POLL_S = 0.5  # how soon after the end of a run the driver stops to wait for lines
GAUGE_OF = {
    "images_seen": "images",
    "generator_loss": "generator_loss",
    "discriminator_loss": "discriminator_loss",
    **{name: view.gauge for name, _, view in in_training() if view.gauge is not None},
}  # a number of an evaluation -> the gauge that shows it


class ProgressReporter:
    """In a worker: one that has the queue whose other end the driver reads."""

    def __init__(
        self,
        lines: Queue,
        preset: str,
        fingerprint: str,
        total_images: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lines, self._total_images, self._clock = lines, total_images, clock
        self._gauges = RunGauges(STAGE, preset, fingerprint)
        self.begins(0)

    def begins(self, images_seen: int) -> None:
        """The first step comes next, after so many images: from here on the time left is reckoned."""
        self._pace, self._position = Pace(self._clock()), images_seen

    def say(self, message: str, **figures: Any) -> None:
        """A line, and for machines what it is about."""
        self._lines.put((message, figures))

    def evaluated(self, evaluation: Evaluation, goes_on_at: int, findings: int) -> None:
        """What a checkpoint brought; `findings` of the run so far. Training goes on at an earlier image after a rollback."""
        metrics = evaluation.row.record()
        self._pace.add(evaluation.row.images_seen - self._position)
        self._position = goes_on_at
        left = self._pace.seconds_left(max(self._total_images - goes_on_at, 0), self._clock())
        line = progress_line(evaluation, self._total_images, left)
        self.say(line, **metrics, images_per_s=round(evaluation.images_per_s, 1))
        for finding in evaluation.findings:
            self.say(finding_line(finding), diagnostic=finding.diagnostic, action=finding.action)
        self._gauges.show(
            **{gauge: metrics[name] for name, gauge in GAUGE_OF.items() if name in metrics},
            images_wanted=self._total_images,
            images_per_s=evaluation.images_per_s,
            findings=findings,
        )


@contextmanager
def log_lines_of(lines: Queue) -> Iterator[None]:
    """In the driver: logs every line that a worker, wherever it runs, puts into the queue."""
    stop = threading.Event()

    def follow() -> None:
        while True:
            last = stop.is_set()
            try:
                message, figures = lines.get(timeout=POLL_S)
            except Empty:
                if last:
                    return
            except RayError:  # what ends the run is said by those who wait for its end
                if stop.wait(POLL_S):
                    return
            else:
                log_info(STAGE, message, **figures)

    # A thread begins without the context that says which run this is about.
    thread = threading.Thread(target=copy_context().run, args=(follow,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)
