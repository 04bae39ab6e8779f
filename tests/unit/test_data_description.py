"""`dataset.json` is written as readers know it, and one that lacks what they need is refused by key."""

import json

import pytest

from pipeline.base.errors import UserError
from pipeline.data.description import DatasetDescription, describe
from pipeline.store.files import write_json

SPLIT = {"rows": 3, "classes": {"a": 3}, "files": [{"file": "train-000000.parquet", "rows": 3, "sha256": "0"}]}
KEPT = {"count": 1, "file": "leaks.parquet", "sha256": "1"}
SPLITS = {"train": SPLIT, "validation": SPLIT, "holdout": SPLIT}
CONTENT = {
    "name": "small",
    "digest": "f" * 64,
    "source": {"name": "folder of images", "licence": "CC0-1.0", "kind": "folder"},
    "image": {"height": 8, "width": 8, "channels": 1},
    "classes": ["a"],
    "splits": SPLITS,
    "mean": [0.5],
    "std": [0.25],
    "enlarged": 1,
    "warnings": ["odd"],
    "left_out": {"duplicate": {"count": 1, "first": ["b"]}},
    "quarantine": {"count": 0, "file": None, "sha256": None},
    "leaks": KEPT,
}
SINCE = ("mean", "std", "enlarged", "warnings", "left_out", "quarantine", "leaks")


def test_file_holds_what_is_described_in_the_order_of_its_keys(tmp_path):
    DatasetDescription.model_validate(CONTENT).write(tmp_path)
    assert json.dumps(json.loads((tmp_path / "dataset.json").read_text())) == json.dumps(CONTENT)
    assert describe(tmp_path) == DatasetDescription.model_validate(CONTENT)


def test_file_of_an_earlier_version_is_read(tmp_path):
    write_json(tmp_path / "dataset.json", {key: value for key, value in CONTENT.items() if key not in SINCE})
    assert describe(tmp_path).leaks.count == 0


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"digest": 3}, "digest: Input should be a valid string"),
        ({"classes": None}, "classes: Input should be a valid list"),
        ({"splits": {"train": SPLIT, "validation": SPLIT}}, "splits.holdout is missing"),
        ({"splits": {**SPLITS, "test": SPLIT}}, "splits.test"),
        ({"splits": {**SPLITS, "train": {**SPLIT, "files": []}}}, "splits.train.files"),
    ],
)
def test_wrong_file_is_refused_by_key(tmp_path, changed, named):
    write_json(tmp_path / "dataset.json", {**CONTENT, **changed})
    with pytest.raises(UserError) as caught:
        describe(tmp_path)
    assert named in str(caught.value)
    assert "Run ingest again" in str(caught.value)
