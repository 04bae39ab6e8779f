"""Estimate how long the rest of the work takes, at its mean rate since the work itself began."""

SETTLED_S = 5  # until then the first items, which also warm caches up, would say many times what is left


class Pace:
    """Count what was done since the work began.

    Its mean rate changes little by one slow stretch, unlike that of the last interval. All times are in seconds on one
    clock, which the caller reads.
    """

    def __init__(self, began: float, *, at_once: int = 1) -> None:
        """Begin to count at the time `began`.

        `at_once` is how many reports to expect at the same moment, from workers side by side. There is no rate before
        all of them have come.
        """
        self._began, self._at_once = began, at_once
        self._done, self._reports = 0.0, 0

    def add(self, done: float) -> None:
        """Count one more report of work done."""
        self._done += done
        self._reports += 1

    def rate(self, now: float) -> float:
        """Return how much was done in a second."""
        return self._done / max(now - self._began, 1e-3)

    def seconds_left(self, rest: float, now: float) -> float | None:
        """Return how long `rest`, in the unit of what was done, will take; None where there is no rate to trust yet."""
        if self._done <= 0 or self._reports < self._at_once or now - self._began < SETTLED_S:
            return None
        return rest / self.rate(now)


def in_words(seconds: float) -> str:
    """Return a duration in words, for example "about 35 min", no finer than an estimate can be."""
    if seconds < 60:
        return "less than a minute"
    step_s = 60 if seconds < 600 else 300 if seconds < 3600 else 600 if seconds < 36_000 else 3600
    hours, minutes = divmod(round(seconds / step_s) * step_s // 60, 60)
    parts = [f"{hours:,} h"] * (hours > 0) + [f"{minutes} min"] * (minutes > 0)
    return f"about {' '.join(parts)}"


def on_clock(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds, for example "1:02:03"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
