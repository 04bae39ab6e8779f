"""Find the source of real images that a config names, among the kinds of sources and the known datasets."""

import difflib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pipeline.base.errors import UserError
from pipeline.config.schema import Data
from pipeline.config.sources import Source
from pipeline.data.sources.digits import list_digits
from pipeline.data.sources.kinds import KINDS
from pipeline.data.sources.known import KNOWN_DATASETS
from pipeline.data.sources.location import Location, locate
from pipeline.data.sources.source import Listing, Request, SourceKind
from pipeline.store.local import LocalFolder


def list_source(data: Data, downloads: Path, say: Callable[[str], None]) -> tuple[str, Listing]:
    """Return the kind of the source that the config names, and what is in it.

    `downloads` is the folder for what has to be fetched; `say` is called when that happens.
    """
    kind, listing = _listed(data.source, data.text, downloads, say)
    _require_splits(listing, data)
    return kind, replace(
        listing,
        name=data.source.name or listing.name,
        licence=data.source.licence or listing.licence,
    )


def _listed(source: Source, text: str, downloads: Path, say: Callable[[str], None]) -> tuple[str, Listing]:
    if source.kind == "digits":
        return "digits", list_digits()
    location = location_of(source, downloads, say)
    if location is None:
        assert source.path is not None  # a rule of the config
        if source.path not in KNOWN_DATASETS:
            near = difflib.get_close_matches(source.path, KNOWN_DATASETS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UserError(
                f"data.source.path: {source.path!r} is no known dataset.{hint} Known are {', '.join(sorted(KNOWN_DATASETS))}."
            )
        nowhere = Location(LocalFolder(downloads), None, source.path)
        return "known", KNOWN_DATASETS[source.path](Request(nowhere, source, text, downloads, say))
    kind = _kind_at(location, source.kind)
    return kind.name, kind.list_images(Request(location, source, text, downloads, say))


def location_of(source: Source, downloads: Path, say: Callable[[str], None]) -> Location | None:
    """Return the location that the source's path points at; None for a dataset that is found by its name."""
    if source.path is None or source.kind in ("digits", "known"):
        return None
    if source.kind == "auto" and source.path in KNOWN_DATASETS and not Path(source.path).exists():
        return None
    near = difflib.get_close_matches(source.path, KNOWN_DATASETS, n=1)
    if near and source.kind == "auto" and not os.path.lexists(Path(source.path).expanduser()):
        raise UserError(
            f"data.source.path: there is no file or folder {Path(source.path).absolute()}, and no known dataset of that name. Did you mean "
            f"{near[0]!r}? Known are {', '.join(sorted(KNOWN_DATASETS))}."
        )
    return locate(source.path, source.sha256, downloads, say)


def _kind_at(location: Location, requested: str) -> SourceKind:
    fitting = (kind for kind in KINDS if kind.name == requested or (requested == "auto" and kind.recognises(location)))
    found = next(fitting, None)
    if found is None and "image" in (location.kind_of_file or "") and "IDX" not in (location.kind_of_file or ""):
        raise UserError(f"data.source.path: {location} is one image; give the folder that holds the images.")
    if found is None:
        raise UserError(
            f"data.source.path: {location} is {location.kind_of_file or 'a file of no known kind'}, which is no source of images. Say what "
            f"it is by data.source.kind: {', '.join(kind.name for kind in KINDS)}."
        )
    return found


def _require_splits(listing: Listing, data: Data) -> None:
    for split, key, share in (
        ("validation", "validation_share", data.validation_share),
        ("holdout", "holdout_share", data.holdout_share),
    ):
        if split in listing.splits and isinstance(share, float):
            raise UserError(f"data.{key}: {share}, but the source has an official {split} split; use null or auto.")
        if split not in listing.splits and share is None:
            raise UserError(
                f"data.{key}: null, but the source has no {split} split; use auto, or the share to cut from train, e.g. 0.1."
            )
