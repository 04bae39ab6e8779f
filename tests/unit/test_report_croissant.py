"""The Croissant description is valid, and its reader finds the records through it."""

import hashlib
import logging

import numpy as np
import pytest

from pipeline.report.croissant import croissant, write_croissant
from pipeline.sampling.manifest import Manifest
from pipeline.store.files import read_json
from tests.unit.report_data import CLASSES, make_dataset, pixels


@pytest.fixture(scope="module")
def mlcroissant():
    return pytest.importorskip("mlcroissant")


def described(folder, *kinds: str, classes=CLASSES) -> dict:
    manifest = make_dataset(folder, *kinds, classes=classes)
    write_croissant(folder / "croissant.json", manifest, "1.2.0", "2024-05-06")
    return read_json(folder / "croissant.json", "description")


def read_without_complaint(mlcroissant, folder, caplog):
    """The metadata, after making sure that the reader found nothing to warn of, be it in its issues or in its log."""
    metadata = mlcroissant.Dataset(jsonld=str(folder / "croissant.json")).metadata
    assert metadata.ctx.issues.errors == metadata.ctx.issues.warnings == set()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    return metadata


@pytest.mark.parametrize("kinds", [("parquet",), ("webdataset",), ("parquet", "webdataset")])
def test_description_is_valid_and_its_reader_warns_of_nothing(tmp_path, mlcroissant, caplog, kinds):
    described(tmp_path, *kinds)
    metadata = read_without_complaint(mlcroissant, tmp_path, caplog)
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


@pytest.mark.parametrize("kind", ["parquet", "webdataset"])
@pytest.mark.parametrize("classes", [CLASSES, ("0", "1", "2")])  # names that look like numbers stay names
def test_reader_gets_from_labels_to_class_names(tmp_path, mlcroissant, kind, classes):
    described(tmp_path, kind, classes=classes)
    dataset = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json"))
    names = {record["classes/label"]: record["classes/name"] for record in dataset.records("classes")}
    assert names == dict(enumerate(classes))
    (class_set,) = [each for each in dataset.metadata.record_sets if each.id == "classes"]
    assert [str(each) for each in class_set.data_types] == ["https://schema.org/Enumeration"]


def test_the_label_column_says_where_its_names_are(tmp_path, mlcroissant):
    described(tmp_path, "parquet")
    dataset = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json"))
    (label,) = [field for each in dataset.metadata.record_sets for field in each.fields if field.id == "default/label"]
    assert label.references.field == "classes/label"


def test_a_class_without_records_is_named_too(tmp_path):
    content = make_dataset(tmp_path, "parquet").model_dump()
    for shard in content["shards"]:
        shard["labels"][CLASSES[0]] = 0
    class_set = croissant(Manifest.model_validate(content), "1.0.0", "2024-05-06")["recordSet"][1]
    assert [record["classes/name"] for record in class_set["data"]] == CLASSES


def test_citation_names_the_dataset_its_maker_and_its_version(tmp_path, mlcroissant):
    described(tmp_path, "parquet")
    cited = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json")).metadata.cite_as
    assert cited.splitlines() == [
        "@misc{small-synthetic-1.2.0,",
        "  title = {small-synthetic},",
        "  author = {{imagemint 9.9}},",
        "  year = {2024},",
        "  version = {1.2.0},",
        f"  note = {{Synthetic image dataset, urn:sha256:{'d' * 64}}}",
        "}",
    ]


def test_tars_alone_have_no_record_set_of_images(tmp_path):
    description = described(tmp_path, "webdataset")
    assert [each["@id"] for each in description["recordSet"]] == ["classes"]
    assert {entry["encodingFormat"] for entry in description["distribution"]} == {"application/x-tar"}


def test_description_names_what_the_images_were_made_from_and_by(tmp_path):
    manifest = make_dataset(tmp_path, "parquet")
    description = croissant(manifest, "1.0.0", "2024-05-06")
    assert description["url"] == f"urn:sha256:{manifest.dataset_id}"
    assert description["prov:wasDerivedFrom"]["@id"] == f"urn:sha256:{manifest.source.digest}"
    assert description["prov:wasGeneratedBy"]["prov:used"]["@id"] == f"urn:sha256:{manifest.model.digest}"
    assert "12 synthetic images" in description["description"]
    assert all(name in description["description"] for name in CLASSES)


def test_identifiers_are_unique(tmp_path):
    description = described(tmp_path, "parquet", "webdataset")
    found = [entry["@id"] for entry in (*description["distribution"], *description["recordSet"])]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("kinds", [("parquet",), ("webdataset",), ("parquet", "webdataset")])
def test_description_without_labels_is_valid_and_says_so(tmp_path, mlcroissant, caplog, kinds):
    description = described(tmp_path, *kinds, classes=())
    read_without_complaint(mlcroissant, tmp_path, caplog)
    assert description["description"].startswith("12 synthetic images, no labels, generated by")


def test_reader_of_a_dataset_without_labels_gets_every_record(tmp_path, mlcroissant):
    described(tmp_path, "parquet", classes=())
    records = list(mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json")).records("default"))
    assert sorted(record["default/index"] for record in records) == list(range(12))
    for record in records:
        assert record.keys() == {"default/image", "default/index", "default/logit"}
        assert np.array_equal(np.asarray(record["default/image"])[..., None], pixels()[record["default/index"]])
