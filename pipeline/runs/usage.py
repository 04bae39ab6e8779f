"""Add up in a run's folder how much machine time it took, over all processes that worked on it."""

import time
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter

from pipeline.store.folder import Folder, write_document

TIME = "time.json"


@dataclass(frozen=True)
class ResourceUsage:
    """Hold what making `images` took: wall-clock seconds, and those times the CPU cores and the GPUs at work."""

    images: int = 0
    seconds: float = 0
    core_seconds: float = 0
    gpu_seconds: float = 0


_USAGE = TypeAdapter(ResourceUsage)


class UsageMeter:
    """Measure the time since it was made, and add it to what the run took.

    What a killed process made after its last lap is counted neither as time nor as images.
    """

    def __init__(self, run: Folder, *, cores: int, gpus: int, images: int = 0) -> None:
        """Start to measure a run for which others made `images` before."""
        self._run, self._cores, self._gpus = run, cores, gpus
        self._images, self._since = images, time.monotonic()

    def lap(self, images: int) -> None:
        """Add the time since the last lap to what the run took so far; `images` are made by now, in all."""
        now = time.monotonic()
        seconds, more = now - self._since, images - self._images
        self._images, self._since = images, now
        before = usage_of(self._run)
        total = ResourceUsage(
            before.images + more,
            before.seconds + seconds,
            before.core_seconds + seconds * self._cores,
            before.gpu_seconds + seconds * self._gpus,
        )
        write_document(self._run, TIME, {name: round(value, 3) for name, value in asdict(total).items()})


def usage_of(run: Folder, name: str = TIME) -> ResourceUsage:
    """Return what a run took so far, by its file or a copy under another name; zeros where that is unknown."""
    try:
        return _USAGE.validate_json(run.read(name))
    except (OSError, ValueError):  # pydantic's ValidationError is a ValueError
        return ResourceUsage()
