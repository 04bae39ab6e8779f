"""Count work that is done, and log how far it is."""

import time
from collections.abc import Callable
from typing import Protocol

from pipeline.base.log import is_drawn, log_progress
from pipeline.base.pace import Pace
from pipeline.base.progress import Progress

LINE_EVERY_S = 30  # where no bar is drawn
Add = Callable[[int], None]  # counts so many more as done


class Track(Protocol):
    """Begin some work, and return what is to be called with each number of items that are done."""

    def __call__(self, doing: str, total: int, unit: str, *, even: bool = True) -> Add:
        """Begin to do something to `total` items; `unit` is their name in the plural, `even` whether each takes about as long."""
        ...


def track_in(stage: str, *, aside: bool = False) -> Track:
    """Return what begins the work of a stage, or of a command, and logs how far it is.

    `aside`: write lines to standard error, for a command whose standard output is its result.
    """

    def track(doing: str, total: int, unit: str, *, even: bool = True) -> Add:
        return ProgressMeter(stage, doing, total, unit, even=even, aside=aside).add

    return track


class ProgressMeter:
    """Count what is done, and log how far that is: for a bar each time, as a line every half minute."""

    def __init__(
        self,
        stage: str,
        doing: str,
        total: int,
        unit: str,
        *,
        even: bool = True,
        aside: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with nothing done. `even`: whether each item takes about as long, so that the time left can be estimated."""
        self._stage, self._doing, self._total, self._unit = stage, doing, total, unit
        self._even, self._aside, self._clock = even, aside, clock
        self._done, self._said = 0, clock()
        self._pace = Pace(self._said)
        self.add(0)  # from here on a bar is there

    def add(self, done: int) -> None:
        """Count so many more items as done."""
        self._done += done
        now = self._clock()
        if done:
            self._pace.add(done)
        due = now - self._said >= LINE_EVERY_S
        if not due and not is_drawn(self._stage):  # as for most of 100,000 files
            return
        self._said = now if due else self._said
        rate = self._pace.rate(now)
        progress = Progress(
            done=self._done,
            total=self._total,
            unit=self._unit,
            doing=self._doing,
            rate=f"{rate:,.0f} {self._unit}/s" if rate >= 1 else "",
            seconds_left=self._pace.seconds_left(self._total - self._done, now) if self._even else None,
        )
        log_progress(self._stage, progress, progress.line() if due else "", aside=self._aside)
