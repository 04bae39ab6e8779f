"""Summarise for a terminal what a preset has made: how much, how good, which files to open."""

from pipeline.base.metric import MetricValues
from pipeline.evaluation.few import warnings_of_few
from pipeline.report.records import occurring_classes
from pipeline.sampling.manifest import Manifest

HEADLINE = ("fd_domain", "coverage", "diversity_min", "diversity_all", "tstr_accuracy")


def summary(manifest: Manifest, metrics: MetricValues, files: dict[str, str]) -> str:
    """Return several lines of text.

    Args:
        manifest: the dataset's.
        metrics: all metrics of evaluate, audit and accept.
        files: what to open, and what each of them is.
    """
    width = max(map(len, files))
    sections = {
        "Made": [_made(manifest, metrics)],
        "Quality": [*(_labelled_quality(metrics) if manifest.classes else _unlabelled_quality(metrics)),
                    f"{metrics['unique_share']:.2%} unique, {metrics['train_copies']} exact copies of training images, "
                    f"{metrics['near_train_share']:.1%} nearer to a training image than 99 % of held-out images",
                    *(f"warning: {warning}" for warning in warnings_of_few(metrics))],
        "Open": [f"{path:{width}}   {what}" for path, what in files.items()],
    }  # fmt: skip
    return "\n".join(
        f"{'' if number else title:10}{line}" for title, lines in sections.items() for number, line in enumerate(lines)
    )


def headline(metrics: MetricValues) -> MetricValues:
    """Return the few metrics of evaluate and audit for which `dvc metrics show` and `dvc exp show` have room."""
    return {name: metrics[name] for name in HEADLINE if name in metrics}


def _made(manifest: Manifest, metrics: MetricValues) -> str:
    classes = len(occurring_classes(manifest))
    files = sum(len(shard.files) for shard in manifest.shards)
    return (
        f"{manifest.count:,} synthetic images{f' in {classes} classes' if classes else ', no labels'}, {files} files, "
        f"accepted by {len(metrics['gates'])} gates"
    )


def _labelled_quality(metrics: MetricValues) -> list[str]:
    return [
        f"a classifier trained on them gets {metrics['tstr_accuracy']:.1%} of real images right "
        f"(trained on real ones: {metrics['trtr_accuracy']:.1%})",
        f"{_distance(metrics)}, least within-class diversity {metrics['diversity_min']:.2f} of real",
    ]


def _unlabelled_quality(metrics: MetricValues) -> list[str]:
    if "diversity_all" in metrics:
        return [f"{_distance(metrics)}, diversity {metrics['diversity_all']:.2f} of real"]
    return [
        f"a classifier sees the rarest class at {metrics['class_share_min']:.2f} of an equal share "
        f"(baseline of real images {metrics['class_share_min_real']:.2f})",
        f"{_distance(metrics)}, least diversity within a predicted class {metrics['diversity_min']:.2f} of real",
    ]


def _distance(metrics: MetricValues) -> str:
    return f"fd_domain {metrics['fd_domain']:.1f} (baseline of real images {metrics['fd_domain_real']:.1f})"
