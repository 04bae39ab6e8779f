"""Images survive PNG and Parquet unchanged, and other people's tools see them as pictures."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.base.errors import UserError
from pipeline.images.image_parquet import image_blocks, image_schema, images_as_parquet
from pipeline.images.png import encode_png

CLASSES = ["T-shirt/top", "été", "7"]
FILL_THE_DISK = """
import numpy as np
from pipeline.images.image_parquet import image_schema, images_as_parquet
from pipeline.base.errors import UserError
from pipeline.store.files import write_atomically
target = disk / "shard.parquet"
content = images_as_parquet(image_schema(["a"]), [bytes(100_000)] * 10, np.zeros(10, np.int64), np.arange(10), {}, ".png")
target.write_bytes(b"old")
try:
    write_atomically(target, content)
    error = None
except UserError as refused:
    error = str(refused)
print(json.dumps({"error": error, "content": target.read_text(), "files": sorted(p.name for p in disk.iterdir())}))
"""


def some_images(count: int, channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, channels), np.uint8)


def write(path, images: np.ndarray, extra: dict[str, np.ndarray] | None = None) -> None:
    schema = image_schema(CLASSES, dict.fromkeys(extra or {}, "float32"))
    numbers = np.arange(len(images))
    encoded = [encode_png(image) for image in images]
    path.write_bytes(images_as_parquet(schema, encoded, numbers % 3, numbers + 7, extra or {}, ".png"))


def test_images_without_classes_have_no_label_and_still_load_as_pictures(tmp_path, hf_datasets):
    images = some_images(3, 1)
    encoded = [encode_png(image) for image in images]
    content = images_as_parquet(image_schema([]), encoded, None, np.arange(3), {}, ".png")
    (tmp_path / "file.parquet").write_bytes(content)
    loaded = hf_datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "file.parquet"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded.column_names == ["image", "index"]
    assert np.array_equal(np.asarray(loaded[2]["image"])[..., None], images[2])


@pytest.mark.parametrize("channels", [1, 3])
def test_parquet_gives_back_images_and_labels_in_order(tmp_path, channels):
    images = some_images(1001, channels)  # more than two row groups
    write(tmp_path / "file.parquet", images)
    blocks = list(image_blocks(tmp_path / "file.parquet", channels))
    read, labels = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    assert np.array_equal(read, images)
    assert labels.dtype == np.int64
    assert np.array_equal(labels, np.arange(1001) % 3)


def test_equal_input_gives_equal_parquet_bytes(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name, some_images(30, 1), {"logit": np.linspace(-1, 1, 30, dtype=np.float32)})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_one_row_group_can_be_read_without_the_others(tmp_path):
    write(tmp_path / "file.parquet", some_images(1001, 1))
    file = pq.ParquetFile(tmp_path / "file.parquet")
    assert file.read_row_group(1, columns=["index"])["index"].to_pylist() == list(range(507, 1007))


@pytest.mark.parametrize("channels", [1, 3])
def test_hugging_face_shows_pictures_and_class_names(tmp_path, hf_datasets, channels):
    images = some_images(5, channels)
    write(tmp_path / "file.parquet", images, {"logit": np.linspace(0, 1, 5, dtype=np.float32)})
    loaded = hf_datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "file.parquet"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded.features["label"].names == CLASSES
    for record, image in zip(loaded, images, strict=True):
        assert np.array_equal(np.asarray(record["image"]).reshape(image.shape), image)
    assert loaded["index"][:] == [7, 8, 9, 10, 11]
    assert loaded["label"][:] == [0, 1, 2, 0, 1]
    assert loaded["logit"][:] == [0, 0.25, 0.5, 0.75, 1]


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="length"):
        images_as_parquet(image_schema(CLASSES), [bytes(10)] * 3, np.zeros(2, np.int64), np.arange(3), {}, ".png")


def test_full_disk_is_a_user_error_and_the_old_shard_stays(run_on_tmpfs):
    result = run_on_tmpfs("128k", FILL_THE_DISK)
    assert "disk is full" in result["error"]
    assert (result["content"], result["files"]) == ("old", ["shard.parquet"])


def test_missing_parquet_names_the_stage_to_run(tmp_path):
    with pytest.raises(UserError, match=r"gone\.parquet is missing\. Run the stage ingest, which writes it"):
        list(image_blocks(tmp_path / "gone.parquet", 1))


def damaged(content: bytes, how: str) -> bytes:
    middle = len(content) // 2
    return {
        "empty": b"",
        "cut": content[:middle],
        "no header pages": bytes(middle) + content[middle:],
        "pixels": content.replace(b"IDAT", b"XXXX"),
        "another format": b"PK" + content[2:-4] + b"zzzz",
    }[how]


@pytest.mark.parametrize("how", ["empty", "cut", "no header pages", "pixels", "another format"])
def test_damaged_parquet_is_refused_by_name(tmp_path, how):
    path = tmp_path / "file.parquet"
    write(path, some_images(600, 1))
    path.write_bytes(damaged(path.read_bytes(), how))
    with pytest.raises(UserError, match=r"file\.parquet is damaged"):
        list(image_blocks(path, 1))
