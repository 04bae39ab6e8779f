"""The contact sheet shows a dataset's first images of each class, whatever its format."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.base.errors import UserError
from pipeline.images.png import decode_png, encode_png
from pipeline.report.contact_sheet import UNLABELLED_ROWS, contact_sheet
from pipeline.sampling.records import Records
from pipeline.sampling.shards.formats import FORMATS
from pipeline.store.files import write_atomically, write_json
from tests.unit.tiny import SAMPLE

CLASSES = ["cat", "dog", "owl"]
DIGEST = "0" * 64
ABOUT = {
    "name": "small",
    "classes": CLASSES,
    "image": {"height": 8, "width": 8, "channels": 1, "encoding": "png"},
    "source": {"digest": DIGEST, "name": "", "licence": ""},
    "digest": "",
}
SYNTHETIC = {
    "format_version": 1,
    "dataset_id": DIGEST,
    "fingerprint": DIGEST,
    "count": 15,
    "precision": "fp32",
    "model": {"digest": DIGEST, "uri": ""},
    "software": {"device": ""},
    "filters": [],
    "config": {"sample": SAMPLE},
}


def described(file: str) -> dict:
    """A `dataset.json` whose train split is `file`."""
    split = {"rows": 3, "files": [{"file": file, "rows": 3, "sha256": ""}]}
    return {**ABOUT, "splits": {"train": split, "validation": split, "holdout": split}}


def grey(label: int, place: int) -> int:
    """The grey of the image number `place` of a class."""
    return 50 + 50 * label + place


def write_shard(path: Path, kind: str, labels: list[int], places: list[int], classes: list[str] = CLASSES) -> Path:
    images = np.stack([np.full((8, 8, 1), grey(*pair), np.uint8) for pair in zip(labels, places, strict=True)])
    count = len(labels)
    known = np.array(labels) if classes else None
    records = Records(images, known, np.arange(count), np.zeros(count, np.float32))
    ending, render = FORMATS[kind]
    write_atomically(
        path.with_suffix(ending), render(records, [encode_png(image) for image in images], classes, ".png")
    )
    return path.with_suffix(ending)


def synthetic(folder: Path, kind: str, classes: list[str] = CLASSES) -> Path:
    """A dataset of two shards: five images of each class, the first three in the first shard, mixed."""
    shards = []
    for number, places in enumerate([(0, 1, 2), (3, 4)]):
        pairs = [(label, place) for place in places for label in (2, 0, 1)]
        path = folder / "data" / f"train-{number:06d}"
        file = write_shard(path, kind, [label for label, _ in pairs], [place for _, place in pairs], classes)
        shard = {
            "shard": number,
            "first_index": 9 * number,
            "rows": len(pairs),
            "also": [],
            "labels": {},
            "candidates": len(pairs),
            "refused": {},
            "fingerprint": "",
        }
        shards.append({**shard, "file": f"data/{file.name}", "bytes": 0, "sha256": ""})
    write_json(folder / "manifest.json", {**ABOUT, **SYNTHETIC, "classes": classes, "shards": shards})
    return folder


def shown(png: bytes, columns: int) -> list[list[int]]:
    """The greys in the middle of the tiles, row by row."""
    sheet = decode_png(png, 1)[..., 0]
    width = sheet.shape[1] // columns  # tiles are square
    return sheet[width // 2 :: width, width // 2 :: width].tolist()


@pytest.mark.parametrize("kind", ["parquet", "webdataset"])
@pytest.mark.parametrize("per_class", [1, 2, 5])
def test_sheet_has_a_row_a_class_with_its_first_images_over_all_shards(tmp_path, kind, per_class):
    sheet = contact_sheet(synthetic(tmp_path, kind), per_class)
    assert shown(sheet.png, per_class) == [[grey(label, place) for place in range(per_class)] for label in range(3)]
    assert sheet.caption == f"{per_class} images per class, one class per row"


def test_a_class_that_was_not_asked_for_has_no_row(tmp_path):
    folder = synthetic(tmp_path, "parquet", classes=["cat", "dog", "owl", "hen"])
    manifest = json.loads((folder / "manifest.json").read_text())
    for shard in manifest["shards"]:
        shard["labels"] = {"cat": 3, "dog": 3, "owl": 3, "hen": 0}
    write_json(folder / "manifest.json", manifest)
    assert shown(contact_sheet(folder, 2).png, 2) == [[grey(label, place) for place in range(2)] for label in range(3)]


@pytest.mark.parametrize("kind", ["parquet", "webdataset"])
def test_sheet_without_classes_shows_the_first_images_over_all_shards(tmp_path, kind):
    sheet = contact_sheet(synthetic(tmp_path, kind, classes=[]), 6)
    mixed = [grey(label, place) for place in range(5) for label in (2, 0, 1)]
    assert shown(sheet.png, 6) == [mixed[:6], mixed[6:12], [*mixed[12:], 24, 24, 24]]
    assert sheet.caption == "the first 15 images"


def test_sheet_without_classes_is_no_longer_than_some_rows(tmp_path):
    sheet = contact_sheet(synthetic(tmp_path, "parquet", classes=[]), 1)
    assert len(shown(sheet.png, 1)) == UNLABELLED_ROWS
    assert sheet.caption == "the first 10 images"


def test_sheet_of_a_real_dataset_shows_its_train_split(tmp_path):
    write_shard(tmp_path / "train-000000", "parquet", [0, 1, 2], [9, 9, 9])
    write_json(tmp_path / "dataset.json", described("train-000000.parquet"))
    assert shown(contact_sheet(tmp_path, 1).png, 1) == [[grey(label, 9)] for label in range(3)]


def test_more_images_than_there_are_names_the_scarcest_class_and_its_number(tmp_path):
    write_shard(tmp_path / "train-000000", "parquet", [0, 0, 1, 2, 2], [0] * 5)
    write_json(tmp_path / "dataset.json", described("train-000000.parquet"))
    with pytest.raises(UserError, match=r"-n: 2 images per class, but 'dog' has 1; use at most that many"):
        contact_sheet(tmp_path, 2)


def test_folder_that_is_no_finished_dataset_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a finished dataset"):
        contact_sheet(tmp_path, 1)


DAMAGES = {
    "empty": lambda content: content[:0],
    "cut in the first header": lambda content: content[:100],
    "cut in a later header": lambda content: content[:1300],
    "first half zeroed": lambda content: bytes(len(content) // 2) + content[len(content) // 2 :],
    "pixels": lambda content: content.replace(b"IDAT", b"XXXX"),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_shard_without_labels_is_refused_by_name(tmp_path, kind):
    shard = synthetic(tmp_path, kind, classes=[]) / "data" / f"train-000000{FORMATS[kind][0]}"
    shard.write_bytes(shard.read_bytes()[:1300])
    with pytest.raises(UserError, match=shard.name):
        contact_sheet(tmp_path, 5)


# A tar that begins with zeros is an empty one.
@pytest.mark.parametrize(
    ("kind", "how"), [(kind, how) for how in DAMAGES for kind in FORMATS if (kind, how[:5]) != ("webdataset", "first")]
)
def test_damaged_shard_is_refused_by_name(tmp_path, kind, how):
    shard = synthetic(tmp_path, kind) / "data" / f"train-000000{FORMATS[kind][0]}"
    shard.write_bytes(DAMAGES[how](shard.read_bytes()))
    with pytest.raises(UserError, match=shard.name):
        contact_sheet(tmp_path, 5)


@pytest.mark.parametrize("kind", FORMATS)
def test_missing_shard_is_refused_by_name(tmp_path, kind):
    shard = synthetic(tmp_path, kind) / "data" / f"train-000000{FORMATS[kind][0]}"
    shard.unlink()
    with pytest.raises(UserError, match=shard.name):
        contact_sheet(tmp_path, 5)
