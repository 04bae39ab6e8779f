"""Write the digest of a source's content: the work of the stage `source`."""

import hashlib

from pipeline.base.errors import UserError
from pipeline.data.sources import location_of
from pipeline.data.sources.content import content_digest
from pipeline.runs.command import Command
from pipeline.runs.run import RUNS, root_here
from pipeline.store.files import write_json

SOURCE = "source.json"


def source(command: Command) -> None:
    """Write the digest of the source's content.

    DVC runs this each time, and ingest only when the digest has changed.
    """
    config = command.config
    root = root_here(config.root)
    target = command.out / SOURCE
    try:
        location = location_of(config.data.source, root / RUNS / "downloads", command.say)
    except UserError as error:
        # Whoever pulled the ingested dataset from a DVC remote need not have the source.
        if not target.is_file():
            raise
        command.say(f"warning: the source cannot be read, so it is assumed to be unchanged since ingest: {error}")
        return
    if location is None:
        write_json(target, {"digest": None, "files": 0})  # it comes with a package, whose content is checked
        return
    cache = hashlib.sha256(str(location.folder).encode(errors="surrogateescape")).hexdigest()[:16]
    digest, files = content_digest(location, root / RUNS / "sources" / f"{cache}.sqlite")
    write_json(target, {"digest": digest, "files": files})
    command.say(f"{files:,} files in {location} -> {target}")
