"""Images without labels go the whole way: what measures learns without labels, and nothing is said of classes."""

import json
from pathlib import Path

import pytest
from datasets import load_dataset

from pipeline.config.schema import Sample
from pipeline.models.weights import load_pair
from pipeline.sampling.filters.fitting import fit_filters
from pipeline.sampling.filters.kinds.density_ratio import DensityRatioFilter
from pipeline.sampling.filters.kinds.near_copy import NearCopyFilter
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.manifest import read_manifest
from pipeline.sampling.settings import GenerationSettings
from tests.project import SMALL, Places

pytestmark = pytest.mark.slow

GATES = (
    "gates={fd_domain_ratio: {max: 1000}, diversity_all: {min: 0.1}, coverage: {min: 0.01}, unique_share: {min: 0.99}, "
    "train_copies: {max: 0}}"
)
# `model.conditioning` stays `class`, as the preset says it: of one class there is nothing to be conditioned on.
UNLABELLED = (*SMALL, "data.classes=none", "train.total_images=6400", "sample.count=1000", GATES)
OF_CLASSES = {
    "label_accuracy", "label_accuracy_real", "class_balance", "class_share", "class_share_min", "class_share_min_real", "classifier_score",
    "classifier_score_real", "diversity", "diversity_min", "diversity_mean", "tstr_accuracy", "trtr_accuracy", "augmented_accuracy",
}  # fmt: skip


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """The whole walk."""
    places = Places(tmp_path_factory.mktemp("unlabelled"))
    said = {
        stage: places.stage(stage, settings=UNLABELLED)
        for stage in ("ingest", "embed", "train", "evaluate", "sample", "audit", "accept")
    }
    assert "one class only: the networks are not conditioned on it" in said["train"]
    return places


def figures(places: Places, stage: str) -> dict:
    return json.loads((places.dataset / "metrics" / f"{stage}.json").read_text())


def test_what_measures_learnt_without_labels_and_says_so(unlabelled: Places) -> None:
    description = json.loads((unlabelled.model / "embedder.json").read_text())
    measured = json.loads((unlabelled.model / "metrics" / "embed.json").read_text())
    assert description["kind"] == measured["kind"] == "self_supervised"
    # 449 images: one that has learnt nothing is right 1 time in 449.
    assert 0.05 < measured["holdout_recognised"] == description["holdout_recognised"] <= 1


def test_records_and_model_have_no_labels_though_the_preset_asks_for_classes(
    unlabelled: Places, tmp_path: Path
) -> None:
    assert json.loads((unlabelled.data / "dataset.json").read_text())["classes"] == ["image"]
    assert json.loads((unlabelled.model / "model.json").read_text())["pair"]["classes"] == 0
    manifest = read_manifest(unlabelled.dataset)
    assert (manifest.count, manifest.classes) == (1000, [])
    images = load_dataset(str(unlabelled.dataset), split="train", cache_dir=str(tmp_path))
    assert images.column_names == ["image", "index", "logit"]


def test_what_goes_by_class_is_not_measured_and_all_else_is(unlabelled: Places) -> None:
    evaluated, audited = figures(unlabelled, "evaluate"), figures(unlabelled, "audit")
    assert not (evaluated | audited).keys() & OF_CLASSES
    assert not {name for name in evaluated | audited if name.startswith(("tstr", "trtr", "augmented"))}
    for measured in (evaluated, audited):
        assert measured["fd_domain"] > measured["fd_domain_real"] > 0
        assert 0.2 < measured["diversity_all"] < 1.5
        assert 0 < measured["coverage"] < measured["coverage_real"]
    assert (audited["records"], audited["train_copies"]) == (1000, 0)
    assert 0.4 < audited["membership_auc"] < 0.6
    assert figures(unlabelled, "accept")["accepted"] is True


def test_report_and_card_say_nothing_of_classes(unlabelled: Places) -> None:
    page = (unlabelled.dataset / "report" / "index.html").read_text()
    shown, _, _ = page.partition("The whole configuration")
    card = (unlabelled.dataset / "README.md").read_text()
    assert "no labels" in shown
    assert "gates met" in shown
    assert "without labels" in card
    assert [word for word in ("classifier", "within a class", "rarest") if word in shown + card] == []


def test_filters_are_fitted_to_all_images_together(unlabelled: Places) -> None:
    pair = load_pair(unlabelled.model)
    sample = Sample(
        count=1, shard_size=500, filters=[DensityRatioFilter(kind="density_ratio"), NearCopyFilter(kind="near_copy")]
    )
    how = GenerationSettings.of(sample, pair.spec.condition, pair.label_names, "fp32")
    ratio, near = fit_filters(sample.filters, RecordGenerator(pair, how), unlabelled.model, unlabelled.data)
    assert len(ratio.description["log_bounds"]) == len(near.description["nearest_allowed"]) == 1


@pytest.mark.parametrize("metric", ["label_accuracy", "tstr_accuracy", "class_share_min", "diversity_min"])
def test_a_gate_on_classes_is_refused_before_any_work(metric: str, tmp_path: Path) -> None:
    places = Places(tmp_path)
    message = places.refuse("ingest", settings=(*UNLABELLED, f"gates.{metric}={{min: 0.1}}"))
    assert f"gates.{metric}: measured only of two classes or more" in message
    assert not places.data.exists()
