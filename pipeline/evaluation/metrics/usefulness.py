"""Measure what classifiers learn from records, from real images, and from both."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.base.metric import PERCENT, THREE, Metric, MetricValues, Need, ReportRow
from pipeline.evaluation.measurement import Measurement

if TYPE_CHECKING:
    from pipeline.evaluation.evidence import Evidence
    from pipeline.evaluation.privacy import Labelled
    from pipeline.evaluation.usefulness import TstrResult


FULL_SEEDS = 5
NEEDS = (Need.RECORDS, Need.LABELS, Need.CLASSES)


def _comparison(metrics: Mapping[str, Any]) -> str:
    spread = metrics.get("tstr_accuracy_spread")
    return f"trained on real: {PERCENT.text(metrics['trtr_accuracy'])}" + (
        "" if spread is None else f"; ± {100 * spread:.1f} from seed to seed"
    )


def _measure(evidence: "Evidence") -> MetricValues:
    import torch

    from pipeline.evaluation.usefulness import usefulness_metrics_of

    records = evidence.records
    assert records is not None
    assert records.stats.labels is not None
    synthetic, real = (records.stats.images, records.stats.labels), evidence.train
    both = (torch.cat([synthetic[0], real[0]]), torch.cat([synthetic[1], real[1]]))
    return usefulness_metrics_of(
        _train_classifier(evidence, "synthetic", records.dataset_id, synthetic),
        _train_classifier(evidence, "real", evidence.data_digest, real),
        _train_classifier(evidence, "real and synthetic", f"{evidence.data_digest}+{records.dataset_id}", both),
    )


def _train_classifier(evidence: "Evidence", kind: str, identity: str, images: "Labelled") -> "TstrResult":
    """Return the holdout accuracies of classifiers trained on `images`.

    They take minutes, so they are cached from audit to audit.
    """
    import torch

    from pipeline.data.canonical import pixel_digests
    from pipeline.evaluation.usefulness import TstrResult, usefulness
    from pipeline.models.hardware import device_name
    from pipeline.runs.code import code_digest
    from pipeline.runs.fingerprint import canonical_digest

    assert evidence.records is not None
    settings, test = evidence.records.settings, evidence.holdout
    classes, total_images = list(evidence.names), settings.total_images
    seeds = max(settings.seeds, FULL_SEEDS) if settings.full else settings.seeds
    depends_on = {
        "teacher": identity,
        "images": len(images[0]),
        "test": canonical_digest(pixel_digests(test[0].permute(0, 2, 3, 1).numpy())),
        "budget": {"classes": classes, "total_images": total_images, "seeds": seeds},
        "code": code_digest("pipeline.evaluation.usefulness"),
        "software": {"torch": torch.__version__},
        "device": {"name": device_name(use_gpu=False), "threads": torch.get_num_threads()},
    }

    def tested() -> MetricValues:
        evidence.say(f"training a classifier on {kind} images")
        on_images = evidence.track(f"learning from {kind} images", seeds * total_images, "images")
        learn = partial(usefulness, classes=classes, total_images=total_images, seeds=seeds, on_images=on_images)
        return asdict(learn(images, test))

    return TstrResult(**evidence.cached("usefulness.json", depends_on, tested))


MEASUREMENT = Measurement(
    rank=10,
    metrics=(
        Metric(
            name="tstr_accuracy",
            also=("trtr_accuracy",),
            definition="share of the holdout images that a classifier trained on records, or on real images, gets "
            "right (Esteban et al. 2017)",
            best="`trtr_accuracy`",
            better="higher",
            form=PERCENT,
            needs=NEEDS,
            real="trtr_accuracy",
            of_all_classes=True,
            row=ReportRow(group="Usefulness", label="Trained on synthetic, tested on real", comparison=_comparison),
        ),
        Metric(
            name="tstr_ratio",
            definition="`tstr_accuracy` divided by `trtr_accuracy`",
            best="1",
            better="higher",
            form=THREE,
            needs=NEEDS,
            of_all_classes=True,
        ),
        Metric(
            name="augmented_accuracy",
            definition="share that a classifier trained on real training images and records together gets right. It "
            "shows whether records add to real images.",
            best="`trtr_accuracy`",
            better="higher",
            form=PERCENT,
            needs=NEEDS,
            real="trtr_accuracy",
            row=ReportRow(
                group="Usefulness", label="Trained on synthetic and real, tested on real", real="trained on real"
            ),
        ),
        Metric(
            name="tstr_class_min",
            also=("tstr_by_class", "trtr_by_class"),
            definition="share of each class's holdout images that a classifier trained on records gets right; the "
            "least of them",
            best="the least of `trtr_by_class`",
            better="higher",
            form=PERCENT,
            needs=NEEDS,
            of_all_classes=True,
            row=ReportRow(
                group="Usefulness", label="Trained on synthetic, tested on real: the class that is learned worst"
            ),
        ),
    ),
    measure=_measure,
)
