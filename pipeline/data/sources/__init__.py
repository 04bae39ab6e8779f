"""Sources of real images, one file a kind."""

from collections.abc import Callable
from pathlib import Path

from pipeline.config.schema import Data
from pipeline.config.sources import DigitsSource, IdxSource, ImageFolderSource
from pipeline.data.sources.digits import list_digits
from pipeline.data.sources.idx_source import list_idx
from pipeline.data.sources.image_folder import list_image_folder
from pipeline.data.sources.source import Listing
from pipeline.errors import UserError


def list_source(data: Data, downloads: Path, say: Callable[[str], None]) -> Listing:
    """What is in the source that the config names, checked against what else the section `data` says.

    `downloads` is where what has to be fetched is kept; `say` is told when that happens.
    """
    match data.source:
        case IdxSource():
            listing = list_idx(data.source, downloads, say)
        case DigitsSource():
            listing = list_digits()
        case ImageFolderSource():
            listing = list_image_folder(data.source)
    _require_splits(listing, data)
    return listing


def _require_splits(listing: Listing, data: Data) -> None:
    for split, key, share in (
        ("validation", "validation_share", data.validation_share),
        ("holdout", "holdout_share", data.holdout_share),
    ):
        if split in listing.splits and share is not None:
            raise UserError(f"data.{key}: {share}, but the source has an official {split} split; use null.")
        if split not in listing.splits and share is None:
            raise UserError(
                f"data.{key}: null, but the source has no {split} split; give the share to cut from train, e.g. 0.1."
            )
