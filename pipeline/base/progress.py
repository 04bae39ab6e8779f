"""Hold how far some work is, and word it."""

from dataclasses import dataclass

from pipeline.base.pace import in_words

SEPARATOR = " | "


@dataclass(frozen=True)
class Progress:
    """Hold how far one piece of a stage's work is."""

    done: int
    total: int
    unit: str  # of `done` and `total`, in the plural
    doing: str = ""  # what is done, where the stage's name does not tell
    rate: str = ""  # how fast, in words
    seconds_left: float | None = None
    note: str = ""  # the last numbers of the work

    @property
    def share(self) -> float:
        """Return how much of the work is done, from 0 to 1."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else 1.0

    @property
    def ended(self) -> bool:
        """Return whether all work is done."""
        return self.done >= self.total

    @property
    def percent(self) -> str:
        """Return the share in words that are as wide at the beginning as at the end."""
        return f"{self.share:4.0%}"

    def parts(self) -> list[str]:
        """Return what there is to say, the most important first: how far, how long still, how fast, the last numbers."""
        total = f"{self.total:,}"
        left = f"{in_words(self.seconds_left)} left" if self.seconds_left else ""
        short = left.removeprefix("about ").replace("less than a minute", "<1 min")
        # The numbers are as wide at the beginning as at the end, so that a bar's line does not move.
        said = [f"{self.percent} {self.done:>{len(total)},}/{total} {self.unit}", short, self.rate, self.note]
        return [part for part in said if part]

    def line(self) -> str:
        """Return it as a line of text, for example "reading back: 50% 5,000/10,000 records | 2 min left"."""
        said = " ".join(SEPARATOR.join(self.parts()).split())
        return f"{self.doing}: {said}" if self.doing else said
