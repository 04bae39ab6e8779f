"""The dataset card says what was measured, and its front matter lets others load the dataset."""

import re

import numpy as np
import pytest
import yaml
from huggingface_hub import DatasetCard

from pipeline.report.card import front_matter, size_category, write_card
from pipeline.sampling.manifest import Manifest, UsedConfig
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
from tests.unit.tiny import SAMPLE


def parts(card: str) -> tuple[dict, str]:
    """Front matter and body."""
    _, matter, body = card.split("---\n", 2)
    return yaml.safe_load(matter), body


def test_folder_with_a_card_loads_as_pictures_with_class_names_and_every_column(tmp_path, hf_datasets):
    folder = tmp_path / "dataset"
    write_card(folder / "README.md", make_dataset(folder, "parquet"), METRICS)
    loaded = hf_datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.features["label"].names == CLASSES
    assert sorted(loaded["index"][:]) == list(range(12))
    for record in loaded:
        assert np.array_equal(np.asarray(record["image"])[..., None], pixels()[record["index"]])
        assert record["label"] == record["index"] % 3
        assert record["logit"] == record["index"] / 4


def test_tars_beside_parquet_do_not_disturb_the_loader(tmp_path, hf_datasets):
    folder = tmp_path / "dataset"
    write_card(folder / "README.md", make_dataset(folder, "parquet", "webdataset"), METRICS)
    loaded = hf_datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(loaded) == 12


def test_dataset_of_tars_alone_loads_pictures_and_labels(tmp_path, hf_datasets):
    folder = tmp_path / "dataset"
    write_card(folder / "README.md", make_dataset(folder, "webdataset"), METRICS)
    loaded = hf_datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    for record in loaded:
        assert np.array_equal(np.asarray(record["png"])[..., None], pixels()[record["json"]["index"]])
        assert int(record["cls"]) == record["json"]["label"]


def test_the_hub_s_own_reader_takes_the_card_and_its_features(tmp_path, hf_datasets):
    write_card(tmp_path / "README.md", make_dataset(tmp_path, "parquet"), METRICS)
    card = DatasetCard.load(tmp_path / "README.md")
    assert (card.data.license, card.data.pretty_name) == ("cc-by-4.0", "small (synthetic)")
    (described,) = hf_datasets.info.DatasetInfosDict.from_dataset_card_data(card.data).values()
    assert described.features["label"].names == CLASSES
    assert described.splits["train"].num_examples == 12


def test_front_matter_holds_licence_size_and_the_parquet_files_alone(tmp_path):
    write_card(tmp_path / "README.md", make_dataset(tmp_path, "parquet", "webdataset"), METRICS)
    matter, _ = parts((tmp_path / "README.md").read_text(encoding="utf-8"))
    assert matter["license"] == "cc-by-4.0"
    assert matter["size_categories"] == ["n<1K"]
    assert matter["configs"][0]["data_files"] == [{"split": "train", "path": "data/train-*.parquet"}]
    written = sum(path.stat().st_size for path in (tmp_path / "data").glob("*.parquet"))
    assert matter["dataset_info"]["splits"] == [{"name": "train", "num_bytes": written, "num_examples": 12}]


def test_tars_alone_declare_no_features(tmp_path):
    matter = front_matter(make_dataset(tmp_path, "webdataset"))
    assert "dataset_info" not in matter
    assert matter["configs"][0]["data_files"] == [{"split": "train", "path": "data/train-*.tar"}]


def test_card_states_the_measured_figures_beside_the_real_ones(tmp_path):
    write_card(tmp_path / "README.md", make_dataset(tmp_path, "parquet"), METRICS)
    _, body = parts((tmp_path / "README.md").read_text(encoding="utf-8"))
    rows = [line for line in body.splitlines() if line.startswith("| ")]
    for figure, value, beside in [
        ("fd_domain", "12.3", "1.3"),
        ("tested on real", "87.6 %", "91.2 %"),
        ("classifier confirms", "98.7 %", ""),
        ("diversity", "0.65", ""),
        ("unique", "99.951 %", ""),
        ("copies", "0", ""),
    ]:
        (row,) = [line for line in rows if figure in line]
        assert f"| {value} |" in row
        assert beside in row
    assert "not FID" in body


def test_card_says_that_the_images_are_synthetic_and_what_they_were_made_from(tmp_path):
    manifest = make_dataset(tmp_path, "parquet")
    write_card(tmp_path / "README.md", manifest, METRICS)
    _, body = parts((tmp_path / "README.md").read_text(encoding="utf-8"))
    assert "**Every image here is synthetic.** 12 images of 8x8 px" in body
    assert "trained on Möbel & Co: a source" in body  # not escaped: it is no HTML
    for digest in (manifest.dataset_id, manifest.model.digest, manifest.source.digest):
        assert f"`{digest}`" in body


@pytest.mark.parametrize(
    ("kinds", "shown"),
    [(("parquet",), (True, False)), (("webdataset",), (False, True)), (("parquet", "webdataset"), (True, True))],
)
def test_card_shows_how_to_load_each_format_that_is_there(tmp_path, kinds, shown):
    write_card(tmp_path / "README.md", make_dataset(tmp_path, *kinds), METRICS)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert ("load_dataset(" in text, "train-{000000..000001}.tar" in text) == shown


