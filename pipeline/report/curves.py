"""Plot curves of a training run: how its metrics went from evaluation to evaluation."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.config.metrics import in_training
from pipeline.store.files import write_atomically

Rows = Sequence[dict[str, str]]

# A panel each, by column of training.csv; which columns a run has depends on whether its data has classes and labels.
QUALITY = {name: view.chart for name, _, view in in_training() if view.in_report}
GAME = {
    "discriminator_loss": "discriminator's loss",
    "generator_loss": "generator's loss",
    "discriminator_accuracy": "pairs that the discriminator tells apart",
    **{name: view.chart for name, _, view in in_training() if not view.in_report},
    "validation_nearest_ratio": "distance to training images (held-out images: 1)",
}


def curves_svg(training: str) -> str:
    """Return a plot of the metrics of quality as an `<svg>` element; `training` is the content of training.csv."""
    figure = _panels(_rows(training), QUALITY, columns=len(QUALITY), size=(9, 2.8))
    drawn = io.StringIO()
    # No date in the file: the same figures give the same page.
    with matplotlib.rc_context({"svg.hashsalt": "imagemint"}):  # else the ids in it are random
        figure.savefig(drawn, format="svg", metadata={"Date": None}, transparent=True)
    svg = drawn.getvalue()
    return svg[svg.index("<svg") :]


def curves_png(training: str) -> bytes:
    """Return a plot of all numbers, of quality and of the two networks' game, as a PNG."""
    figure = _panels(_rows(training), QUALITY | GAME, columns=3, size=(12, 9))
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100, metadata={"Software": None})
    return drawn.getvalue()


def write_curves(training: Path, picture: Path) -> None:
    """Plot all metrics of the file training.csv into a PNG."""
    write_atomically(picture, curves_png(training.read_text(encoding="utf-8")))


def _rows(training: str) -> Rows:
    return list(csv.DictReader(io.StringIO(training)))


def _panels(rows: Rows, titles: dict[str, str], *, columns: int, size: tuple[float, float]) -> Figure:
    measured = {column: title for column, title in titles.items() if column in rows[0]}
    columns = min(columns, len(measured))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(-(-len(measured) // columns), columns, squeeze=False).flat
    for (column, title), axes in zip(measured.items(), panels, strict=False):
        axes.plot(*_points(rows, column), marker="o", markersize=3, color="#3b6ea8")
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("thousand images seen", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        if column == "validation_fd_domain":
            axes.set_ylim(bottom=0)
    for axes in list(panels):  # those that are left over
        axes.set_axis_off()
    return figure


def _points(rows: Rows, column: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return thousands of images and values; a metric that was not finite leaves a gap."""
    values = [float(row[column]) if row[column] else np.nan for row in rows]
    return np.array([float(row["images_seen"]) / 1000 for row in rows]), np.array(values)
