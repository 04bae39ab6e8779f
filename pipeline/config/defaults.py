"""Fill in what a preset leaves out with what is right for the images that ingest found.

`data` alone has to be there: everything else follows from the size, the number of images and classes, and the channels.
The budgets are starting points that were not tuned for the data. An ML engineer sets what matters to them in the
preset, and that counts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.base.json_object import JsonObject

FEW_IMAGES = 30_000  # below this, augmentation pays (Karras et al. 2020, arXiv:2006.06676, figure 1)
_RESOLUTIONS = (8, 16, 32, 64, 128)
_SIZES = (*_RESOLUTIONS, 28)
_SIZE_AT_WORST = 32  # where the preset's own is no size, which validation tells
# Images shown to the discriminator at most, and the weight of both gradient penalties: what the presets of that size reach their gates with.
_TRAIN_BUDGET = {8: 60_000, 16: 200_000, 32: 600_000, 64: 1_500_000, 128: 4_000_000}
_TRAIN_EPOCHS = 150
_PENALTY = {8: 0.1, 16: 0.2, 32: 0.3, 64: 1.0, 128: 3.0}
_CLASSIFIER_EPOCHS = 20
_CLASSIFIER_BUDGET = (30_000, 300_000)
_RECORDS = (10_000, 100_000)


@dataclass(frozen=True)
class Found:
    """Hold what ingest found, as far as defaults depend on it."""

    images: int  # for training
    classes: int
    channels: int


# A default counts only where the preset also leaves out these other keys, whose defaults it fits.
_GOES_WITH = {
    ("embed", "features"): {"total_images"},
    ("train", "penalty"): {"loss"},
    ("train", "checkpoint_every_images"): {"total_images"},
    ("sample", "shard_size"): {"count", "batch_size"},
}

# What is assumed before ingest has run: enough to check the rest of a preset.
UNKNOWN = Found(images=10_000, classes=2, channels=3)


def found_in(description: Path) -> Found | None:
    """Return what `dataset.json` says; None where it is missing or no dataset's.

    Then the stage that reads it says more.
    """
    try:
        described = json.loads(description.read_text(encoding="utf-8"))
        return Found(described["splits"]["train"]["rows"], len(described["classes"]), described["image"]["channels"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def fill_in(raw: Mapping[str, Any], found: Found | None) -> JsonObject:
    """Return the preset with a value for each key that has to have one; its own values stay.

    Args:
        raw: the preset as read from YAML, not validated yet.
        found: what ingest found; None: not known yet.
    """
    data = raw.get("data")
    assumed = found or UNKNOWN
    size, channels = _SIZE_AT_WORST, assumed.channels
    if isinstance(data, dict):
        size = data["size"] if data.get("size") in _SIZES else size
        channels = data["channels"] if data.get("channels") in (1, 3) else channels
    return _merged(_defaults(size, assumed, channels), raw)


def _defaults(size: int, found: Found, channels: int) -> JsonObject:
    resolution = next(each for each in _RESOLUTIONS if each >= size)
    most = _TRAIN_BUDGET[resolution]
    budget = max(most // 4, min(most, round(_TRAIN_EPOCHS * found.images, -4)))
    classifier = _within(_CLASSIFIER_EPOCHS * found.images, _CLASSIFIER_BUDGET)
    records = _within(found.images, _RECORDS)
    return {
        "root": ".",
        "embed": {"total_images": classifier, "features": 64 if resolution == 8 else 128},
        "model": {
            "architecture": "dcgan",
            "resolution": resolution,
            "channels": channels,
            "conditioning": "class" if found.classes > 1 else "none",
        },
        "train": {
            "loss": "relativistic",
            "penalty": {"r1": _PENALTY[resolution], "r2": _PENALTY[resolution], "every": 4},
            "total_images": budget,
            "checkpoint_every_images": budget // 15,
            "augmentation": "ada" if found.images < FEW_IMAGES and resolution > 8 else "none",
            "precision": "auto",
        },
        "evaluate": {"images": max(2_000 if resolution == 8 else 10_000, 10 * found.classes)},
        "sample": {"count": records, "shard_size": 5_000},
        "audit": {"total_images": classifier},
        "gates": {
            "coverage": {"min_of_real": 0.5},
            "unique_share": {"min": 0.999},
            "train_copies": {"max": 0},
            "held_out_copies": {"max": 0},
            "shard_shift_max": {"max": 5},
        },
        "cluster": {"train_workers": "auto", "sample_workers": "auto"},
    }


def editor_schema(schema: JsonObject) -> JsonObject:
    """Return the JSON schema of `Config` as an editor needs it: what `fill_in` fills in is not required."""
    filled = _defaults(_SIZE_AT_WORST, UNKNOWN, UNKNOWN.channels)
    sections = {name: dict(part) for name, part in schema["$defs"].items()}
    for name in filled:
        reference = schema["properties"][name].get("$ref", "")
        sections.get(reference.rpartition("/")[2], {}).pop("required", None)
    return {**schema, "$defs": sections, "required": [key for key in schema["required"] if key not in filled]}


def _within(value: int, bounds: tuple[int, int]) -> int:
    """Round to thousands, within the bounds."""
    least, most = bounds
    return max(least, min(most, round(value, -3)))


def _merged(defaults: Mapping[str, Any], raw: Mapping[str, Any]) -> JsonObject:
    """Merge sections key by key, but replace the default gates whole by a preset's own: they belong together."""
    merged = {**defaults, **raw}
    for name, section in defaults.items():
        own = raw.get(name)
        if name != "gates" and isinstance(section, dict) and isinstance(own, dict):
            fitting = {
                key: value for key, value in section.items() if not _GOES_WITH.get((name, key), set()) & own.keys()
            }
            merged[name] = _merged(fitting, own)
    return merged