def test_card_says_what_was_asked_for_besides_the_usual(tmp_path):
    manifest = make_dataset(tmp_path, "parquet")
    usual, unusual = tmp_path / "usual.md", tmp_path / "unusual.md"
    write_card(usual, manifest, METRICS)
    assert "Setting" not in usual.read_text(encoding="utf-8")
    first = manifest.classes[0]
    settings = {"labels": {first: 2}, "truncation": 0.7, "encoding": "jpeg", "jpeg_quality": 60}
    config = UsedConfig({"sample": SAMPLE | settings})
    write_card(unusual, manifest.model_copy(update={"config": config}), METRICS)
    text = unusual.read_text(encoding="utf-8")
    assert f"Setting: classes by weight ({first} 2)." in text
    assert "Setting: latents truncated at 0.7" in text
    assert "Setting: images stored as JPEG of quality 60" in text


def test_card_counts_the_classes_that_occur(tmp_path):
    content = make_dataset(tmp_path, "parquet").model_dump()
    for shard in content["shards"]:
        shard["labels"][CLASSES[-1]] = 0
    write_card(tmp_path / "README.md", Manifest.model_validate(content), METRICS)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert f"in\n{len(CLASSES) - 1} classes" in text


def test_figure_that_is_missing_is_an_error_and_leaves_no_card(tmp_path):
    metrics = {name: value for name, value in METRICS.items() if name != "tstr_accuracy"}
    with pytest.raises(Exception, match="tstr_accuracy"):
        write_card(tmp_path / "README.md", make_dataset(tmp_path, "parquet"), metrics)
    assert not (tmp_path / "README.md").exists()


def test_same_dataset_gives_the_same_card(tmp_path):
    manifest = make_dataset(tmp_path, "parquet")
    for name in ("a.md", "b.md"):
        write_card(tmp_path / name, manifest, METRICS)
    assert (tmp_path / "a.md").read_bytes() == (tmp_path / "b.md").read_bytes()


@pytest.mark.parametrize(
    ("count", "name"),
    [(1, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"), (100_000, "100K<n<1M"),
     (10**6, "1M<n<10M"), (10**9, "1B<n<10B"), (10**12 - 1, "100B<n<1T"), (10**12, "n>1T")],
)  # fmt: skip
def test_size_category_is_the_one_hugging_face_knows(count, name):
    assert size_category(count) == name


# Without labels ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [("parquet",), ("parquet", "webdataset")])
def test_folder_without_labels_loads_as_pictures_and_no_label(tmp_path, hf_datasets, kinds):
    folder = tmp_path / "dataset"
    write_card(folder / "README.md", make_dataset(folder, *kinds, classes=()), UNLABELLED_METRICS)
    loaded = hf_datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.column_names == ["image", "index", "logit"]
    for record in loaded:
        assert np.array_equal(np.asarray(record["image"])[..., None], pixels()[record["index"]])


def test_tars_alone_without_labels_load_as_pictures(tmp_path, hf_datasets):
    folder = tmp_path / "dataset"
    write_card(folder / "README.md", make_dataset(folder, "webdataset", classes=()), UNLABELLED_METRICS)
    loaded = hf_datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert "cls" not in loaded.column_names
    for record in loaded:
        assert np.array_equal(np.asarray(record["png"])[..., None], pixels()[record["json"]["index"]])


def test_card_without_labels_speaks_of_none_that_could_be_had(tmp_path):
    manifest = make_dataset(tmp_path, "parquet", "webdataset", classes=())
    write_card(tmp_path / "README.md", manifest, UNLABELLED_METRICS)
    matter, body = parts((tmp_path / "README.md").read_text(encoding="utf-8"))
    assert [feature["name"] for feature in matter["dataset_info"]["features"]] == ["image", "index", "logit"]
    assert "12 images of 8x8 px without\nlabels, generated by" in body
    assert "| 0.83 | baseline of real images: 0.97 |" in body
    assert "The images have no labels" in body
    for absent in ("classes, made", "tested on real", "confirms", '"label"', '"cls"', "within a class."):
        assert absent not in body


def test_figure_that_is_missing_without_labels_is_an_error(tmp_path):
    metrics = {name: value for name, value in UNLABELLED_METRICS.items() if name != "class_share_min"}
    with pytest.raises(Exception, match="class_share_min"):
        write_card(tmp_path / "README.md", make_dataset(tmp_path, "parquet", classes=()), metrics)


def test_card_says_on_how_many_images_it_was_measured_and_warns_of_too_few(tmp_path):
    manifest = make_dataset(tmp_path, "parquet")
    write_card(tmp_path / "README.md", manifest, METRICS | FEW)
    _, body = parts((tmp_path / "README.md").read_text(encoding="utf-8"))
    assert (
        "Measured on 2,000 synthetic images, 24 real holdout images, 1,168 real training images, 4 validation images."
        in body
    )
    assert [line for line in body.splitlines() if "Warning" in line] == [f"**Warning:** {text}." for text in WARNINGS]
    write_card(tmp_path / "README.md", manifest, METRICS | FEW | {"real_images": 100, "validation_images": 100})
    assert "Warning" not in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_card_of_images_of_one_class_says_nothing_of_classes(tmp_path):
    manifest = make_dataset(tmp_path, "parquet", classes=())
    write_card(tmp_path / "README.md", manifest, ONE_CLASS_METRICS)
    _, body = parts((tmp_path / "README.md").read_text(encoding="utf-8"))
    assert "| diversity, share of real | 0.87 | |" in body
    assert "of a network that was trained on the real images without labels" in body
    assert "The images have no labels: none were requested when they were generated.\n" in body
    assert not re.search(r"classifier|diverse class|predicted", body)
