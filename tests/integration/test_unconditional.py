"""Without labels: a pair that is asked for none gives a dataset that has none, all the way to its consumers."""

import json
from pathlib import Path

import cv2
import mlcroissant
import pytest
import webdataset
from datasets import load_dataset
from PIL import Image

from pipeline.sampling.manifest import read_manifest
from tests.project import SMALL, Places, succeed

pytestmark = pytest.mark.slow

UNCONDITIONAL = (
    *SMALL,
    "model.conditioning=none",
    "gates={fd_domain_ratio: {max: 1000}, class_share_min: {min: 0}, diversity_min: {min: 0}, "
    "unique_share: {min: 0.99}, train_copies: {max: 0}}",
)


@pytest.fixture(scope="module")
def unconditional(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """The whole walk."""
    places = Places(tmp_path_factory.mktemp("unconditional"))
    for stage in ("ingest", "embed", "train", "evaluate", "sample", "audit", "accept"):
        places.stage(stage, settings=UNCONDITIONAL)
    return places


def figures(places: Places, stage: str) -> dict:
    return json.loads((places.dataset / "metrics" / f"{stage}.json").read_text())


def test_the_model_knows_no_classes_and_the_manifest_names_none(unconditional: Places) -> None:
    assert json.loads((unconditional.model / "model.json").read_text())["pair"]["classes"] == 0
    manifest = read_manifest(unconditional.dataset)
    assert manifest.count == 2200
    assert manifest.classes == []
    assert all(shard.labels == {} for shard in manifest.shards)


def test_what_needs_labels_is_not_measured_and_what_does_not_is(unconditional: Places) -> None:
    evaluated, audited = figures(unconditional, "evaluate"), figures(unconditional, "audit")
    measured = evaluated | audited
    assert not measured.keys() & {"label_accuracy", "tstr_accuracy", "trtr_accuracy", "tstr_ratio", "class_balance"}
    assert evaluated["fd_domain"] > evaluated["fd_domain_real"] > 0
    assert 0 <= evaluated["class_share_min"] <= 1
    assert 0.5 < evaluated["class_share_min_real"] <= 1
    assert sum(evaluated["class_share"].values()) == pytest.approx(10, abs=0.01)
    assert evaluated["diversity_min"] == pytest.approx(
        min(evaluated["diversity"].values()), abs=1e-4
    )  # which is rounded
    assert (audited["records"], audited["train_copies"]) == (2200, 0)
    assert figures(unconditional, "accept")["accepted"] is True


def test_report_and_card_say_that_there_are_no_labels(unconditional: Places) -> None:
    page = (unconditional.dataset / "report" / "index.html").read_text()
    assert "no labels" in page
    assert "gates met" in page
    assert "tested on real" not in page
    assert "The images have no labels" in (unconditional.dataset / "README.md").read_text()


def test_hugging_face_gives_pictures_without_labels(unconditional: Places, tmp_path: Path) -> None:
    images = load_dataset(str(unconditional.dataset), split="train", cache_dir=str(tmp_path))
    assert images.column_names == ["image", "index", "logit"]
    assert len(images) == 2200
    assert isinstance(images[7]["image"], Image.Image)


def test_webdataset_reads_tars_without_labels(unconditional: Places) -> None:
    tars = sorted(str(path) for path in (unconditional.dataset / "data").glob("*.tar"))
    samples = list(webdataset.WebDataset(tars, shardshuffle=False).decode("pill"))
    assert len(samples) == 2200
    assert {key for sample in samples for key in sample if not key.startswith("__")} == {"json", "png"}
    assert samples[1234]["png"].mode == "L"
    assert samples[1234]["json"].keys() == {"index", "logit"}


def test_croissant_reads_the_record_set_without_labels(unconditional: Places) -> None:
    dataset = mlcroissant.Dataset(str(unconditional.dataset / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors | dataset.metadata.ctx.issues.warnings
    records = list(dataset.records("default"))
    assert len(records) == 2200
    assert records[5].keys() == {"default/image", "default/index", "default/logit"}


def test_show_and_verify_need_no_labels(unconditional: Places, tmp_path: Path) -> None:
    said = succeed("imagemint", "show", str(unconditional.dataset), "-n", "4", "--out", str(tmp_path / "sheet.png"))
    assert "the first 40 images" in said
    assert cv2.imread(str(tmp_path / "sheet.png"), cv2.IMREAD_GRAYSCALE).shape == (10 * 58, 4 * 58)
    said = succeed("imagemint", "verify", str(unconditional.dataset), "--model", str(unconditional.model))
    assert "20 of 20 random records equal what the model generates" in said


@pytest.mark.parametrize("metric", ["label_accuracy", "tstr_accuracy", "tstr_ratio", "class_balance"])
def test_a_gate_on_labels_is_refused_before_any_work(metric: str, tmp_path: Path) -> None:
    places = Places(tmp_path)
    settings = (*UNCONDITIONAL, f"gates.{metric}={{min: 0.1}}")
    message = places.refuse("ingest", settings=settings)
    assert f"gates.{metric}" in message
    assert "model.conditioning" in message
    assert not places.data.exists()


def test_accept_fails_on_a_gate_whose_figure_nobody_measured(unconditional: Places) -> None:
    message = unconditional.refuse("accept")  # with the gates of labelled datasets
    assert "gates.tstr_accuracy: no stage measured tstr_accuracy" in message
