"""The work of the stage `source`."""

import hashlib
from pathlib import Path

from pipeline.base.errors import UserError
from pipeline.data.sources import place_of
from pipeline.data.sources.content import content_digest
from pipeline.store.files import write_json
from pipeline.store.places import is_remote
from stages.command import Command

SOURCE = "source.json"


def source(command: Command) -> None:
    """Write the digest of the source's content. DVC runs this each time, and ingest only when the digest has changed."""
    config = command.config
    root = Path("." if is_remote(config.root) else config.root)
    target = command.out / SOURCE
    try:
        place = place_of(config.data.source, root / "runs" / "downloads", command.say)
    except UserError as error:
        # Whoever pulled the ingested dataset from a DVC remote need not have the source.
        if not target.is_file():
            raise
        command.say(f"warning: the source cannot be looked at, so it is taken to be what was ingested: {error}")
        return
    if place is None:
        write_json(target, {"digest": None, "files": 0})  # it comes with a package, whose content is checked
        return
    cache = hashlib.sha256(str(place.folder).encode(errors="surrogateescape")).hexdigest()[:16]
    digest, files = content_digest(place, root / "runs" / "sources" / f"{cache}.sqlite")
    write_json(target, {"digest": digest, "files": files})
    command.say(f"{files:,} files in {place} -> {target}")
