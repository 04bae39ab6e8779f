"""Our tars have the same fields of the same types in every sample, the last short shard among them, whoever reads them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import webdataset
from wids import ShardListDataset

from tests.unit.tiny import COUNT, SHARD_SIZE, GeneratedDataset

pytestmark = pytest.mark.usefixtures("one_thread")


def by_webdataset(data: Path, _: Path) -> Iterator[dict[str, Any]]:
    for sample in webdataset.WebDataset(sorted(map(str, data.glob("*.tar"))), shardshuffle=False):
        yield {name: value for name, value in sample.items() if not name.startswith("__")}


def by_wids(data: Path, cache: Path) -> Iterator[dict[str, Any]]:
    records = ShardListDataset(str(data / "wids.json"), cache_dir=str(cache), keep=True, transformations=[])
    for number in range(len(records)):
        sample = records[number]
        yield {
            name.removeprefix("."): value.read() if hasattr(value, "read") else value
            for name, value in sample.items()
            if not name.startswith("__")
        }


def by_datasets(data: Path, cache: Path) -> Iterator[dict[str, Any]]:
    from datasets import load_dataset

    files = sorted(map(str, data.glob("*.tar")))
    for sample in load_dataset("webdataset", data_files=files, split="train", cache_dir=str(cache)):
        yield {name: value for name, value in sample.items() if not name.startswith("__")}


@pytest.mark.parametrize("reader", [by_webdataset, by_wids, by_datasets])
@pytest.mark.parametrize("dataset", ["generated", "unlabelled"])
@pytest.mark.usefixtures("hf_datasets")
def test_every_sample_has_the_same_fields(
    reader: Any, dataset: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """datasets#7549, webdataset#327: types are inferred from the first samples, so a null there loses a column."""
    made: GeneratedDataset = request.getfixturevalue(dataset)
    assert COUNT % SHARD_SIZE  # the last shard is short
    samples = list(reader(made.out / "data", tmp_path / "cache"))
    assert len(samples) == COUNT
    abouts = [
        manifest_header if isinstance(manifest_header := sample["json"], dict) else json.loads(manifest_header)
        for sample in samples
    ]
    labelled = {"label": int, "class": str} if dataset == "generated" else {}
    expected = {"index": int, "logit": float, **labelled}
    assert [{name: type(value) for name, value in manifest_header.items()} for manifest_header in abouts] == [
        expected
    ] * COUNT
    assert [manifest_header["index"] for manifest_header in abouts] == list(range(COUNT))
    assert {frozenset(sample) for sample in samples} == {frozenset({"json", "png", *(["cls"] if labelled else [])})}
    assert len({tuple(type(value) for _, value in sorted(sample.items())) for sample in samples}) == 1
