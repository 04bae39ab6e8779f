"""What the stages that measure know of real images: how far they are from one another, kept from run to run."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.base.errors import UserError
from pipeline.config.constants import FEWEST
from pipeline.data.canonical import describe, load_split
from pipeline.embedding.embedder import Embedder
from pipeline.evaluation.quality import LabelledFeatures, real_metrics
from pipeline.models.hardware import device_name
from pipeline.runs.code import code_digest
from pipeline.runs.command import Command
from pipeline.runs.fingerprint import run_identity
from pipeline.runs.run import Run


def holdout_of(command: Command, embedder: Embedder) -> LabelledFeatures:
    """Features and labels of the holdout, where it is large enough to measure with."""
    images, labels = load_split(command.data, "holdout")
    if len(images) < FEWEST:
        raise UserError(
            f"{command.data}: {len(images)} images are held out, at least {FEWEST} are needed to measure with. Run ingest again: it says "
            "what to change."
        )
    return embedder.features(images), labels


def some_training_images(command: Command, count: int) -> Tensor:
    """Up to `count` training images, `uint8 [N, C, H, W]`: a random choice, the same each time."""
    images, _ = load_split(command.data, "train")
    return images[np.random.default_rng(command.config.evaluate.seed).permutation(len(images))[:count]]


def real_baseline(
    command: Command, embedder: Embedder, holdout: LabelledFeatures, count: int, *, conditional: bool
) -> dict[str, Any]:
    """What `count` training images (or all) have in the place of as many synthetic ones, each name with `_real`."""
    names = describe(command.data)["classes"]
    stage = "floor"  # shared by the stages that measure
    identity = run_identity(
        stage,
        {
            "data": describe(command.data)["digest"],
            "embedder": embedder.digest,
            "count": count,
            "seed": command.config.evaluate.seed,
            "conditional": conditional,
            "code": code_digest("pipeline.evaluation.quality"),
            "software": {"torch": torch.__version__},
            "device": {"name": device_name(use_gpu=False), "threads": torch.get_num_threads()},
        },
    )

    def measure() -> dict[str, Any]:
        images = some_training_images(command, count)
        figures = real_metrics(embedder, embedder.features(images), holdout, names, conditional=conditional)
        return {**figures, "floor_images": len(images)}

    with Run.open(command.config.root, stage, identity, fresh=command.fresh) as run:
        return run.cached_json("figures.json", measure)
