"""The report: one HTML page that needs no network."""

import base64
import csv
import io
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.data.images import encode_png
from pipeline.data.pictures import image_grid
from pipeline.evaluation.gates import Verdict
from pipeline.report.templates import render
from pipeline.storage import write_atomically

COLUMNS = 12
# By column of training.csv. Labels can be confirmed only where they were asked for, and the rarest class is looked for
# where they were not.
CURVES = {
    "validation_fd_domain": "distance to validation (fd_domain)",
    "validation_label_accuracy": "labels confirmed",
    "validation_class_share_min": "share of the rarest class, predicted",
    "validation_diversity_min": "least within-class diversity",
}


def write_report(
    path: Path,
    *,
    manifest: dict[str, Any],
    metrics: dict[str, Any],
    verdicts: list[Verdict],
    fake: dict[str, NDArray[np.uint8]],
    real: dict[str, NDArray[np.uint8]],
    training: str,
) -> None:
    """Writes the page.

    Args:
        path: where to.
        manifest: the dataset's.
        metrics: all figures of evaluate and audit.
        verdicts: the gates, applied.
        fake: by caption (the class's name, where there are labels), synthetic images `uint8 [N, H, W, C]`.
        real: by the same captions, real holdout images of the same shape.
        training: content of `training.csv`; empty when it is not at hand.
    """
    sheets = [{"name": name, "fake": _data_url(images), "real": _data_url(real[name])} for name, images in fake.items()]
    curves = _curves(training) if training else ""
    page = render("page.html.j2", manifest=manifest, metrics=metrics, verdicts=verdicts, sheets=sheets, curves=curves)
    write_atomically(path, page.encode())


def _data_url(images: NDArray[np.uint8]) -> str:
    grid = image_grid(images, min(len(images), COLUMNS))
    return "data:image/png;base64," + base64.b64encode(encode_png(grid)).decode()


def _curves(training: str) -> str:
    """An SVG of how the validation figures went over training, those that were measured."""
    rows = list(csv.DictReader(io.StringIO(training)))
    seen = [float(row["images_seen"]) / 1000 for row in rows]
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    FigureCanvasSVG(figure)
    titles = {column: title for column, title in CURVES.items() if column in rows[0]}
    panels = figure.subplots(1, len(titles), squeeze=False)[0]
    for axes, (column, title) in zip(panels, titles.items(), strict=True):
        axes.plot(seen, [float(row[column]) for row in rows], marker="o", markersize=3, color="#3b6ea8")
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("thousand images seen", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    axes_with_distance = figure.axes[0]
    axes_with_distance.set_ylim(bottom=0)
    drawn = io.StringIO()
    # No date in the file: the same figures give the same page.
    with matplotlib.rc_context({"svg.hashsalt": "imagemint"}):  # else the ids in it are random
        figure.savefig(drawn, format="svg", metadata={"Date": None}, transparent=True)
    svg = drawn.getvalue()
    return svg[svg.index("<svg") :]
