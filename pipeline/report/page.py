"""The report: one HTML page that needs no network."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.pictures import image_grid
from pipeline.data.png import encode_png
from pipeline.evaluation.gates import Verdict
from pipeline.report.curves import curves_svg
from pipeline.report.records import about_records
from pipeline.report.templates import render
from pipeline.storage import write_atomically

COLUMNS = 12


def write_report(
    path: Path,
    *,
    manifest: dict[str, Any],
    metrics: dict[str, Any],
    verdicts: list[Verdict],
    fake: dict[str, NDArray[np.uint8]],
    real: dict[str, NDArray[np.uint8]],
    nearest: tuple[NDArray[np.uint8], NDArray[np.uint8]],
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
        nearest: the synthetic images that come nearest to a training image, and those, `uint8 [N, H, W, C]` each.
        training: content of `training.csv`; empty when it is not at hand.
    """
    shown = [(name, images) for name, images in fake.items() if name in real]
    sheets = [{"name": name, "fake": _data_url(images), "real": _data_url(real[name])} for name, images in shown]
    curves = curves_svg(training) if training else ""
    page = render(
        "page.html.j2",
        manifest=manifest,
        metrics=metrics,
        verdicts=verdicts,
        sheets=sheets,
        nearest=[_data_url(images) for images in nearest],
        curves=curves,
        **about_records(manifest),
    )
    write_atomically(path, page.encode())


def _data_url(images: NDArray[np.uint8]) -> str:
    grid = image_grid(images, min(len(images), COLUMNS))
    return "data:image/png;base64," + base64.b64encode(encode_png(grid)).decode()
