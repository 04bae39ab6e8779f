"""Write a line for each checkpoint (how far, how fast, how long still, how good) and for each thing that goes wrong."""

from pipeline.base.pace import in_words
from pipeline.config.metrics import in_training
from pipeline.training.diagnostics import Finding
from pipeline.training.history import EvaluationRow
from pipeline.training.trainer import Evaluation


def progress_line(evaluation: Evaluation, total_images: int, seconds_left: float | None) -> str:
    """Return for example "50,000 of 600,000 images (8%) | 1,200 images/s | about 8 min left | …"."""
    row, rate = evaluation.row, evaluation.images_per_s
    seen = row.images_seen
    left = f" | {in_words(seconds_left)} left" if seconds_left else ""
    return (
        f"{seen:,} of {total_images:,} images ({seen / total_images:.0%}) | {rate:,.0f} images/s{left} | "
        f"{losses_in(row)} | validation: {metrics_in(row)}"
    )


def losses_in(row: EvaluationRow) -> str:
    """Return for example "D 0.693 G 1.250"."""
    return f"D {row.discriminator_loss:.3f} G {row.generator_loss:.3f}"


def metrics_in(row: EvaluationRow) -> str:
    """Return for example "fd_domain 123.5, labels right 98.7 %"."""
    return ", ".join(
        f"{view.words} {metric.form.text(row.validation[name])}"
        for name, metric, view in in_training()
        if name in row.validation
    )


def finding_line(finding: Finding) -> str:
    """Return for example "collapse after 50,000 images: …; going on"."""
    done = {"warn": "going on", "rollback": "going back to the best evaluation", "stop": "stopping"}[finding.action]
    return f"{finding.diagnostic} after {finding.images_seen:,} images: {finding.message}; {done}"
