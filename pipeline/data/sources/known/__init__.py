"""The source `known`: datasets that are found or fetched by their name, one file each."""

from collections.abc import Callable

from pipeline.data.sources.known.crossfire_tiles import list_crossfire_tiles
from pipeline.data.sources.known.fashion_mnist import list_fashion_mnist
from pipeline.data.sources.source import Listing, Request

KNOWN_DATASETS: dict[str, Callable[[Request], Listing]] = {
    "crossfire-tiles": list_crossfire_tiles,
    "fashion-mnist": list_fashion_mnist,
}
