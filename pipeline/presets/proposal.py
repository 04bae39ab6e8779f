"""Propose the preset that fits a source, as the text of its file."""

import json
import math
import os
from pathlib import Path

import numpy as np
import yaml

from pipeline.config.config import Config
from pipeline.config.defaults import Found, fill_in
from pipeline.config.schema import Data
from pipeline.presets.source_scan import SourceStats

# The proposed sizes, px. A CPU takes hours for more than 32 px, and days for 128 px, which has to be asked for.
SIZES = (8, 16, 32, 64)
LARGEST_ON_CPU = 32
_QUARTER = 25  # per cent of the images that may be smaller than the proposed size


def proposed_size(found: SourceStats, *, gpu: bool) -> int:
    """Return the largest size, px, that three quarters of the images reach and that this machine can train."""
    if not found.usable:
        return SIZES[0]
    shorter = float(np.percentile(found.short_sides(), _QUARTER))
    if shorter == 28:  # of MNIST and its kin
        return 28
    most = shorter if gpu else min(shorter, LARGEST_ON_CPU)
    return max([size for size in SIZES if size <= most], default=SIZES[0])


def propose(
    name: str, source: dict[str, object], found: SourceStats, size: int, *, unlabelled: bool
) -> tuple[str, Config]:
    """Return the text of `conf/NAME.yaml`, of at most 12 lines, and the whole config that it stands for.

    Args:
        name: the name of the preset.
        source: the section `data.source`.
        found: what is in the source.
        size: the side of the images, px.
        unlabelled: whether labels are to be ignored.
    """
    data: dict[str, object] = {"source": source, "size": size}
    allowed = allowed_share(found)
    if allowed is not None:
        data["bad_share_max"] = allowed
    if unlabelled and found.classes:
        data["classes"] = "none"
    classes = 1 if unlabelled or not found.classes else len(found.classes)
    channels = 3 if found.colour else 1
    raw: dict[str, object] = {"name": name, "data": data}
    filled = fill_in(raw, Found(max(1, round(0.75 * found.images)), classes, channels))
    shown = {key: filled["train"][key] for key in ("total_images", "augmentation")}
    text = (
        "# yaml-language-server: $schema=schema.json\n"
        f"# {found.images:,} images, {_classes_text(classes)}. Keys that are not set here follow from the images: "
        f"metrics/{name}/preset.yaml\n"
        f"name: {name}\n"
        f"data:\n  source: {_flow(source)}\n  size: {size}\n"
        + ("  classes: none\n" if "classes" in data else "")
        + ("" if allowed is None else f"  bad_share_max: {allowed}   # so many of the images may be unusable\n")
        + f"train:\n  total_images: {shown['total_images']}   # real images shown to the discriminator: more is better, up to a point\n"
        f"  augmentation: {shown['augmentation']}\n"
    )
    return text, Config.model_validate(filled)


def allowed_share(found: SourceStats) -> float | None:
    """Return the value that `data.bad_share_max` needs, as ingest would refuse the source; None if the default will do.

    It leaves a quarter of room, since the scan of a large source inspects a part of it.
    """
    default = float(Data.model_fields["bad_share_max"].default)
    if found.unusable_share <= default:
        return None
    return min(math.ceil(100 * 1.25 * found.unusable_share) / 100, 0.99)


def named_source(given: str) -> str:
    """Return the source's path as the preset stores it.

    A path of this machine is relative to the project if it lies in the project.
    """
    if "://" in given or not Path(given).expanduser().exists():
        return given
    path = Path(os.path.abspath(Path(given).expanduser()))  # noqa: PTH100  # resolve() would follow the user's own links
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else str(path)


def _classes_text(classes: int) -> str:
    return "no classes" if classes == 1 else f"{classes} classes"


def _flow(source: dict[str, object]) -> str:
    """Return `source` as one line of YAML; a path may hold any character."""
    plain = yaml.safe_dump(source, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False).strip()
    return plain if "\n" not in plain else json.dumps(source)
