"""Images in Parquet come in as `datasets` writes them, row group by row group, with the classes that the metadata name."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from datasets import Image as ImageFeature
from PIL import Image

from pipeline.base.errors import UserError
from pipeline.data.decode import decode
from pipeline.data.sources.kinds import parquet as module
from pipeline.data.sources.kinds.parquet import DAMAGED, EXTERNAL, NULL
from pipeline.data.sources.source import Listing, RawImage
from pipeline.images.image_parquet import image_schema, images_as_parquet
from pipeline.images.png import encode_png
from tests.unit.canonical_data import data_of, write_arrays
from tests.unit.tree_files import fill, listed

PIXELS = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3), np.uint8)
PNG = [encode_png(image) for image in PIXELS]


def images(listing: Listing) -> list[RawImage]:
    return [image for part in listing.parts for image in part.images()]


def write(path: Path, rows_of_a_group: int = 1000, **columns: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=rows_of_a_group)


def test_what_datasets_writes_is_read_as_datasets_reads_it(tmp_path):
    features = Features({"image": ImageFeature(), "label": ClassLabel(names=["zebra", "ant"]), "text": Value("string")})
    rows = {
        "image": [Image.fromarray(image) for image in PIXELS],
        "label": [number % 2 for number in range(60)],
        "text": [f"number {number}" for number in range(60)],
    }
    (tmp_path / "data").mkdir()
    whole = Dataset.from_dict(rows, features=features)
    for name, chosen in (
        ("train-00000-of-00002", range(20)),
        ("train-00001-of-00002", range(20, 50)),
        ("test-00000-of-00001", range(50, 60)),
    ):
        whole.select(chosen).to_parquet(tmp_path / "data" / f"{name}.parquet")
    listing = listed(tmp_path)
    assert (listing.classes, set(listing.splits)) == (["zebra", "ant"], {"train", "holdout"})
    assert (listing.left_out, listing.warnings) == ([], [])
    found = {image.text: image for image in images(listing)}
    assert len(found) == 60
    for number, row in enumerate(whole):
        image = found[f"number {number}"]
        assert np.array_equal(decode(image.content, (255, 255, 255)).picture, row["image"])
        assert image.label == str(row["label"])
        assert image.split == ("train" if number < 50 else "holdout")
    assert images(listing)[0].name.startswith("data/test-00000-of-00001.parquet#0")


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_plain_bytes_and_names_as_labels_are_read_too(tmp_path, kind):
    write(tmp_path / "mine.parquet", photo=pa.array(PNG, kind), category=["cat", "dog", " cat ", ""] * 15)
    for path in (tmp_path, tmp_path / "mine.parquet"):
        listing = listed(path)
        assert listing.classes is None
        assert [image.label for image in images(listing)] == ["cat", "dog", "cat", None] * 15
        assert [image.content for image in images(listing)] == PNG


def test_numbers_without_names_are_names_and_several_columns_are_joined(tmp_path):
    write(
        tmp_path / "a.parquet", image=PNG[:3], label=pa.array([10, 2, None], pa.int32()), colour=["red", "red", "red"]
    )
    assert [image.label for image in images(listed(tmp_path))] == ["10", "2", None]
    joined = images(listed(tmp_path, label=["colour", "label"]))
    assert [image.label for image in joined] == ["red + 10", "red + 2", None]
    with pytest.raises(UserError, match=r"data\.source\.label: 'color', but .*Did you mean 'colour'"):
        listed(tmp_path, label="color")


def test_no_label_is_minus_one(tmp_path):
    features = Features({"image": ImageFeature(), "label": ClassLabel(names=["a", "b"])})
    rows = {"image": [Image.fromarray(image) for image in PIXELS[:3]], "label": [-1, 1, None]}
    Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "train.parquet")
    assert [image.label for image in images(listed(tmp_path))] == [None, "1", None]


def test_files_that_count_the_classes_differently_are_joined_by_name(tmp_path):
    for split, names in (("train", ["0", "180", "90"]), ("test", ["0", "90"])):
        features = Features({"image": ImageFeature(), "angle": ClassLabel(names=names)})
        rows = {"image": [Image.fromarray(image) for image in PIXELS[:2]], "angle": ["0", "90"]}
        Dataset.from_dict(rows, features=features).to_parquet(tmp_path / f"{split}-00000-of-00001.parquet")
    listing = listed(tmp_path)
    assert listing.classes is None
    assert [image.label for image in images(listing)] == ["0", "90", "0", "90"]


def test_of_two_columns_of_classes_one_has_to_be_named(tmp_path):
    features = Features(
        {"img": ImageFeature(), "fine": ClassLabel(names=["a", "b"]), "coarse": ClassLabel(names=["c"])}
    )
    rows = {"img": [Image.fromarray(PIXELS[0])], "fine": [1], "coarse": [0]}
    Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "train.parquet")
    with pytest.raises(
        UserError, match=r"train\.parquet: the label may be in fine or coarse\. Say which by data\.source\.label"
    ):
        listed(tmp_path)
    assert listed(tmp_path, label="fine").classes == ["a", "b"]
    assert [image.label for image in images(listed(tmp_path, label=["coarse", "fine"]))] == ["c + b"]


def test_a_row_without_an_image_has_its_reason(tmp_path):
    cells = [
        {"bytes": PNG[0], "path": "a.png"},
        None,
        {"bytes": None, "path": None},
        {"bytes": None, "path": "/x/b.png"},
    ]
    write(tmp_path / "t.parquet", image=cells)
    assert [(image.name, image.reason) for image in images(listed(tmp_path))] == [
        ("t.parquet#0 (a.png)", None), ("t.parquet#1", NULL), ("t.parquet#2", NULL), ("t.parquet#3 (/x/b.png)", EXTERNAL),
    ]  # fmt: skip
    write(tmp_path / "t.parquet", image=pa.array([None, PNG[0]], pa.binary()))
    assert [image.reason for image in images(listed(tmp_path))] == [NULL, None]


@pytest.mark.parametrize("rows_of_a_group", [1, 7, 60])
def test_row_groups_are_put_together_or_divided_and_no_row_is_lost(tmp_path, monkeypatch, rows_of_a_group):
    monkeypatch.setattr(module, "PART_IMAGES", 10)
    monkeypatch.setattr(module, "BATCH_BYTES", 5 * len(PNG[0]))
    write(tmp_path / "t.parquet", rows_of_a_group, image=PNG, text=[str(number) for number in range(60)])
    listing = listed(tmp_path)
    assert [image.text for image in images(listing)] == [str(number) for number in range(60)]
    assert [image.name for image in images(listing)] == [f"t.parquet#{number}" for number in range(60)]
    assert len({part.identity for part in listing.parts}) == len(listing.parts) >= 4
    assert max(len(list(part.images())) for part in listing.parts) <= 14


def test_one_file_more_leaves_the_parts_of_the_others(tmp_path):
    write(tmp_path / "a.parquet", image=PNG[:5])
    write(tmp_path / "b.parquet", image=PNG[5:9])
    before = [part.identity for part in listed(tmp_path).parts]
    write(tmp_path / "c.parquet", image=PNG[9:12])
    assert [part.identity for part in listed(tmp_path).parts][:2] == before
    write(tmp_path / "a.parquet", image=PNG[:6])
    assert listed(tmp_path).parts[0].identity != before[0]


def test_damage_costs_the_rows_of_its_group_alone(tmp_path):
    write(tmp_path / "t.parquet", 20, image=PNG)
    with pq.ParquetFile(tmp_path / "t.parquet") as file:
        start = (
            file.metadata.row_group(1).column(0).dictionary_page_offset
            or file.metadata.row_group(1).column(0).data_page_offset
        )
    content = bytearray((tmp_path / "t.parquet").read_bytes())
    content[start : start + 200] = b"\xff" * 200
    (tmp_path / "t.parquet").write_bytes(content)
    found = images(listed(tmp_path))
    assert [image.reason for image in found] == [None] * 20 + [DAMAGED] * 20 + [None] * 20
    assert [image.name for image in found] == [f"t.parquet#{number}" for number in range(60)]


def test_a_file_that_went_away_has_a_reason_for_each_row(tmp_path):
    write(tmp_path / "t.parquet", image=PNG[:3])
    listing = listed(tmp_path)
    (tmp_path / "t.parquet").unlink()
    assert [image.reason for image in images(listing)] == [DAMAGED] * 3


def test_our_own_canonical_dataset_is_a_source(tmp_path):
    labels = np.arange(60) % 3
    write_arrays(
        (PIXELS, labels),
        data_of(["c", "a", "b"], channels=3, near_duplicates="keep", validation_share=0.35, holdout_share=0.35),
        tmp_path,
    )
    listing = listed(tmp_path)
    assert (listing.classes, set(listing.splits)) == (["c", "a", "b"], {"train", "validation", "holdout"})
    found = {decode(image.content, (0, 0, 0)).picture.tobytes(): image.label for image in images(listing)}
    assert found == {image.tobytes(): str(label) for image, label in zip(PIXELS, labels, strict=True)}
    assert [name for name, _ in listing.left_out] == ["dataset.json"]


def test_our_own_shards_are_a_source(tmp_path):
    schema = image_schema(["a", "b"], {"logit": "float32"})
    (tmp_path / "data").mkdir()
    for number in range(2):
        chosen = np.arange(number * 30, number * 30 + 30)
        content = images_as_parquet(
            schema, [PNG[row] for row in chosen], chosen % 2, chosen, {"logit": np.zeros(30, np.float32)}, ".png"
        )
        (tmp_path / f"data/train-{number:06d}.parquet").write_bytes(content)
    (tmp_path / "manifest.json").write_text("{}")
    listing = listed(tmp_path)
    assert (listing.classes, listing.splits, listing.warnings) == (["a", "b"], ("train",), [])
    assert [image.label for image in images(listing)] == [str(number % 2) for number in range(60)]
    assert [image.content for image in images(listing)] == PNG


def test_a_folder_of_images_with_metadata_in_parquet_is_no_parquet_source(tmp_path):
    fill(tmp_path, "a.png")
    pq.write_table(pa.table({"file_name": ["a.png"], "label": ["x"]}), tmp_path / "metadata.parquet")
    assert [image.name for image in images(listed(tmp_path))] == ["a.png"]


def test_what_holds_no_images_is_refused_with_its_columns(tmp_path):
    write(tmp_path / "t.parquet", name=["a"], size=[1])
    with pytest.raises(UserError, match=r"t\.parquet: no column holds images.* It has the columns name, size\."):
        listed(tmp_path, kind="parquet")
    write(tmp_path / "t.parquet", one=PNG[:1], two=PNG[:1])
    with pytest.raises(UserError, match=r"the images may be in one or two\. Call one `image`"):
        listed(tmp_path)
    (tmp_path / "t.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(UserError, match=r"t\.parquet is no Parquet file that can be read .*\. Get it again\."):
        listed(tmp_path, kind="parquet")
    (tmp_path / "t.parquet").unlink()
    (tmp_path / "x.json").write_text(json.dumps({}))
    with pytest.raises(UserError, match=r"holds no Parquet files, but data\.source\.kind is parquet"):
        listed(tmp_path, kind="parquet")


def test_a_file_that_lacks_a_column_of_the_others_is_named(tmp_path):
    write(tmp_path / "a.parquet", image=PNG[:1], label=["x"])
    write(tmp_path / "b.parquet", image=PNG[1:2])
    with pytest.raises(UserError, match=r"b\.parquet has no column 'label', but a\.parquet has\."):
        listed(tmp_path)


def test_parquet_in_an_object_store_is_read_like_that_of_a_folder(tmp_path, bucket):
    write(tmp_path / "train-00000-of-00001.parquet", 7, image=PNG, label=["x", "y"] * 30)
    bucket.write("set/data/train-00000-of-00001.parquet", (tmp_path / "train-00000-of-00001.parquet").read_bytes())
    expected = [(image.content, image.label) for image in images(listed(tmp_path))]
    for path in ("set", "set/data/train-00000-of-00001.parquet"):
        listing = pickle.loads(pickle.dumps(listed(f"{bucket.url}/{path}")))
        assert [(image.content, image.label) for image in images(listing)] == expected
