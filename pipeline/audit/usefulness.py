"""Train on synthetic, test on real: classifiers that learn from either, kept from audit to audit."""

from dataclasses import asdict
from typing import Any

import torch

from pipeline.data.canonical import pixel_digests
from pipeline.data.description import describe
from pipeline.evaluation.privacy import Labelled
from pipeline.evaluation.usefulness import TstrResult, usefulness, usefulness_metrics_of
from pipeline.models.hardware import device_name
from pipeline.runs.code import code_digest
from pipeline.runs.command import Command
from pipeline.runs.fingerprint import canonical_digest, run_identity
from pipeline.runs.run import Run

FULL_SEEDS = 5


def usefulness_metrics(
    command: Command, identity: str, synthetic: Labelled, real: Labelled, test: Labelled
) -> dict[str, Any]:
    """Return how well classifiers do that learn from synthetic images, of a dataset of that identity, from real ones and from both."""
    real_identity = describe(command.data).digest
    both = (torch.cat([synthetic[0], real[0]]), torch.cat([synthetic[1], real[1]]))
    return usefulness_metrics_of(
        _taught(command, "synthetic", identity, synthetic, test),
        _taught(command, "real", real_identity, real, test),
        _taught(command, "real and synthetic", f"{real_identity}+{identity}", both, test),
    )


def _taught(command: Command, teacher: str, identity: str, train: Labelled, test: Labelled) -> TstrResult:
    """Return what is got right of the test images after learning from `train`; kept from audit to audit, as minutes go into it."""
    settings = command.config.audit
    budget: dict[str, Any] = {
        "classes": describe(command.data).classes,
        "total_images": settings.total_images,
        "seeds": max(settings.seeds, FULL_SEEDS) if settings.full else settings.seeds,
    }
    identity_of_run = run_identity(
        command.stage,
        {
            "teacher": identity,
            "images": len(train[0]),
            "test": canonical_digest(pixel_digests(test[0].permute(0, 2, 3, 1).numpy())),
            "budget": budget,
            "code": code_digest("pipeline.evaluation.usefulness"),
            "software": {"torch": torch.__version__},
            "device": {"name": device_name(use_gpu=False), "threads": torch.get_num_threads()},
        },
    )

    def learn() -> dict[str, Any]:
        command.say(f"training a classifier on {teacher} images")
        return asdict(usefulness(*train, *test, **budget))

    with Run.open(command.config.root, command.stage, identity_of_run, fresh=command.fresh) as run:
        return TstrResult(**run.cached_json("usefulness.json", learn))
