"""Shard files, read back by other people's readers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import webdataset

from pipeline.images.png import decode_png, encode_png
from pipeline.models.weights import TrainedPair
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.records import Records
from pipeline.sampling.shards.formats import FORMATS, ShardFormat, as_parquet, as_webdataset
from pipeline.sampling.shards.ranges import ShardPlan
from tests.unit.tiny import CLASSES, SETTINGS

KINDS = pytest.mark.parametrize("render", [render for _, render in FORMATS.values()], ids=list(FORMATS))


@pytest.fixture(scope="module")
def records(tiny_pair: TrainedPair) -> Records:
    return RecordGenerator(tiny_pair, SETTINGS).shard(ShardPlan(1, 12, 12)).records


@pytest.fixture(scope="module")
def unlabelled(records: Records) -> Records:
    return replace(records, labels=None)


def rendered(render: ShardFormat, records: Records) -> bytes:
    classes = () if records.labels is None else CLASSES
    return bytes(render(records, [encode_png(image) for image in records.images], classes, ".png"))


def written(render: ShardFormat, path: Path, records: Records) -> Path:
    path.write_bytes(rendered(render, records))
    return path


@KINDS
def test_equal_records_give_equal_bytes(render: ShardFormat, records: Records) -> None:
    assert rendered(render, records) == rendered(render, records)


@KINDS
@pytest.mark.parametrize(
    "change",
    [
        lambda r: replace(r, labels=np.roll(r.labels, 1)),
        lambda r: replace(r, indices=r.indices + 1),
        lambda r: replace(r, logits=r.logits + 1),
        lambda r: replace(r, images=r.images ^ 1),
    ],
    ids=["labels", "indices", "logits", "images"],
)
def test_every_part_of_a_record_is_in_the_bytes(
    render: ShardFormat, change: Callable[[Records], Records], records: Records
) -> None:
    assert rendered(render, records) != rendered(render, change(records))


@KINDS
@pytest.mark.parametrize("labelled", [True, False])
def test_an_image_too_few_is_an_error(
    render: ShardFormat, labelled: bool, records: Records, unlabelled: Records
) -> None:
    with pytest.raises(ValueError, match=r"zip\(\)"):
        render(records if labelled else unlabelled, [b"x"] * 11, CLASSES if labelled else (), ".png")


@KINDS
def test_images_bear_the_ending_of_their_encoding(render: ShardFormat, records: Records) -> None:
    content = bytes(render(records, [b"pixels"] * 12, CLASSES, ".webp"))
    assert b"000000012.webp" in content
    assert b".png" not in content


def test_a_tar_is_read_by_webdataset_in_order_with_the_index_as_key(records: Records, tmp_path: Path) -> None:
    path = written(as_webdataset, tmp_path / "train-000001.tar", records)
    samples = list(webdataset.WebDataset(str(path), shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == [f"{index:09d}" for index in range(12, 24)]
    for row, sample in enumerate(samples):
        assert [key for key in sample if not key.startswith("__")] == ["cls", "json", "png"]
        np.testing.assert_array_equal(decode_png(sample["png"], 1), records.images[row])
        assert int(sample["cls"]) == records.labels[row]
        manifest_header = json.loads(sample["json"])
        assert manifest_header.pop("logit") == pytest.approx(records.logits[row], abs=1e-6)
        label = int(records.labels[row])
        assert manifest_header == {"index": 12 + row, "label": label, "class": CLASSES[label]}


def test_a_parquet_file_holds_image_label_index_and_logit(records: Records, tmp_path: Path) -> None:
    table = pq.read_table(written(as_parquet, tmp_path / "train-000001.parquet", records))
    assert table.column_names == ["image", "label", "index", "logit"]
    images = [decode_png(image["bytes"], 1) for image in table["image"].to_pylist()]
    np.testing.assert_array_equal(np.stack(images), records.images)
    np.testing.assert_array_equal(table["label"].to_numpy(), records.labels)
    np.testing.assert_array_equal(table["index"].to_numpy(), records.indices)
    np.testing.assert_array_equal(table["logit"].to_numpy(), records.logits)


def test_a_tar_without_labels_holds_nothing_like_one(unlabelled: Records, tmp_path: Path) -> None:
    path = written(as_webdataset, tmp_path / "train-000001.tar", unlabelled)
    samples = list(webdataset.WebDataset(str(path), shardshuffle=False))
    assert len(samples) == 12
    for row, sample in enumerate(samples):
        assert [key for key in sample if not key.startswith("__")] == ["json", "png"]
        assert json.loads(sample["json"]).keys() == {"index", "logit"}
        np.testing.assert_array_equal(decode_png(sample["png"], 1), unlabelled.images[row])


def test_a_parquet_file_without_labels_has_no_such_column_nor_feature(unlabelled: Records, tmp_path: Path) -> None:
    table = pq.read_table(written(as_parquet, tmp_path / "train-000001.parquet", unlabelled))
    assert table.column_names == ["image", "index", "logit"]
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == ["image", "index", "logit"]
    np.testing.assert_array_equal(table["index"].to_numpy(), unlabelled.indices)
