"""Shard files, read back by other people's readers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import webdataset

from pipeline.data.images import decode_png, encode_png
from pipeline.models.weights import TrainedPair
from pipeline.sampling.minting import Records, mint
from pipeline.sampling.plan import ShardPlan
from pipeline.sampling.writers import WRITERS, ShardWriter, write_parquet, write_webdataset
from tests.unit.tiny import CLASSES, SETTINGS

KINDS = pytest.mark.parametrize("write", [write for _, write in WRITERS.values()], ids=list(WRITERS))


@pytest.fixture(scope="module")
def records(tiny_pair: TrainedPair) -> Records:
    return mint(tiny_pair, SETTINGS, ShardPlan(1, 12, 12))


@pytest.fixture(scope="module")
def unlabelled(records: Records) -> Records:
    return replace(records, labels=None)


def written(write: ShardWriter, path: Path, records: Records) -> Path:
    classes = () if records.labels is None else CLASSES
    write(path, records, [encode_png(image) for image in records.images], classes, ".png")
    return path


@KINDS
def test_equal_records_give_equal_bytes(write: ShardWriter, records: Records, tmp_path: Path) -> None:
    first, second = (written(write, tmp_path / name, records).read_bytes() for name in ("first", "second"))
    assert first == second


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
    write: ShardWriter, change: Callable[[Records], Records], records: Records, tmp_path: Path
) -> None:
    first, second = (written(write, tmp_path / "file", r).read_bytes() for r in (records, change(records)))
    assert first != second


@KINDS
def test_a_writer_that_fails_leaves_no_file(write: ShardWriter, records: Records, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"zip\(\)"):
        write(tmp_path / "file", records, [b"one image too few"] * 11, CLASSES, ".png")
    assert list(tmp_path.iterdir()) == []


def test_a_tar_is_read_by_webdataset_in_order_with_the_index_as_key(records: Records, tmp_path: Path) -> None:
    path = written(write_webdataset, tmp_path / "train-000001.tar", records)
    samples = list(webdataset.WebDataset(str(path), shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == [f"{index:09d}" for index in range(12, 24)]
    for row, sample in enumerate(samples):
        assert [key for key in sample if not key.startswith("__")] == ["cls", "json", "png"]
        np.testing.assert_array_equal(decode_png(sample["png"], 1), records.images[row])
        assert int(sample["cls"]) == records.labels[row]
        about = json.loads(sample["json"])
        assert about.pop("logit") == pytest.approx(records.logits[row], abs=1e-6)
        label = int(records.labels[row])
        assert about == {"index": 12 + row, "label": label, "class": CLASSES[label]}


def test_a_parquet_file_holds_image_label_index_and_logit(records: Records, tmp_path: Path) -> None:
    table = pq.read_table(written(write_parquet, tmp_path / "train-000001.parquet", records))
    assert table.column_names == ["image", "label", "index", "logit"]
    images = [decode_png(image["bytes"], 1) for image in table["image"].to_pylist()]
    np.testing.assert_array_equal(np.stack(images), records.images)
    np.testing.assert_array_equal(table["label"].to_numpy(), records.labels)
    np.testing.assert_array_equal(table["index"].to_numpy(), records.indices)
    np.testing.assert_array_equal(table["logit"].to_numpy(), records.logits)


def test_a_tar_without_labels_holds_nothing_like_one(unlabelled: Records, tmp_path: Path) -> None:
    path = written(write_webdataset, tmp_path / "train-000001.tar", unlabelled)
    samples = list(webdataset.WebDataset(str(path), shardshuffle=False))
    assert len(samples) == 12
    for row, sample in enumerate(samples):
        assert [key for key in sample if not key.startswith("__")] == ["json", "png"]
        assert json.loads(sample["json"]).keys() == {"index", "logit"}
        np.testing.assert_array_equal(decode_png(sample["png"], 1), unlabelled.images[row])


def test_a_parquet_file_without_labels_has_no_such_column_nor_feature(unlabelled: Records, tmp_path: Path) -> None:
    table = pq.read_table(written(write_parquet, tmp_path / "train-000001.parquet", unlabelled))
    assert table.column_names == ["image", "index", "logit"]
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == ["image", "index", "logit"]
    np.testing.assert_array_equal(table["index"].to_numpy(), unlabelled.indices)


@KINDS
def test_a_writer_of_unlabelled_records_that_fails_leaves_no_file(
    write: ShardWriter, unlabelled: Records, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"zip\(\)"):
        write(tmp_path / "file", unlabelled, [b"one image too few"] * 11, (), ".png")
    assert list(tmp_path.iterdir()) == []
