"""The work of the stage `ingest`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.cluster import connect
from pipeline.config.rules import broken_class_rules
from pipeline.data.prepare import Preparation
from pipeline.data.sources import list_source
from pipeline.data.sources.source import Part
from pipeline.data.writing import write_canonical
from pipeline.errors import UserError
from pipeline.fan_out import fan_out
from pipeline.fingerprint import source_digest
from pipeline.folders import is_remote
from pipeline.junk import is_junk
from pipeline.storage import require_free_space
from stages.command import Command

# What determines a prepared image.
CODE = (
    "pipeline.data.colour",
    "pipeline.data.decode",
    "pipeline.data.kinds",
    "pipeline.data.likeness",
    "pipeline.data.png",
    "pipeline.data.prepare",
    "pipeline.data.profiles",
    "pipeline.data.resize",
    "pipeline.data.sources",
)


def ingest(command: Command) -> None:
    """Prepares what is new in the source, places every image, writes Parquet and `dataset.json`."""
    config = command.config
    # What is fetched and prepared is for this machine alone.
    here = replace(command, config=config.model_copy(update={"root": "."})) if is_remote(config.root) else command
    data = config.data
    kind, listing = list_source(data, Path(here.config.root) / "runs" / "downloads", command.say)
    settings = data.model_dump(include={"size", "channels", "fit", "resample", "background", "too_small"})
    fingerprint = here.fingerprint({**settings, "name": config.name, "code": source_digest(*CODE)})
    with here.run(fingerprint) as run:
        preparation = Preparation(data, run / "prepared")
        paths = [preparation.path(part) for part in listing.parts]
        missing = [part for part, path in zip(listing.parts, paths, strict=True) if not _is_whole(path)]
        done = 0
        with _workers(here, preparation, missing) as counts:
            for number, rows in enumerate(counts, start=1):
                done += rows
                command.say(f"{done:,} images prepared, {number:,} of {len(missing):,} parts", images=done)
        require_free_space(command.out, 2 * sum(path.stat().st_size for path in paths), "ingest", "--out FOLDER")
        description = write_canonical(kind, listing, paths, data, config.name, command.out)
        for path in set(preparation.folder.iterdir()) - set(paths):  # of what the source has no more
            if not is_junk(path.name):
                path.unlink()
    require_classes(command, description["classes"])
    command.say(f"{rows_said(description)} -> {command.out}")


def rows_said(description: dict[str, Any]) -> str:
    """Return for example "700 train, 150 validation; 3 left out (duplicate: 2; truncated: 1)" of a canonical dataset."""
    rows = ", ".join(f"{part['rows']:,} {name}" for name, part in description["splits"].items())
    counts = {reason: told["count"] for reason, told in description["left_out"].items()}
    if not counts:
        return rows
    reasons = "; ".join(f"{reason}: {count:,}" for reason, count in counts.items())
    return f"{rows}; {sum(counts.values()):,} left out ({reasons})"


def require_classes(command: Command, classes: list[str]) -> None:
    """Refuse what the config asks of classes that the data does not have: later stages would, after hours of training."""
    if broken := broken_class_rules(command.config, classes):
        listed = "\n".join(f"  {line}" for line in broken)
        raise UserError(f"The data in {command.out} does not fit the config:\n{listed}")


@contextmanager
def _workers(command: Command, preparation: Preparation, missing: list[Part]) -> Iterator[Iterator[int]]:
    """How many images each part had, as the workers come back; one part alone is done here."""
    if len(missing) < 2:
        yield map(preparation, missing)
        return
    with connect(command.config.root, here=True) as resources:
        yield fan_out(preparation, missing, resources.cpus)


def _is_whole(path: Path) -> bool:
    try:
        pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return False
    return True
