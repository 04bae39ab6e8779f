"""Report what a worker of a training run does: lines and how far it is, which the driver logs, and gauges for Prometheus."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import Any

from ray.exceptions import RayError
from ray.util.queue import Empty, Queue

from pipeline.base.log import log_info, log_progress
from pipeline.base.pace import Pace
from pipeline.base.progress import Progress
from pipeline.cluster.gauges import RunGauges
from pipeline.config.metrics import in_training
from pipeline.training.trainer import Evaluation
from pipeline.training_on_ray.progress import finding_line, losses_in, metrics_in, progress_line

STAGE = "train"
FOLLOWED_S = 1.0  # between two looks at how far the training is, where a bar shows it
POLL_S = 0.5  # how soon after the end of a run the driver stops to wait for lines
GAUGE_OF = {
    "images_seen": "images",
    "generator_loss": "generator_loss",
    "discriminator_loss": "discriminator_loss",
    **{name: view.gauge for name, _, view in in_training() if view.gauge is not None},
}  # a number of an evaluation -> the gauge that shows it


class ProgressReporter:
    """Report from a worker, by the queue whose other end the driver reads."""

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
        self._guard = threading.Lock()  # of the position, which `followed` moves in a thread of its own
        self._note = ""  # what the last checkpoint brought
        self.begins(0)

    def begins(self, images_seen: int) -> None:
        """Begin to estimate the time left: the first step comes next, after so many images."""
        self._pace, self._position = Pace(self._clock()), images_seen

    def say(self, message: str, **values: Any) -> None:
        """Send a line to log, and for machines the values in it."""
        self._lines.put((message, values, None))

    def show_position(self, images_seen: Callable[[], int]) -> None:
        """Say for the bar how far the training is between checkpoints."""
        with self._guard:  # what is read before a rollback would count for what comes after it
            seen = images_seen()
            if seen > self._position:
                self._pace.add(seen - self._position)
                self._position = seen
            self._show()

    @contextmanager
    def followed(self, images_seen: Callable[[], int]) -> Iterator[None]:
        """Say each second within the block how far the training is; the thread that trains has nothing to do with it."""
        ended = threading.Event()

        def follow() -> None:
            with suppress(RayError):  # those who wait for the run's end say what ends it
                while not ended.wait(FOLLOWED_S):
                    self.show_position(images_seen)

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _show(self) -> None:
        now = self._clock()
        progress = Progress(
            done=self._position,
            total=self._total_images,
            unit="images",
            rate=f"{self._pace.rate(now):,.0f} images/s",  # the time left follows from it
            seconds_left=self._pace.seconds_left(self._total_images - self._position, now),
            note=self._note,
        )
        self._lines.put(("", {}, progress))

    def evaluated(self, evaluation: Evaluation, goes_on_at: int, findings: int) -> None:
        """Report what a checkpoint brought, and how many `findings` the run has. After a rollback training goes on at an earlier image."""
        metrics = evaluation.row.record()
        with self._guard:
            self._pace.add(evaluation.row.images_seen - self._position)
            self._position = goes_on_at
            self._note = f"{losses_in(evaluation.row)} | {metrics_in(evaluation.row)}"
            left = self._pace.seconds_left(max(self._total_images - goes_on_at, 0), self._clock())
            line = progress_line(evaluation, self._total_images, left)
            numbers = {
                "done": goes_on_at,
                "total": self._total_images,
                "images_per_s": round(evaluation.images_per_s, 1),
            }
            self.say(line, **metrics, **numbers)
            self._show()
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
    """Log in the driver every line that a worker, wherever it runs, puts into the queue."""
    stop = threading.Event()

    def follow() -> None:
        while True:
            last = stop.is_set()
            try:
                message, values, progress = lines.get(timeout=POLL_S)
            except Empty:
                if last:
                    return
            except RayError:  # what ends the run is said by those who wait for its end
                if stop.wait(POLL_S):
                    return
            else:
                if progress is None:
                    log_info(STAGE, message, **values)
                else:
                    log_progress(STAGE, progress)

    # A thread begins without the context that says which run this is about.
    thread = threading.Thread(target=copy_context().run, args=(follow,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)
