"""Write the report: one HTML page that needs no network."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from pipeline.base.metric import MetricValues
from pipeline.config.schema import Prices
from pipeline.evaluation.few import measured_on, warnings_of_few
from pipeline.evaluation.gates import Verdict
from pipeline.images.grid import image_grid
from pipeline.images.png import encode_png
from pipeline.report.advice import advice
from pipeline.report.card import has_parquet, tar_reader
from pipeline.report.metric_rows import metric_groups
from pipeline.report.records import record_facts
from pipeline.report.source import SourceFindings
from pipeline.report.templates import data_url, render
from pipeline.report.work import work_lines
from pipeline.runs.usage import ResourceUsage
from pipeline.sampling.manifest import Manifest
from pipeline.store.files import write_atomically

COLUMNS = 12
BANNER_COLUMNS = 20
BANNER_EACH = 4  # images of each kind in the banner at the top
HEADLINE = {
    "tstr_accuracy": "of real images right, for a classifier trained on synthetic ones",
    "class_share_min": "of an equal share, for the rarest class",
    "fd_domain": "distance to real images",
    "diversity_all": "of the variety of real images",
    "coverage": "of real images have a synthetic neighbour",
    "near_train_share": "lie very near to a training image",
}

Images = NDArray[np.uint8]  # [N, H, W, C]


@dataclass(frozen=True)
class ReportImages:
    """Hold what the page shows besides metrics.

    `fake` holds synthetic images by caption (the class's name, where there are labels), `real` real holdout images by
    the same captions. `nearest` holds the synthetic images that come nearest to a training image, and those.

    `interpolation` is a PNG of images on the way from one latent to another. It is empty where it is not available,
    like `training`, the content of `training.csv`. `source` is what was found in the source of the real images, with
    its images.
    """

    fake: dict[str, Images]
    real: dict[str, Images]
    nearest: tuple[Images, Images]
    interpolation: bytes = b""
    training: str = ""
    source: SourceFindings | None = None


def write_report(
    path: Path,
    *,
    manifest: Manifest,
    metrics: MetricValues,
    verdicts: list[Verdict],
    pictures: ReportImages,
    usage: dict[str, ResourceUsage],
    prices: Prices,
) -> None:
    """Write the page.

    Args:
        path: where to.
        manifest: the dataset's.
        metrics: all metrics of evaluate and audit.
        verdicts: the gates, applied.
        pictures: the images that it shows.
        usage: what each stage took, sampling last.
        prices: of core-hours and GPU-hours.
    """
    from pipeline.report.curves import curves_svg  # with it matplotlib, which an audit is spared while its workers run

    shown = [(name, images) for name, images in pictures.fake.items() if name in pictures.real]
    groups = metric_groups(metrics)
    use, avoid = advice(metrics, verdicts, manifest.source.name)
    page = render(
        "page.html.j2",
        manifest=manifest,
        metrics=metrics,
        verdicts=verdicts,
        groups=groups,
        measured_on=measured_on(metrics),
        warnings=warnings_of_few(metrics),
        headline=HEADLINE,
        shown={row.key: row for rows in groups.values() for row in rows},
        use=use,
        avoid=avoid,
        banner=_banner([images for _, images in shown]),
        sheets=[{"name": name, "fake": _grid(images), "real": _grid(pictures.real[name])} for name, images in shown],
        nearest=[_grid(images) for images in pictures.nearest],
        interpolation=data_url(pictures.interpolation) if pictures.interpolation else "",
        curves=curves_svg(pictures.training) if pictures.training else "",
        source=pictures.source,
        work=work_lines(usage, prices),
        config=yaml.safe_dump(manifest.config.root, sort_keys=False, allow_unicode=True),
        parquet=has_parquet(manifest),
        read_tars=tar_reader(manifest, "PATH/TO/THE/DATASET"),
        **record_facts(manifest),
    )
    write_atomically(path, page.encode())


def _banner(kinds: list[Images]) -> str:
    """Return a data URL of a banner that holds images of each kind, interleaved."""
    each = BANNER_EACH if len(kinds) > 1 else 2 * BANNER_COLUMNS
    first = [images[:each] for images in kinds]
    rows = [image for place in range(each) for images in first for image in images[place : place + 1]]
    return data_url(encode_png(image_grid(np.stack(rows), min(len(rows), BANNER_COLUMNS))))


def _grid(images: Images) -> str:
    return data_url(encode_png(image_grid(images, min(len(images), COLUMNS))))
