"""List datasets that are found or fetched by their name, one a file: `crossfire-tiles` is crossfire_tiles.py."""

from collections.abc import Callable

from pipeline.base.registry import load_entries
from pipeline.data.sources.source import Listing, Request

KNOWN_DATASETS: dict[str, Callable[[Request], Listing]] = {
    name.replace("_", "-"): entry.list_images for name, entry in load_entries(__name__).items()
}
