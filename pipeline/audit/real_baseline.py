"""What the stages that measure know of real images: how far they are from one another, kept from run to run."""

from collections.abc import Callable

import torch

from pipeline.base.errors import UserError
from pipeline.base.metric import MetricValues
from pipeline.config.constants import FEWEST
from pipeline.data.canonical import load_split
from pipeline.data.description import describe
from pipeline.evaluation.evidence import Evidence
from pipeline.evaluation.measure import CODE_OF_REAL, metrics_of, metrics_of_real
from pipeline.evaluation.privacy import Labelled
from pipeline.models.hardware import device_name
from pipeline.runs.code import code_digest
from pipeline.runs.command import Command
from pipeline.runs.fingerprint import run_identity
from pipeline.runs.run import Run

FLOOR = "floor"  # the run that the stages that measure share


def holdout_of(command: Command) -> Labelled:
    """Images and labels of the holdout, where it is large enough to measure with."""
    images, labels = load_split(command.data, "holdout")
    if len(images) < FEWEST:
        raise UserError(
            f"{command.data}: {len(images)} images are held out, at least {FEWEST} are needed to measure with. Run ingest again: it says "
            "what to change."
        )
    return images, labels


def metrics_beside_real(command: Command, evidence: Evidence) -> MetricValues:
    """Measure all that the evidence allows, beside the same of real images, and say of how many images it is."""
    return {
        **metrics_of(evidence, _real_baseline(command, evidence)),
        "images": len(evidence.fake),
        "real_images": len(evidence.holdout[1]),
    }


def kept_by(
    command: Command, stage: str
) -> Callable[[str, dict[str, object], Callable[[], MetricValues]], MetricValues]:
    """Return what keeps a result in a run of a stage that is named by all that the result depends on."""

    def kept(name: str, depends_on: dict[str, object], compute: Callable[[], MetricValues]) -> MetricValues:
        identity = run_identity(stage, depends_on)
        with Run.open(command.config.root, stage, identity, fresh=command.fresh) as run:
            return run.cached_json(name, compute)

    return kept


def _real_baseline(command: Command, evidence: Evidence) -> MetricValues:
    """What as many training images (or all) have in the place of the synthetic ones, each name with `_real`."""
    depends_on = {
        "data": describe(command.data).digest,
        "embedder": evidence.embedder.digest,
        "count": len(evidence.fake),
        "seed": evidence.seed,
        "conditional": evidence.asked is not None,
        "code": code_digest(*CODE_OF_REAL),
        "software": {"torch": torch.__version__},
        "device": {"name": device_name(use_gpu=False), "threads": torch.get_num_threads()},
    }
    return kept_by(command, FLOOR)(
        "figures.json", depends_on, lambda: {**metrics_of_real(evidence), "floor_images": len(evidence.stand_ins)}
    )
