"""Measure the baseline of real images: how far they are from one another, cached from run to run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from pipeline.base.errors import UserError
from pipeline.base.metric import MetricValues
from pipeline.config.constants import FEWEST
from pipeline.data.canonical import load_split
from pipeline.evaluation.evidence import Evidence
from pipeline.evaluation.measure import CODE_OF_REAL, metrics_of, metrics_of_real
from pipeline.evaluation.privacy import Labelled
from pipeline.models.hardware import device_name
from pipeline.runs.code import code_digest
from pipeline.runs.fingerprint import run_identity
from pipeline.runs.run import Run

BASELINE = "floor"  # the name of the runs that the stages that measure share


@dataclass(frozen=True)
class ResultCache:
    """Cache results that take minutes, each in a run below `root` that is named by all that the result depends on."""

    root: str
    fresh: bool  # compute anew

    def get(
        self, stage: str, name: str, depends_on: dict[str, object], compute: Callable[[], MetricValues]
    ) -> MetricValues:
        """Return what the file `name` of the stage's run has, or compute it."""
        with Run.open(self.root, stage, run_identity(stage, depends_on), fresh=self.fresh) as run:
            return run.cached_json(name, compute)


def holdout_of(data: Path) -> Labelled:
    """Return images and labels of a dataset's holdout, where it is large enough to measure with."""
    images, labels = load_split(data, "holdout")
    if len(images) < FEWEST:
        raise UserError(
            f"{data}: {len(images)} images are held out, at least {FEWEST} are needed to measure with. Run ingest again: it says "
            "what to change."
        )
    return images, labels


def metrics_with_real_baseline(evidence: Evidence, cache: ResultCache) -> MetricValues:
    """Measure all that the evidence allows, with the baseline of real images, and say of how many images it is."""
    return {
        **metrics_of(evidence, _real_baseline(evidence, cache)),
        "images": len(evidence.fake),
        "real_images": len(evidence.holdout[1]),
    }


def _real_baseline(evidence: Evidence, cache: ResultCache) -> MetricValues:
    """Return what training images score in the place of the synthetic ones, each name with `_real`.

    There are as many of them as of synthetic images, or all training images.
    """
    depends_on = {
        "data": evidence.data_digest,
        "embedder": evidence.embedder.digest,
        "count": len(evidence.fake),
        "seed": evidence.seed,
        "conditional": evidence.requested is not None,
        "code": code_digest(*CODE_OF_REAL),
        "software": {"torch": torch.__version__},
        "device": {"name": device_name(use_gpu=False), "threads": torch.get_num_threads()},
    }

    def measure() -> MetricValues:
        return {**metrics_of_real(evidence), "floor_images": len(evidence.stand_ins)}

    return cache.get(BASELINE, "figures.json", depends_on, measure)
