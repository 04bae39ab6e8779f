"""Filtered records on a real cluster: the same whatever the number of workers and the growth, and told apart from others."""

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from pipeline.sampling.manifest import read_manifest
from tests.project import SMALL, Places, digests, run, succeed

pytestmark = pytest.mark.slow

FILTERS = "sample.filters=[{kind: density_ratio, acceptance: 0.5}, {kind: near_copy, share: 0.05}]"
SETTINGS = (*SMALL, FILTERS, "sample.count=1300")


@pytest.fixture(scope="module")
def filtered(sampled: Places, tmp_path_factory: pytest.TempPathFactory) -> Places:
    """A dataset of its own, of the model of `sampled`; made by one worker."""
    places = Places(tmp_path_factory.mktemp("filtered"))
    given = ["--model", str(sampled.model), "--data", str(sampled.data)]
    said = places.stage("sample", *given, settings=(*SETTINGS, "cluster.sample_workers=1"))
    assert re.search(r"1,300 images \(\d\d\.\d% of the candidates\)", said)
    places.stage("evaluate", *given, settings=SETTINGS)
    places.stage("audit", *given, settings=SETTINGS)
    return places


def test_two_workers_and_growth_make_the_same_records(sampled: Places, filtered: Places, tmp_path: Path) -> None:
    grown = Places(tmp_path)
    given = ["--model", str(sampled.model), "--data", str(sampled.data)]
    for count in (700, 1300):
        settings = (*SETTINGS, "cluster.sample_workers=2", f"sample.count={count}")
        grown.stage("sample", *given, settings=settings)
    assert digests(grown.dataset / "data") == digests(filtered.dataset / "data")
    assert read_manifest(grown.dataset).dataset_id == read_manifest(filtered.dataset).dataset_id


def test_the_manifest_counts_what_was_refused_and_records_say_which_candidate_they_are(filtered: Places) -> None:
    manifest = read_manifest(filtered.dataset)
    assert [each.kind for each in manifest.filters] == ["density_ratio", "near_copy"]
    attempts = 0
    for shard in manifest.shards:
        assert shard.candidates == shard.rows + sum(shard.refused.values())
        tried = pq.read_table(filtered.dataset / shard.file)["attempt"].to_numpy()
        assert tried.sum() == sum(shard.refused.values())
        attempts += tried.sum()
    assert 0.35 < manifest.count / (manifest.count + attempts) < 0.6


def test_verify_makes_filtered_records_again_without_the_training_images(filtered: Places, sampled: Places) -> None:
    model = ["--model", str(sampled.model)]
    said = succeed("imagemint", "verify", str(filtered.dataset), "--records", "40", *model)
    assert "40 of 40 random records equal what the model generates" in said
    assert "the same bytes" in succeed("imagemint", "record", str(filtered.dataset), "1299", *model)


def test_consumers_find_the_new_column_and_the_card_says_what_was_asked_for(filtered: Places, tmp_path: Path) -> None:
    images = load_dataset(str(filtered.dataset), split="train", cache_dir=str(tmp_path))
    assert len(images) == 1300
    assert images.features["attempt"].dtype == "int64"
    card = (filtered.dataset / "README.md").read_text()
    assert "candidates filtered by density_ratio" in card
    assert "refused as far as the filter near_copy finds them" in card
    fields = json.loads((filtered.dataset / "croissant.json").read_text())["recordSet"][0]["field"]
    assert [field["name"] for field in fields] == ["image", "label", "index", "logit", "attempt"]


def test_unfiltered_records_are_not_mixed_with_filtered_ones(filtered: Places, sampled: Places) -> None:
    command = filtered.command("sample", "--model", str(sampled.model), settings=(*SMALL, "sample.count=1300"))
    done = run(*command)
    assert done.returncode == 1
    assert "sample.filters: [{'kind': 'density_ratio'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_copy_filter_without_the_training_data_is_refused_before_work_starts(sampled: Places, tmp_path: Path) -> None:
    places = Places(tmp_path)
    done = run(*places.command("sample", "--model", str(sampled.model), settings=SETTINGS))
    assert done.returncode == 1
    assert f"No dataset in {places.data}" in done.stderr
    assert "Traceback" not in done.stderr
