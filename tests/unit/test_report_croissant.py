"""The Croissant description is valid, and its reader finds the records through it."""

import hashlib

import numpy as np
import pytest

from pipeline.report.croissant import croissant, write_croissant
from pipeline.storage import read_json
from tests.unit.report_data import CLASSES, make_dataset, pixels


@pytest.fixture(scope="module")
def mlcroissant():
    return pytest.importorskip("mlcroissant")


def described(folder, *kinds: str, classes=CLASSES) -> dict:
    manifest = make_dataset(folder, *kinds, classes=classes)
    write_croissant(folder / "croissant.json", manifest, "1.2.0", "2024-05-06")
    return read_json(folder / "croissant.json", "description")


@pytest.mark.parametrize("kinds", [("parquet",), ("webdataset",), ("parquet", "webdataset")])
def test_description_is_valid(tmp_path, mlcroissant, kinds):
    described(tmp_path, *kinds)
    metadata = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json")).metadata
    assert metadata.ctx.issues.errors == set()
    assert metadata.version == "1.2.0"
    assert (metadata.date_published.year, metadata.date_published.month, metadata.date_published.day) == (2024, 5, 6)
    assert metadata.license == ["https://spdx.org/licenses/CC-BY-4.0"]


def test_reader_gets_every_record_of_every_shard_as_picture_and_numbers(tmp_path, mlcroissant):
    described(tmp_path, "parquet")
    records = list(mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json")).records("default"))
    assert sorted(record["default/index"] for record in records) == list(range(12))
    for record in records:
        index = record["default/index"]
        assert np.array_equal(np.asarray(record["default/image"])[..., None], pixels()[index])
        assert record["default/label"] == index % 3
        assert record["default/logit"] == index / 4


@pytest.mark.parametrize("kinds", [("parquet",), ("webdataset",), ("parquet", "webdataset")])
def test_every_file_is_listed_with_its_size_and_digest(tmp_path, kinds):
    description = described(tmp_path, *kinds)
    files = {entry["contentUrl"]: entry for entry in description["distribution"] if "contentUrl" in entry}
    on_disk = {f"data/{path.name}": path.read_bytes() for path in (tmp_path / "data").iterdir()}
    assert set(files) == set(on_disk)
    for name, content in on_disk.items():
        assert files[name]["sha256"] == hashlib.sha256(content).hexdigest()
        assert files[name]["contentSize"] == f"{len(content)} B"


def test_tars_alone_have_no_record_set(tmp_path):
    description = described(tmp_path, "webdataset")
    assert description["recordSet"] == []
    assert {entry["encodingFormat"] for entry in description["distribution"]} == {"application/x-tar"}


def test_description_names_what_the_images_were_made_from_and_by(tmp_path):
    manifest = make_dataset(tmp_path, "parquet")
    description = croissant(manifest, "1.0.0", "2024-05-06")
    assert description["url"] == f"urn:sha256:{manifest['dataset_id']}"
    assert description["prov:wasDerivedFrom"]["@id"] == f"urn:sha256:{manifest['source']['digest']}"
    assert description["prov:wasGeneratedBy"]["prov:used"]["@id"] == f"urn:sha256:{manifest['model']['digest']}"
    assert "12 synthetic images" in description["description"]
    assert all(name in description["description"] for name in CLASSES)


def test_identifiers_are_unique(tmp_path):
    description = described(tmp_path, "parquet", "webdataset")
    found = [entry["@id"] for entry in (*description["distribution"], *description["recordSet"])]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("kinds", [("parquet",), ("webdataset",), ("parquet", "webdataset")])
def test_description_without_labels_is_valid_and_says_so(tmp_path, mlcroissant, kinds):
    description = described(tmp_path, *kinds, classes=())
    metadata = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json")).metadata
    assert metadata.ctx.issues.errors == set()
    assert description["description"].startswith("12 synthetic images, no labels, made by")


def test_reader_of_a_dataset_without_labels_gets_every_record(tmp_path, mlcroissant):
    described(tmp_path, "parquet", classes=())
    records = list(mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json")).records("default"))
    assert sorted(record["default/index"] for record in records) == list(range(12))
    for record in records:
        assert record.keys() == {"default/image", "default/index", "default/logit"}
        assert np.array_equal(np.asarray(record["default/image"])[..., None], pixels()[record["default/index"]])
