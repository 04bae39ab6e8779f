"""CIFAR-10 and CIFAR-100 in their four forms, unpacked and as downloaded, are read pixel by pixel; what is damaged is refused."""

import gzip
import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.base.errors import UserError
from pipeline.config.schema import Data
from pipeline.config.sources import Source
from pipeline.data.sources import list_source
from pipeline.data.sources.kinds import cifar
from pipeline.data.sources.kinds.cifar import KIND as CIFAR
from pipeline.data.sources.location import locate
from pipeline.data.sources.source import Listing, RawImage, Request
from tests.unit.test_data_sources_pickled import Calls, of_python_2

TRAIN, TEST = 7, 5
TEN = [f"class {number}" for number in range(10)]
FINE, COARSE = [f"fine {number}" for number in range(100)], [f"coarse {number}" for number in range(20)]


def planes(count: int, seed: int) -> np.ndarray:
    """Images as CIFAR keeps them: red, green and blue one after the other."""
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), np.uint8)


def labels(count: int, classes: int, seed: int) -> list[int]:
    return np.random.default_rng(seed).integers(0, classes, count).tolist()


def batch(count: int, seed: int) -> dict[str, object]:
    return {
        "data": planes(count, seed),
        "labels": labels(count, 10, seed),
        "batch_label": "batch",
        "filenames": ["x"] * count,
    }


def batch_of_100(count: int, seed: int) -> dict[str, object]:
    return {
        "data": planes(count, seed),
        "fine_labels": labels(count, 100, seed),
        "coarse_labels": labels(count, 20, seed + 1),
    }


def records(pixels: np.ndarray, *columns: list[int]) -> bytes:
    return np.concatenate([np.array(columns, np.uint8).T, pixels], axis=1).tobytes()


def files_of(version: str) -> dict[str, bytes]:
    """Contents by name, as each version has them, with fewer images; Python 2 writes texts as bytes."""

    def pickled(value: dict[str, object]) -> bytes:
        return pickle.dumps({key.encode(): inner for key, inner in value.items()}, 2)

    ten = {f"data_batch_{number}": batch(TRAIN, number) for number in range(1, 6)} | {"test_batch": batch(TEST, 9)}
    hundred = {"train": batch_of_100(TRAIN, 1), "test": batch_of_100(TEST, 9)}
    return {
        "cifar-10-batches-py": {
            **{name: pickled(content) for name, content in ten.items()},
            "batches.meta": pickled({"label_names": [name.encode() for name in TEN], "num_vis": 3072}),
        },
        "cifar-10-batches-bin": {
            **{f"{name}.bin": records(content["data"], content["labels"]) for name, content in ten.items()},
            "batches.meta.txt": ("\n".join(TEN) + "\n\n").encode(),
        },
        "cifar-100-python": {
            **{name: pickled(content) for name, content in hundred.items()},
            "meta": pickled({"fine_label_names": FINE, "coarse_label_names": COARSE}),
        },
        "cifar-100-binary": {
            **{f"{name}.bin": records(content["data"], content["coarse_labels"], content["fine_labels"]) for name, content in hundred.items()},
            "fine_label_names.txt": ("\n".join(FINE) + "\n").encode(),
            "coarse_label_names.txt": ("\n".join(COARSE) + "\n").encode(),
        },
    }[version]  # fmt: skip


VERSIONS = ["cifar-10-batches-py", "cifar-10-batches-bin", "cifar-100-python", "cifar-100-binary"]


def unpack(version: str, folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "readme.html").write_text("<html>")
    for name, content in files_of(version).items():
        (folder / name).write_bytes(content)
    return folder


def pack(folder: Path, path: Path) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        tar.add(folder, folder.name)
    return path


def request_of(path: Path, label: str | None = None) -> Request:
    source = Source(path=str(path), kind="cifar", label=label)
    return Request(locate(str(path), None, path, lambda _: None), source, "auto", path, lambda _: None)


def listed(path: Path, label: str | None = None) -> Listing:
    request = request_of(path, label)
    assert CIFAR.recognises(request.location)
    return CIFAR.list_images(request)


