"""Keep what is told of how far some work is."""

from dataclasses import dataclass, field

from pipeline.base.progress_meter import Add


@dataclass
class Tracked:
    """Take the place of what logs progress; `done` and `total` are by what is done."""

    done: dict[str, int] = field(default_factory=dict)
    total: dict[str, int] = field(default_factory=dict)

    def __call__(self, doing: str, total: int, unit: str, *, even: bool = True) -> Add:  # noqa: ARG002
        """Begin some work."""
        self.total[doing], self.done[doing] = total, 0

        def add(done: int) -> None:
            self.done[doing] += done

        return add
