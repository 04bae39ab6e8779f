"""A consumer who knows nothing of us loads the dataset with the tools of the field."""

import io
import json
from pathlib import Path

import mlcroissant
import pytest
import webdataset
from datasets import ClassLabel, load_dataset
from PIL import Image

from tests.project import Places


@pytest.mark.parametrize("state", ["sampled", "audited"])
def test_hugging_face_gives_pictures_and_class_names(
    state: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    places: Places = request.getfixturevalue(state)
    images = load_dataset(str(places.dataset), split="train", cache_dir=str(tmp_path))
    assert len(images) == 2200
    assert isinstance(images[7]["image"], Image.Image)
    assert images[7]["image"].size == (8, 8)
    assert isinstance(images.features["label"], ClassLabel)
    assert images.features["label"].int2str(images[7]["label"]) == "7"
    assert images[2199]["index"] == 2199


def test_hugging_face_shows_the_canonical_dataset_too(trained: Places, tmp_path: Path) -> None:
    images = load_dataset(
        "parquet",
        data_files={"holdout": str(trained.data / "holdout-000000.parquet")},
        split="holdout",
        cache_dir=str(tmp_path),
    )
    assert isinstance(images[0]["image"], Image.Image)


def test_webdataset_reads_the_tars(sampled: Places) -> None:
    tars = sorted(str(path) for path in (sampled.dataset / "data").glob("*.tar"))
    samples = list(webdataset.WebDataset(tars, shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == [f"{index:09d}" for index in range(2200)]
    about = json.loads(samples[1234]["json"])
    assert about["index"] == 1234
    assert int(samples[1234]["cls"]) == about["label"] == 4
    assert Image.open(io.BytesIO(samples[1234]["png"])).size == (8, 8)


def test_croissant_reads_the_record_set(audited: Places) -> None:
    dataset = mlcroissant.Dataset(str(audited.dataset / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors | dataset.metadata.ctx.issues.warnings
    records = list(dataset.records("default"))
    assert len(records) == 2200
    assert records[5]["default/label"] == records[5]["default/index"] % 10
    names = {each["classes/label"]: each["classes/name"] for each in dataset.records("classes")}
    assert names[records[5]["default/label"]] == "5"
    assert records[5]["default/image"].size == (8, 8)
