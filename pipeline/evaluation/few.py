"""Say how many images metrics were measured on, and warn where these are too few to mean anything."""

from collections.abc import Mapping
from typing import Any

from pipeline.config.constants import ENOUGH

# Name of the number among the metrics, and what it counts.
COUNTED = {
    "images": "synthetic images",
    "real_images": "real holdout images",
    "floor_images": "real training images",
    "validation_images": "validation images",
}


def measured_on(metrics: Mapping[str, Any]) -> dict[str, int]:
    """Return how many images of each kind the metrics were measured on, as far as `metrics` say so."""
    return {kind: metrics[name] for name, kind in COUNTED.items() if name in metrics}


def warnings_of_few(metrics: Mapping[str, Any]) -> list[str]:
    """Return a warning for each kind of images of which there are too few; none where there are enough of all."""
    return [
        f"measured on {count:,} {kind}: too few for a reliable result; at least {ENOUGH} are needed"
        for kind, count in measured_on(metrics).items()
        if count < ENOUGH
    ]
