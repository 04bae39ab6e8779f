"""Run `imagemint init NAME SOURCE`: inspect the source, say what is in it, and write `conf/NAME.yaml`."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError

from pipeline.base.cpu import usable_cpus
from pipeline.base.errors import UserError
from pipeline.base.pace import on_clock
from pipeline.config.config import Config
from pipeline.config.load import ACTIVE, CONF
from pipeline.config.schema import Data
from pipeline.data.enough import SIZES
from pipeline.data.sources import list_source
from pipeline.data.sources.kinds import KINDS
from pipeline.data.sources.known import KNOWN_DATASETS
from pipeline.data.sources.location import fetch
from pipeline.presets.concerns import concerns
from pipeline.presets.effort import Effort, effort
from pipeline.presets.proposal import allowed_share, named_source, propose, proposed_size
from pipeline.presets.source_scan import SourceStats, scan_source
from pipeline.store.files import free_space, size_text, write_atomically

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
RESERVED = (ACTIVE.stem, "schema")
_SHOWN = 12  # classes, and reasons
_INSPECTED_PX = 64
_DOWNLOADS = Path("runs") / "downloads"


def require_new_name(name: str) -> Path:
    """Return the path of the new preset; refuse a name that is taken or not allowed."""
    path = CONF / f"{name}.yaml"
    if name in RESERVED:
        raise UserError(f"{name!r}: conf/{name} is a file of the project's own; choose another name for the preset.")
    if not NAME.fullmatch(name):
        raise UserError(
            f"{name!r}: not a valid name for a preset; use lower-case letters, digits and hyphens, as in flowers-64."
        )
    if not CONF.is_dir():
        raise UserError(f"No folder {CONF}/ in {Path.cwd()}: run this in the project's top folder.")
    if path.exists():
        raise UserError(f"{path} exists already and is not overwritten. Choose another name, or remove it first.")
    return path


def init(
    name: str,
    given: str,
    *,
    size: int | None,
    unlabelled: bool,
    agreed: Callable[[], bool],
    say: Callable[[str], None],
) -> None:
    """Inspect a source and write a preset for it.

    Args:
        name: the name of the preset.
        given: the source: a path, an address or a known dataset's name.
        size: the side of the images, px; None: what fits the images.
        unlabelled: whether labels are to be ignored.
        agreed: asks the user whether to write.
        say: receives the report, line by line.
    """
    path = require_new_name(name)
    if not given.strip():
        raise UserError("SOURCE is empty: give a folder, a file, an address or the name of a known dataset.")
    inspected = _INSPECTED_PX if size is None else size
    if inspected not in SIZES:  # told of before anything is fetched
        *others, largest = map(str, SIZES)
        raise UserError(f"--size {size}: {', '.join(others)} or {largest} px are allowed.")
    source = _section(given, say)
    data = _data(source, inspected)
    kind, listing = list_source(data, _DOWNLOADS, say)
    say(f"kind       {kind}: {given}")
    found = scan_source(kind, listing, data)
    if not found.usable:
        reasons = ", ".join(found.unusable) or "it is empty"
        raise UserError(
            f"{given}: not one image can be used: {reasons}. Give the folder or file that holds the images."
        )
    chosen = size if size is not None else proposed_size(found, gpu=torch.cuda.is_available())
    text, config = propose(name, source, found, chosen, unlabelled=unlabelled)
    for line in _found(found):
        say(line)
    say("           measuring some steps of training…")
    classes = len(found.classes) if found.classes and not unlabelled else 1
    cpus = usable_cpus()
    per_image = found.prepare_s / found.inspected
    per_png = found.png_bytes / found.usable * (chosen / data.size) ** 2
    for line in _proposal(config, effort(config, found.images, classes, per_image, per_png, cpus)):
        say(line)
    for line in concerns(found, chosen):
        say(f"warning    {line}")
    if not agreed():
        say(f"{path} was not written.")
        return
    write_atomically(path, text.encode())
    say(f"{path} is written. Next: make repro PRESET={name}")


def _section(given: str, say: Callable[[str], None]) -> dict[str, object]:
    """Return the section `data.source`, as short as it can be."""
    if given == "digits":
        return {"kind": "digits"}
    if given in KNOWN_DATASETS and not Path(given).exists():
        return {"kind": "known", "path": given}
    if given.startswith("https://"):
        sha256 = fetch(given, _DOWNLOADS, say)
        say(f"sha256     {sha256}: the preset accepts this content only")
        return {"path": given, "sha256": sha256}
    return {"path": named_source(given)}


def _data(source: dict[str, object], size: int) -> Data:
    try:
        return Data.model_validate({"source": source, "size": size})
    except ValidationError as error:
        first = error.errors()[0]
        allowed = ", ".join(kind.name for kind in KINDS)
        raise UserError(
            f"SOURCE {source.get('path')}: {first['msg'].removeprefix('Value error, ')}. Write the preset by hand "
            f"instead; the kinds are {allowed}."
        ) from None


def _found(found: SourceStats) -> Iterator[str]:
    bound = "" if found.whole else "at least "
    yield f"images     {bound}{found.images:,}; {found.inspected:,} of them inspected" + (
        f"; {found.texts:,} with a caption" if found.texts else ""
    )
    if found.classes:
        counts = [f"{name} {count:,}" for name, count in found.classes.most_common(_SHOWN)]
        more = len(found.classes) - len(counts)
        rest = (
            f" and {more} more"
            if more > 0
            else "; one class means that all images form one group"
            if len(counts) == 1
            else ""
        )
        yield f"classes    {len(found.classes)}: {', '.join(counts)}{rest}"
    else:
        yield "classes    none: all images form one group"
    if len(found.listing.splits) > 1:
        yield f"splits     of its own: {', '.join(found.listing.splits)}"
    widths, heights = (np.array([size[side] for size in found.sizes]) for side in (0, 1))
    different = len(set(found.sizes))
    yield (
        f"sizes      all {widths[0]}x{heights[0]} px"
        if different == 1
        else f"sizes      {different:,} different, {widths.min()}x{heights.min()} to {widths.max()}x{heights.max()} px, "
        f"median {int(np.median(widths))}x{int(np.median(heights))}"
    )
    modes = ", ".join(f"{mode} {count / found.usable:.0%}" for mode, count in found.modes.most_common())
    yield f"modes      {modes}; {'in colour' if found.colour else 'all grey'}"
    reasons = Counter(reason for _, reason in found.listing.left_out)
    first = {reason: name for name, reason in reversed(found.listing.left_out)} | found.first_unusable
    for reason, count in (reasons + found.unusable).most_common(_SHOWN):
        yield f"left out   {count:,} {reason} (the first: {first[reason]})"
    if (allowed := allowed_share(found)) is not None:
        yield (
            f"unusable   {found.unusable_share:.1%} of the inspected images. By default ingest refuses such a source, so the preset "
            f"allows {allowed:.0%} (data.bad_share_max)"
        )


def _proposal(config: Config, takes: Effort) -> Iterator[str]:
    model, train = config.model, config.train
    yield (
        f"proposal   {config.data.size} px, {'grey' if model.channels == 1 else 'colour'}, {model.architecture} of {model.resolution} px, "
        f"{train.total_images:,} images to train on, augmentation {train.augmentation}, {config.sample.count:,} images "
        "to generate"
    )
    yield (
        f"time       ingest {on_clock(takes.ingest_s)}, training {on_clock(takes.train_s)} here "
        f"({takes.images_per_s:,.0f} images/s measured just now, with everything else that runs on this machine); "
        "embedding, sampling and audit come on top"
    )
    yield f"disk       about {size_text(takes.disk)} in all, {size_text(free_space(Path()))} free here"