def images_of(listing: Listing) -> list[RawImage]:
    return [image for part in listing.parts for image in pickle.loads(pickle.dumps(part)).images()]


def refusal(path: Path, label: str | None = None) -> str:
    with pytest.raises(UserError) as caught:
        images_of(CIFAR.list_images(request_of(path, label)))
    return str(caught.value)


def require_equal(found: list[RawImage], version: str, label: str = "fine") -> None:
    hundred = "100" in version
    seeds = [("train", 1)] if hundred else [("train", number) for number in range(1, 6)]
    expected = [
        (split, pixels, number)
        for split, count, seed in [*((split, TRAIN, seed) for split, seed in seeds), ("holdout", TEST, 9)]
        for pixels, number in zip(
            planes(count, seed).reshape(count, 3, 32, 32),
            labels(count, 20, seed + 1) if label == "coarse" else labels(count, 100 if hundred else 10, seed),
            strict=True,
        )
    ]
    assert [(image.split, image.label) for image in found] == [(split, number) for split, _, number in expected]
    for image, (_, pixels, _) in zip(found, expected, strict=True):
        assert np.array_equal(image.content, np.stack(list(pixels), axis=-1))


@pytest.mark.parametrize("form", ["folder", "below", "cifar.tar.gz", "cifar.tar"])
@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_is_read_pixel_by_pixel(tmp_path, version, form):
    path = unpack(version, tmp_path / "downloads" / version)
    if form.startswith("cifar"):
        path = pack(path, tmp_path / form)
    listing = listed(path.parent if form == "below" else path)
    assert listing.classes == (FINE if "100" in version else TEN)
    assert listing.splits == ("train", "holdout")
    assert listing.warnings == []
    require_equal(images_of(listing), version)


@pytest.mark.parametrize("version", VERSIONS[2:])
@pytest.mark.parametrize("asked", ["coarse", "coarse_label", "coarse_labels"])
def test_the_coarse_labels_of_cifar_100_are_taken_where_asked_for(tmp_path, version, asked):
    listing = listed(unpack(version, tmp_path / "x"), asked)
    assert listing.classes == COARSE
    require_equal(images_of(listing), version, "coarse")


def test_labels_that_are_not_there_are_refused(tmp_path):
    path = unpack("cifar-10-batches-py", tmp_path / "x")
    assert "data.source.label: 'coarse', but the labels of CIFAR-10 are label; use label" in refusal(path, "coarse")
    path = unpack("cifar-100-python", tmp_path / "y")
    assert "data.source.label: 'class', but the labels of CIFAR-100 are fine and coarse; use" in refusal(path, "class")


def test_what_python_2_wrote_is_read(tmp_path):
    path = unpack("cifar-10-batches-py", tmp_path / "x")
    pixels = planes(2, 3)
    (path / "test_batch").write_bytes(of_python_2(pixels))
    found = [image for image in images_of(listed(path)) if image.split == "holdout"]
    assert [image.label for image in found] == [0, 7]
    assert np.array_equal(found[1].content, pixels[1].reshape(3, 32, 32).transpose(1, 2, 0))


@pytest.mark.parametrize("version", VERSIONS[:2])
def test_parts_are_pieces_of_one_batch_and_change_with_it_alone(tmp_path, monkeypatch, version):
    path = unpack(version, tmp_path / "x")
    whole = images_of(listed(path))
    monkeypatch.setattr(cifar, "PART_IMAGES", 3)
    before = listed(path)
    assert [len(list(part.images())) for part in before.parts] == [3, 3, 1] * 5 + [3, 2]
    assert [(image.name, image.content.tobytes()) for image in images_of(before)] == [
        (image.name, image.content.tobytes()) for image in whole
    ]
    ending = ".bin" if version.endswith("bin") else ""
    os.utime(path / f"data_batch_3{ending}", (0, 0))
    old, new = ([part.identity for part in listing.parts] for listing in (before, listed(path)))
    assert [number for number in range(17) if old[number] != new[number]] == [6, 7, 8]
    assert len(set(old)) == 17


