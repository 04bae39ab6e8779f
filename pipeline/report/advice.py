"""Advise what a dataset is good for and what not, from its metrics alone."""

from pipeline.base.metric import PERCENT, MetricValues
from pipeline.evaluation.few import warnings_of_few
from pipeline.evaluation.gates import Verdict

GAIN = 0.002  # of accuracy: less is within what changes from seed to seed
NEAR = 0.02  # twice the share that held-out images have by definition
SURE = 0.55  # area under the ROC curve
LEARNED = 0.5  # of what a classifier learns from real images, by how much it is better than guessing


def advice(metrics: MetricValues, verdicts: list[Verdict], source: str) -> tuple[list[str], list[str]]:
    """Return sentences that say what the dataset can be used for, and sentences that say what not."""
    use, avoid = [], []
    if any(not verdict.met for verdict in verdicts):
        avoid.append("Any purpose, before you know why it missed a gate.")
    avoid += [f"Conclusions from its metrics: {warning}." for warning in warnings_of_few(metrics)]
    if "tstr_accuracy" in metrics:
        learned = (
            f"A classifier trained on these images alone gets {PERCENT.text(metrics['tstr_accuracy'])} of real images "
            f"right; one trained on real images gets {PERCENT.text(metrics['trtr_accuracy'])}"
        )
        if _is_better_than_guessing(metrics):
            use.append(f"Training a classifier where the real images cannot be shared. {learned}.")
        else:
            avoid.append(f"Training a classifier. {learned}, and guessing {PERCENT.text(_guessing(metrics))}.")
        gain = metrics["augmented_accuracy"] - metrics["trtr_accuracy"]
        added = f"together {PERCENT.text(metrics['augmented_accuracy'])}, real images alone {PERCENT.text(metrics['trtr_accuracy'])}"
        if gain > GAIN:
            use.append(f"Adding to real images: {added}.")
        else:
            avoid.append(f"Adding to real images: it did not help a classifier here ({added}).")
    else:
        use.append("Learning without labels, and testing programs that read images.")
    use.append(
        "Testing storage, loading and training at scale: files have digests, and every record can be generated again "
        "alone."
    )
    avoid.append(
        f"Measuring how good a model is: use real images for that. These images have the biases of {source}, and some "
        "of their own."
    )
    if metrics["held_out_copies"]:
        avoid.append(
            f"Training a model that is then tested on the real holdout images: {metrics['held_out_copies']} records "
            "are copies of held-out images."
        )
    if metrics["train_copies"] or metrics["near_train_share"] > NEAR or _attack(metrics) > SURE:
        avoid.append(
            f"Keeping the real images secret: {metrics['train_copies']} records are copies of training images, "
            f"{PERCENT.text(metrics['near_train_share'])} lie as near to a training image as the nearest 1 % of "
            "held-out images."
        )
    else:
        avoid.append(
            "A guarantee of privacy: the audit searched for copies and near copies and tried attacks, but that proves "
            "nothing."
        )
    return use, avoid


def _guessing(metrics: MetricValues) -> float:
    return 1 / len(metrics["tstr_by_class"])


def _is_better_than_guessing(metrics: MetricValues) -> bool:
    synthetic, real = (metrics[name] - _guessing(metrics) for name in ("tstr_accuracy", "trtr_accuracy"))
    return bool(synthetic >= LEARNED * real and synthetic > 0)


def _attack(metrics: MetricValues) -> float:
    """Return how well the best attack tells training images from others.

    The attacks need no more than the dataset, or than the generator.
    """
    return max(float(metrics[name]) for name in ("membership_auc", "membership_inversion_auc") if name in metrics)
