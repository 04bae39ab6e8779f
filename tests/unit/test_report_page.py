"""The report says what was measured, of labels only where there are any."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

from pipeline.config.schema import Prices
from pipeline.evaluation.gates import Verdict
from pipeline.images.png import encode_png
from pipeline.report.card import tar_reader
from pipeline.report.page import ReportImages, write_report
from pipeline.runs.usage import ResourceUsage
from pipeline.sampling.manifest import Manifest
from tests.unit.report_data import (
    CLASSES,
    FEW,
    METRICS,
    ONE_CLASS_METRICS,
    UNLABELLED_METRICS,
    WARNINGS,
    make_dataset,
    pixels,
)

FIGURES = {**METRICS, "duplicates": 1, "class_balance": 0.75, "diversity": UNLABELLED_METRICS["diversity"]}
NEAREST = (pixels()[:5], pixels()[5:10])
USAGE = {"train": ResourceUsage(1_200_000, 500, 1000), "sample": ResourceUsage(100_000, 10, 20)}
CURVES = """images_seen,validation_fd_domain,{},validation_diversity_min
1000,30.5,0.5,0.4
2000,20.5,0.7,0.6
"""


@pytest.fixture
def labelled(tmp_path: Path) -> dict[str, Any]:
    """What the report of a dataset with labels is made of."""
    images = {name: pixels()[label::3] for label, name in enumerate(CLASSES)}
    training = CURVES.format("validation_label_accuracy")
    pictures = ReportImages(images, images, NEAREST, interpolation=encode_png(pixels()[0]), training=training)
    return {"manifest": shown_manifest(tmp_path, CLASSES), "metrics": FIGURES, "pictures": pictures}


@pytest.fixture
def unlabelled(tmp_path: Path) -> dict[str, Any]:
    """What the report of a dataset without labels is made of."""
    images = {"The first images": pixels()}
    training = CURVES.format("validation_class_share_min")
    pictures = ReportImages(images, images, NEAREST, training=training)
    return {"manifest": shown_manifest(tmp_path, []), "metrics": UNLABELLED_METRICS, "pictures": pictures}


def shown_manifest(folder: Path, classes: list[str]) -> Manifest:
    return make_dataset(folder, "parquet", classes=classes)


def page(folder: Path, parts: dict[str, Any], verdicts: tuple[Verdict, ...] = ()) -> str:
    path = folder / "index.html"
    write_report(path, **parts, verdicts=list(verdicts), usage=USAGE, prices=Prices(core_hour=0.1))
    return path.read_text(encoding="utf-8")


def test_page_shows_the_synthetic_images_nearest_to_training_images_and_those(tmp_path, labelled):
    html = page(tmp_path, labelled)
    pictures = dict(re.findall(r'src="data:image/png;base64,([^"]+)" alt="([^"]*nearest to[^"]*)"', html))
    assert len(pictures) == 2
    assert "1.2 %" in html  # share of near ones


def test_page_of_tars_alone_says_how_to_read_them_in_grey(tmp_path, labelled):
    manifest = make_dataset(tmp_path / "tars", "webdataset")
    html = page(tmp_path, labelled | {"manifest": manifest})
    assert (
        f"<pre>import webdataset as wds\nsamples = {escape(tar_reader(manifest, 'PATH/TO/THE/DATASET'))}</pre>" in html
    )
    assert "load_dataset" not in html


def test_page_shows_every_class_beside_real_images_with_its_diversity(tmp_path, labelled):
    html = page(tmp_path, labelled)
    assert "12 images of 8x8 px in 3 classes" in html
    for name, value in FIGURES["diversity"].items():
        assert f'{name} <span class="soft">diversity {value:.2f}' in html
    assert "a classifier trained on synthetic images gets 81.0 % right, one trained on real images 86.0 %" in html
    assert html.count("data:image/png;base64,") == 6 + 2 + 2  # sheets, nearest, banner and interpolation
    assert "tested on real" in html
    assert "no labels" not in html


def test_page_without_labels_shows_what_a_classifier_sees(tmp_path, unlabelled):
    html = page(tmp_path, unlabelled)
    assert "12 images of 8x8 px, no labels" in html
    assert "The first images" in html
    for name, share in UNLABELLED_METRICS["class_share"].items():
        diversity = UNLABELLED_METRICS["diversity"][name]
        row = rf"<td>{name}</td><td class=\"number\">{share:.2f}</td><td class=\"number\">{diversity:.2f}</td>"
        assert re.search(row, html)
    for absent in ("tested on real", "classifier confirms", "Rarest class over commonest", "synthetic images of"):
        assert absent not in html


def test_page_about_images_of_one_class_says_nothing_of_classes(tmp_path, unlabelled):
    unlabelled["pictures"] = replace(
        unlabelled["pictures"],
        training=CURVES.format("validation_nearest_ratio").replace("diversity_min", "diversity_all"),
    )
    html = page(tmp_path, unlabelled | {"metrics": ONE_CLASS_METRICS})
    assert '<div class="card"><b>0.87</b>of the variety of real images' in html
    assert "Diversity: mean distance between two images" in html
    assert html.count('id="axes_') == 2
    assert not re.search(r"classifier|within a class|rarest", html)


@pytest.mark.parametrize("kind", ["labelled", "unlabelled"])
def test_page_draws_the_curves_that_were_measured_and_needs_no_network(tmp_path, kind, request):
    html = page(tmp_path, request.getfixturevalue(kind))
    assert html.count('id="axes_') == 3
    assert not re.search(r'(src|href)="http', html)


def test_page_names_the_gates_that_were_missed(tmp_path, unlabelled):
    verdicts = (Verdict("fd_domain", 12.3, None, 10.0, False), Verdict("train_copies", 0.0, None, 0.0, True))
    assert "1 of 2 gates missed: fd_domain" in page(tmp_path, unlabelled, verdicts)


def test_names_are_escaped(tmp_path, labelled):
    manifest = labelled["manifest"].model_copy(update={"name": "<script>"})
    assert "<script>" not in page(tmp_path, labelled | {"manifest": manifest})


def test_same_figures_give_the_same_page(tmp_path, unlabelled):
    assert page(tmp_path, unlabelled) == page(tmp_path, unlabelled)


def test_page_says_time_and_cost(tmp_path, labelled):
    html = page(tmp_path, labelled)
    assert "1,200,000 images in 8 min 20 s, 2,400 images/s; 0.28 core-hours, 0.028 USD" in html
    assert "1,000,000 images in 1 min 40 s, 10,000 images/s; 0.056 core-hours, 0.0056 USD" in html


def test_page_says_what_not_to_do_with_it(tmp_path, labelled, unlabelled):
    html = page(tmp_path, labelled)
    assert "Measuring how good a model is" in html
    assert "Adding to real images: together 92.3 %" in html
    missed = Verdict("fd_domain", 12.3, None, 10.0, False)
    assert "before you know why it missed a gate" in page(tmp_path, unlabelled, (missed,))


def test_page_says_on_how_many_images_it_was_measured_and_warns_of_too_few(tmp_path, labelled):
    html = page(tmp_path, labelled | {"metrics": FIGURES | FEW})
    assert "Measured on 2,000 synthetic images, 24 real holdout images," in html
    assert re.findall(r"Warning: ([^<]*)<", html) == WARNINGS
    enough = FEW | {"real_images": 100, "validation_images": 100}
    assert "Warning" not in page(tmp_path, labelled | {"metrics": FIGURES | enough})
