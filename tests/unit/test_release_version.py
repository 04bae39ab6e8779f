"""Version numbers say what changed: packaging, more records, other records."""

from typing import Any

import pytest
from semver import Version

from pipeline.models.weights import TrainedPair
from pipeline.release.version import next_version
from pipeline.sampling.manifest import Manifest
from tests.unit.tiny import SAMPLE, manifest_header

SHARD = {
    "shard": 0,
    "first_index": 0,
    "rows": 30,
    "candidates": 30,
    "refused": {},
    "file": "data/train-000000.parquet",
    "bytes": 1,
    "sha256": "0" * 64,
    "also": [],
    "labels": {},
    "fingerprint": "f" * 64,
}
IDENTITY = {"format_version": 1, "dataset_id": "a" * 64, "fingerprint": "f" * 64, "count": 30}
OTHER = {"dataset_id": "b" * 64, "fingerprint": "e" * 64}


def manifest(pair: TrainedPair, sample: dict[str, Any] = SAMPLE, **changes: Any) -> Manifest:
    return Manifest.model_validate(IDENTITY | dict(manifest_header(pair, sample)) | {"shards": [SHARD]} | changes)


def after(old: Manifest, new: Manifest) -> tuple[str, str]:
    version, change = next_version((Version(1, 2, 3), old), new)
    return str(version), change


def test_the_first_is_1_0_0(tiny_pair: TrainedPair) -> None:
    assert next_version(None, manifest(tiny_pair)) == (Version(1), "first version, 30 records")


def test_the_same_dataset_keeps_its_number(tiny_pair: TrainedPair) -> None:
    old = manifest(tiny_pair)
    assert after(old, manifest(tiny_pair)) == ("1.2.3", "nothing")


def test_more_of_the_same_records_is_minor_and_fewer_is_major(tiny_pair: TrainedPair) -> None:
    old = manifest(tiny_pair)
    more, fewer = (manifest(tiny_pair, dataset_id="b" * 64, count=count) for count in (1030, 20))
    assert after(old, more) == ("1.3.0", "1,000 records added, 1,030 in all")
    assert after(old, fewer) == ("2.0.0", "10 records removed, 20 left")


def test_the_same_records_in_other_files_are_a_patch(tiny_pair: TrainedPair) -> None:
    new = manifest(tiny_pair, SAMPLE | {"formats": ["parquet"]}, **OTHER)
    assert after(manifest(tiny_pair), new) == ("1.2.4", "the same records as parquet")


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        ({"seed": 9}, "sample.seed: 3 there, 9 now"),
        ({"seed": 9, "formats": ["parquet"]}, "sample.seed: 3 there, 9 now"),
        ({}, "the code of imagemint"),
    ],
    ids=str,
)
def test_other_records_are_major_and_it_says_why(tiny_pair: TrainedPair, sample: dict[str, Any], said: str) -> None:
    version, change = after(manifest(tiny_pair), manifest(tiny_pair, SAMPLE | sample, **OTHER, count=60))
    assert version == "2.0.0"
    assert said in change
