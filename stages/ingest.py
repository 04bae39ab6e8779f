"""Real images in, canonical dataset out: `data/<name>/`."""

from pathlib import Path

from pipeline.data.canonical import write_canonical
from pipeline.data.sources import read_source
from pipeline.folders import is_remote
from pipeline.storage import require_free_space
from stages.command import Command, main


def ingest(command: Command) -> None:
    """Reads the source, splits it, writes Parquet and `dataset.json`."""
    config = command.config
    # What is fetched is for this machine alone.
    here = Path("." if is_remote(config.root) else config.root)
    raw = read_source(config.data, here / "runs" / "downloads", command.say)
    require_free_space(command.out, 2 * raw.train.images.nbytes, "ingest")
    description = write_canonical(raw, config.data, config.name, command.out)
    rows = ", ".join(f"{part['rows']:,} {name}" for name, part in description["splits"].items())
    left_out = sum(description["left_out"].values())
    command.say(f"{rows}; {left_out} left out ({description['left_out']}) -> {command.out}")


if __name__ == "__main__":
    main("ingest", __doc__, "data", ingest)
