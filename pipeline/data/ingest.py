"""Read the source of real images and write the canonical dataset: the work of the stage `ingest`."""

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.cpu import usable_cpus, without_search_for_cycles
from pipeline.base.errors import UserError
from pipeline.base.junk import is_junk
from pipeline.base.pace import Pace, in_words
from pipeline.base.progress import Progress
from pipeline.cluster.local_pool import on_this_machine
from pipeline.config import Config
from pipeline.config.rules import broken_class_rules
from pipeline.data.description import DatasetDescription
from pipeline.data.prepare import Preparation
from pipeline.data.sources import list_source
from pipeline.data.sources.source import Part
from pipeline.data.writing import write_canonical
from pipeline.runs.code import code_digest
from pipeline.runs.command import Command
from pipeline.runs.fingerprint import run_identity
from pipeline.runs.run import RUNS, Run, root_here
from pipeline.store.files import require_free_space
from pipeline.store.places import SCHEMES

CODE = ("pipeline.data.prepare", "pipeline.data.sources")  # what a prepared image depends on


SAY_EVERY_S = 10  # how far it is


@without_search_for_cycles()
def ingest(command: Command) -> None:
    """Prepare what is new in the source, place every image, and write Parquet and `dataset.json`."""
    config = command.config
    here = root_here(config.root)  # what is fetched and prepared is for this machine alone
    data = config.data
    _require_out_apart_from_source(command)
    kind, listing = list_source(data, here / RUNS / "downloads", command.say)
    with Run.open(str(here), command.stage, identity_of_run(config), fresh=command.fresh) as run:
        run.note_preset(config.name)
        preparation = Preparation(data, run.path / "prepared")
        paths = [preparation.path(part) for part in listing.parts]
        missing = [part for part, path in zip(listing.parts, paths, strict=True) if not _is_whole(path)]
        workers = min(usable_cpus(), len(missing))
        progress = PreparationProgress(command, len(missing), workers)
        for rows in _counts(command, preparation, missing, workers):
            progress.one_more(rows)
        command.say("assigning the images to splits, and writing these")
        require_free_space(command.out, 2 * sum(path.stat().st_size for path in paths), "ingest", "--out FOLDER")
        description = write_canonical(kind, listing, paths, data, config.name, command.out)
        for path in set(preparation.folder.iterdir()) - set(paths):  # of what the source has no more
            if not is_junk(path.name):
                path.unlink()
    require_classes(command, description.classes)
    command.say(f"{rows_in_words(description)} -> {command.out}")


def identity_of_run(config: Config) -> str:
    """Return the identity of the run in which the images of a preset are prepared."""
    settings = config.data.model_dump(include={"size", "channels", "fit", "resample", "background", "too_small"})
    return run_identity("ingest", {**settings, "name": config.name, "code": code_digest(*CODE)})


def _require_out_apart_from_source(command: Command) -> None:
    """Refuse to write into the folder that is read: the next ingest would take the dataset for a part of the source."""
    path = command.config.data.source.path
    if path is None or "://" in path:
        return
    source = Path(path).expanduser().resolve()
    if source.is_dir() and command.out.resolve().is_relative_to(source):
        raise UserError(f"--out {command.out}: lies in the source, {path}. Give a folder outside of the source.")


def rows_in_words(description: DatasetDescription) -> str:
    """Return for example "700 train, 150 validation; 3 left out (duplicate: 2; truncated: 1)" of a canonical dataset."""
    rows = ", ".join(f"{part.rows:,} {name}" for name, part in description.splits.items())
    counts = {reason: left_out.count for reason, left_out in description.left_out.items()}
    if not counts:
        return rows
    reasons = "; ".join(f"{reason}: {count:,}" for reason, count in counts.items())
    return f"{rows}; {sum(counts.values()):,} left out ({reasons})"


def require_classes(command: Command, classes: list[str]) -> None:
    """Refuse what the config asks of classes that the data does not have: later stages would, after hours of training."""
    if broken := broken_class_rules(command.config, classes):
        listed = "\n".join(f"  {line}" for line in broken)
        raise UserError(f"The data in {command.out} does not fit the config:\n{listed}")


def _counts(command: Command, preparation: Preparation, missing: list[Part], workers: int) -> Iterator[int]:
    """Prepare the parts and yield how many images each had, as the workers come back; one part alone is done here."""
    if len(missing) < 2:
        return map(preparation, missing)
    if os.environ.get("RAY_ADDRESS") and (command.config.data.source.path or "").startswith(SCHEMES):
        return _on_all_nodes(command, preparation, missing)
    return on_this_machine(preparation, missing, workers, preload=(Preparation.__module__, "pipeline.data.sources"))


def _on_all_nodes(command: Command, preparation: Preparation, missing: list[Part]) -> Iterator[int]:
    """Prepare the parts on all nodes, which all reach an object store; this machine receives them and writes the dataset."""
    from pipeline.cluster.connection import connect  # seconds, which one machine alone need not spend
    from pipeline.cluster.parallel_map import fan_out

    with connect(command.config.root) as resources:
        made = fan_out(partial(_content_or_why_not, preparation), missing, resources.cpus)
        for part, content in zip(missing, made, strict=True):
            if isinstance(content, str):
                raise UserError(content)
            yield preparation.keep(part, content)


def _content_or_why_not(preparation: Preparation, part: Part) -> bytes | str:
    """Return what a node makes of a part, or the message for the user, which Ray would hide in a traceback."""
    try:
        return preparation.content(part)
    except UserError as error:
        return f"on another node: {error}"


class PreparationProgress:
    """Log how far the preparation is: in lines at the first part, at the last, and between these every few seconds at most."""

    def __init__(self, command: Command, parts: int, workers: int) -> None:
        """Begin with none of `parts` parts prepared."""
        self.command, self.parts = command, parts
        self.images = self.done = 0
        self.said = time.monotonic()
        self.pace = Pace(self.said, at_once=workers)
        if parts:
            command.progress(Progress(0, parts, "parts"), "")

    def one_more(self, images: int) -> None:
        """Count a part."""
        self.images += images
        self.done += 1
        self.pace.add(images)
        now = time.monotonic()
        left = self.parts - self.done
        rate = self.pace.rate(now)
        # How many images the other parts have is known to their sources alone.
        seconds_left = self.pace.seconds_left(left * self.images / self.done, now) if left else None
        prepared, fast = f"{self.images:,} images prepared", f"{rate:,.0f} images/s"
        line = ""
        if not left or self.done == 1 or now - self.said >= SAY_EVERY_S:
            self.said = now
            line = f"{prepared}, {self.done:,} of {self.parts:,} parts | {fast}" + (
                f" | {in_words(seconds_left)} left" if seconds_left else ""
            )
        progress = Progress(self.done, self.parts, "parts", rate=fast, seconds_left=seconds_left, note=prepared)
        self.command.progress(progress, line, images=self.images, images_per_s=round(rate, 1))


def _is_whole(path: Path) -> bool:
    try:
        pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return False
    return True
