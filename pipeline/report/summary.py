"""What a preset has made, for a terminal: how much, how good, which files to open."""

from pipeline.base.metric import MetricValues
from pipeline.evaluation.few import warnings_of_few
from pipeline.report.records import occurring_classes
from pipeline.sampling.manifest import Manifest

HEADLINE = ("fd_domain", "coverage", "diversity_min", "diversity_all", "tstr_accuracy")


def summary(manifest: Manifest, figures: MetricValues, files: dict[str, str]) -> str:
    """Some lines of text.

    Args:
        manifest: the dataset's.
        figures: all of evaluate, audit and accept.
        files: what to open, and what each of them is.
    """
    width = max(map(len, files))
    sections = {
        "Made": [_made(manifest, figures)],
        "Quality": [*(_labelled_quality(figures) if manifest.classes else _unlabelled_quality(figures)),
                    f"{figures['unique_share']:.2%} unique, {figures['train_copies']} exact copies of training images, "
                    f"{figures['near_train_share']:.1%} nearer to one than 99 % of held-out images are",
                    *(f"warning: {warning}" for warning in warnings_of_few(figures))],
        "Open": [f"{path:{width}}   {what}" for path, what in files.items()],
    }  # fmt: skip
    return "\n".join(
        f"{'' if number else title:10}{line}" for title, lines in sections.items() for number, line in enumerate(lines)
    )


def headline(figures: MetricValues) -> MetricValues:
    """Return the few figures that `dvc metrics show` and `dvc exp show` have room for, of those of evaluate and audit."""
    return {name: figures[name] for name in HEADLINE if name in figures}


def _made(manifest: Manifest, figures: MetricValues) -> str:
    classes = len(occurring_classes(manifest))
    files = sum(len(shard.files) for shard in manifest.shards)
    return (
        f"{manifest.count:,} synthetic images{f' in {classes} classes' if classes else ', no labels'}, {files} files, "
        f"accepted by {len(figures['gates'])} gates"
    )


def _labelled_quality(figures: MetricValues) -> list[str]:
    return [
        f"a classifier trained on them gets {figures['tstr_accuracy']:.1%} of real images right "
        f"(trained on real ones: {figures['trtr_accuracy']:.1%})",
        f"{_distance(figures)}, least within-class diversity {figures['diversity_min']:.2f} of real",
    ]


def _unlabelled_quality(figures: MetricValues) -> list[str]:
    if "diversity_all" in figures:
        return [f"{_distance(figures)}, diversity {figures['diversity_all']:.2f} of real"]
    return [
        f"a classifier sees the rarest class at {figures['class_share_min']:.2f} of an equal share "
        f"(among real images: {figures['class_share_min_real']:.2f})",
        f"{_distance(figures)}, least diversity within a predicted class {figures['diversity_min']:.2f} of real",
    ]


def _distance(figures: MetricValues) -> str:
    return f"fd_domain {figures['fd_domain']:.1f} (real against real {figures['fd_domain_real']:.1f})"