def test_missing_batches_and_names_are_warned_of(tmp_path):
    path = unpack("cifar-10-batches-py", tmp_path / "x")
    (path / "batches.meta").unlink()
    (path / "data_batch_4").unlink()
    listing = listed(path)
    assert listing.classes is None
    assert listing.warnings == [
        f"{name} is missing; a whole copy of CIFAR-10 has it." for name in ("data_batch_4", "batches.meta")
    ]


def test_two_copies_are_refused_with_their_places(tmp_path):
    for version in VERSIONS[:2]:
        unpack(version, tmp_path / version)
    message = refusal(tmp_path)
    assert "holds CIFAR 2 times: cifar-10-batches-bin (cifar-10-batches-bin), cifar-10-batches-py" in message


@pytest.mark.parametrize(
    ("version", "name", "content", "message"),
    [
        ("cifar-10-batches-bin", "test_batch.bin", bytes(3072), "truncated: 3072 bytes are not a whole number of images of 3073"),
        ("cifar-100-binary", "train.bin", b"", "truncated: 0 bytes"),
        ("cifar-10-batches-py", "data_batch_2", b"<html>", "its pickle is refused: it is damaged, or no pickle"),
        ("cifar-10-batches-py", "data_batch_2", pickle.dumps({"data": planes(2, 0), "labels": [1]}), "has 2 images but 1 labels"),
        ("cifar-10-batches-py", "data_batch_2", pickle.dumps({"data": planes(2, 0)}), "no list `labels` of numbers"),
        ("cifar-10-batches-py", "data_batch_2", pickle.dumps({"labels": [1]}), "no array `data` of 3072 bytes for each image"),
        ("cifar-10-batches-py", "batches.meta", pickle.dumps({"label_names": [1]}), "no list of names for the labels"),
        ("cifar-10-batches-py", "batches.meta", pickle.dumps(7), "its pickle is refused: it holds no dictionary"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named(tmp_path, version, name, content, message):
    path = unpack(version, tmp_path / "x")
    (path / name).write_bytes(content)
    found = refusal(path)
    assert found.startswith(f"{path}/{name}: ")
    assert message in found


@pytest.mark.parametrize("name", ["data_batch_3", "batches.meta"])
def test_a_hostile_pickle_is_refused_in_an_archive_too(tmp_path, name):
    path = unpack("cifar-10-batches-py", tmp_path / "cifar-10-batches-py")
    (path / name).write_bytes(pickle.dumps({"data": Calls(os.system, f"touch {tmp_path / 'made'}")}, 2))
    tar = pack(path, tmp_path / "x.tar.gz")
    for source in (path, tar):
        assert f"{name}: its pickle is refused: it wants 'posix.system'" in refusal(source)
    assert not (tmp_path / "made").exists()


def test_an_archive_that_is_cut_off_or_leads_out_is_refused(tmp_path):
    tar = pack(unpack("cifar-10-batches-py", tmp_path / "cifar-10-batches-py"), tmp_path / "x.tar.gz")
    content = tar.read_bytes()
    tar.write_bytes(content[: len(content) // 2])
    assert "cannot be read: the tar is damaged or cut off here" in refusal(tar)
    with gzip.open(tar, "wb") as packed, tarfile.open(fileobj=packed, mode="w") as made:
        made.addfile(tarfile.TarInfo("../cifar-10-batches-py/data_batch_1"), io.BytesIO())
    assert "is refused: ../cifar-10-batches-py/data_batch_1: a name in a tar that leads out of it" in refusal(tar)


def test_auto_finds_it(tmp_path):
    path = unpack("cifar-100-python", tmp_path / "x")
    data = Data(source=Source(path=str(path), label="coarse"), size=32)
    kind, listing = list_source(data, tmp_path, lambda _: None)
    assert (kind, listing.classes, listing.name) == ("cifar", COARSE, "CIFAR-100")


def test_other_places_are_not_taken_for_cifar(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.png").touch()
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"text"))
    for path in (tmp_path, tmp_path / "a.gz", pack(tmp_path / "train", tmp_path / "b.tar")):
        assert not CIFAR.recognises(request_of(path).location)
    assert "which wants the files of CIFAR-10 or CIFAR-100" in refusal(tmp_path)
