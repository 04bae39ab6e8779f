"""Write what an audit has for people: the report, the card, the Croissant file, the summary."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.base.metric import MetricValues
from pipeline.evaluation.gates import apply_gates
from pipeline.evaluation.privacy import Labelled
from pipeline.report.card import write_card
from pipeline.report.croissant import write_croissant
from pipeline.report.page import COLUMNS, ReportImages, write_report
from pipeline.report.source import SourceFindings
from pipeline.report.summary import headline
from pipeline.runs.command import Command
from pipeline.runs.usage import TIME, usage_of
from pipeline.sampling.manifest import Manifest
from pipeline.store.files import write_json
from pipeline.store.local import LocalFolder

VERSION = "1.0.0"
UNLABELLED_SHOWN = 5 * COLUMNS

Nearest = tuple[torch.Tensor, torch.Tensor]  # records and the training images nearest to them, each uint8 [N, C, H, W]


@dataclass(frozen=True)
class Shown:
    """Hold the images that the report shows, and what it says of their source."""

    images: torch.Tensor  # of records, uint8 [N, C, H, W]
    labels: torch.Tensor | None  # int64 [N]
    holdout: Labelled  # real images
    nearest: Nearest
    source: SourceFindings


def write_all(command: Command, manifest: Manifest, metrics: MetricValues, shown: Shown) -> None:
    """Write next to the shards what people read, and the few metrics that DVC shows."""
    config, classes = command.config, manifest.classes
    training, interpolation = command.metrics / "training.csv", command.model / "samples" / "interpolation.png"
    records, originals = shown.nearest
    write_report(
        command.out / "report" / "index.html",
        manifest=manifest,
        metrics=metrics,
        verdicts=apply_gates(config.gates, metrics),
        pictures=ReportImages(
            fake=_shown(shown.images, shown.labels, classes),
            real=_shown(shown.holdout[0], shown.holdout[1] if classes else None, classes),
            nearest=(_for_people(records), _for_people(originals)),
            interpolation=interpolation.read_bytes() if interpolation.is_file() else b"",
            training=training.read_text(encoding="utf-8") if training.is_file() else "",
            source=shown.source,
        ),
        usage={stage: usage_of(LocalFolder(command.metrics), f"{stage}_{TIME}") for stage in ("train", "sample")},
        prices=config.audit.prices,
    )
    write_croissant(command.out / "croissant.json", manifest, VERSION, datetime.now(UTC).date().isoformat())
    write_card(command.out / "README.md", manifest, metrics)
    write_json(command.metrics / "summary.json", headline(metrics))


def _shown(images: torch.Tensor, labels: torch.Tensor | None, classes: list[str]) -> dict[str, NDArray[np.uint8]]:
    """Return images for people, `uint8 [N, H, W, C]` by caption.

    They are the first of each class that occurs, or of all where there are no labels.
    """
    if labels is None:
        chosen = {"The first images": images[:UNLABELLED_SHOWN]}
    else:
        rows = {name: torch.nonzero(labels == label).flatten()[:COLUMNS] for label, name in enumerate(classes)}
        chosen = {name: images[first] for name, first in rows.items() if len(first)}
    return {caption: _for_people(part) for caption, part in chosen.items()}


def _for_people(images: torch.Tensor) -> NDArray[np.uint8]:
    return images.permute(0, 2, 3, 1).numpy()
