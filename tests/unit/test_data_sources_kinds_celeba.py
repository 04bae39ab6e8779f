"""CelebA's images are joined with its lists by file name; what fits no image or no row is named."""

import io
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.base.errors import UserError
from pipeline.config.sources import Source
from pipeline.data.decode import decode
from pipeline.data.sources.kinds.celeba import KIND as CELEBA
from pipeline.data.sources.location import locate
from pipeline.data.sources.source import Listing, RawImage, Request

ATTRIBUTES = ["5_o_Clock_Shadow", "Male", "Smiling"]
COUNT = 12
FILES = [f"{number:06d}.jpg" for number in range(1, COUNT + 1)]
MALE = {file: number % 2 == 0 for number, file in enumerate(FILES)}
SMILING = {file: number % 3 == 0 for number, file in enumerate(FILES)}
SPLIT = {file: ("train", "validation", "holdout")[number % 3] for number, file in enumerate(FILES)}
SHUFFLED = random.Random(0).sample(FILES, COUNT)


def jpeg(seed: int) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (14, 10, 3), np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


JPEGS = {file: jpeg(seed) for seed, file in enumerate(FILES)}


def row(file: str) -> list[str]:
    return [{True: "1", False: "-1"}[value] for value in (False, MALE[file], SMILING[file])]


def text_lists() -> dict[str, str]:
    """As the authors publish them: the count, the header, a space more before a positive value; the splits in any order."""
    attributes = [str(COUNT), " ".join(ATTRIBUTES) + " "]
    attributes += [
        file + " " + "".join(f" {value}" if value == "-1" else f"  {value}" for value in row(file)) for file in FILES
    ]
    partition = [f"{file} {('train', 'validation', 'holdout').index(SPLIT[file])}" for file in SHUFFLED]
    return {
        "list_attr_celeba.txt": "\n".join(attributes) + "\n",
        "list_eval_partition.txt": "\n".join(partition) + "\n",
    }


def csv_lists() -> dict[str, str]:
    """As Kaggle has them."""
    attributes = [",".join(["image_id", *ATTRIBUTES]), *(",".join([file, *row(file)]) for file in FILES)]
    partition = ["image_id,partition"]
    partition += [f"{file},{('train', 'validation', 'holdout').index(SPLIT[file])}" for file in SHUFFLED]
    return {"list_attr_celeba.csv": "\r\n".join(attributes), "list_eval_partition.csv": "\r\n".join(partition)}


def put(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def zipped(files: dict[str, bytes | str]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def images(folder: str = "img_align_celeba") -> dict[str, bytes]:
    return {f"{folder}/{file}": content for file, content in JPEGS.items()}


@pytest.fixture
def celeba(tmp_path) -> Path:
    return put(tmp_path / "celeba", {**images(), **text_lists()})


def request_of(path: Path, label: str | list[str] | None = "Smiling", text: str = "auto") -> Request:
    source = Source(path=str(path), kind="celeba", label=label)
    downloads = path.parent / "downloads"
    return Request(locate(str(path), None, downloads, lambda _: None), source, text, downloads, lambda _: None)


def listed(path: Path, label: str | list[str] | None = "Smiling") -> Listing:
    request = request_of(path, label)
    assert CELEBA.recognises(request.location)
    return CELEBA.list_images(request)


def refusal(path: Path, label: str | list[str] | None = "Smiling", text: str = "auto") -> str:
    with pytest.raises(UserError) as caught:
        CELEBA.list_images(request_of(path, label, text))
    return str(caught.value)


def by_file(listing: Listing) -> dict[str, RawImage]:
    found = [image for part in listing.parts for image in part.images()]
    assert len({image.name for image in found}) == len(found)
    return {Path(image.name).name: image for image in found}


def assert_all_there(listing: Listing) -> None:
    found = by_file(listing)
    assert {file: image.split for file, image in found.items()} == SPLIT
    assert {file: image.label for file, image in found.items()} == {
        file: "Smiling" if smiles else "not Smiling" for file, smiles in SMILING.items()
    }
    assert {file: image.content for file, image in found.items()} == JPEGS
    assert set(listing.splits) == {"train", "validation", "holdout"}
    assert (listing.left_out, listing.warnings) == ([], [])


def places(root: Path) -> dict[str, Path]:
    """The forms in which people have it."""
    loose = put(root / "a", {**images(), **text_lists()})
    authors = {
        "Img/img_align_celeba.zip": zipped(images()),
        **{f"{'Eval' if 'eval' in name else 'Anno'}/{name}": content for name, content in text_lists().items()},
    }
    kaggle = put(
        root / "c", {"celeba-dataset.zip": zipped({**images("img_align_celeba/img_align_celeba"), **csv_lists()})}
    )
    beside = put(root / "d", {"img_align_celeba.zip": zipped(images()), **text_lists()})
    return {
        "folder": loose,
        "authors": put(root / "b", authors),
        "Kaggle": kaggle / "celeba-dataset.zip",
        "zip beside the lists": beside / "img_align_celeba.zip",
    }


@pytest.mark.parametrize("form", ["folder", "authors", "Kaggle", "zip beside the lists"])
def test_every_form_gives_the_same_images_labels_and_splits(tmp_path, form):
    assert_all_there(listed(places(tmp_path)[form]))


def test_pixels_are_those_of_a_decode_of_the_files(celeba):
    for file, image in by_file(listed(celeba)).items():
        with Image.open(io.BytesIO(JPEGS[file])) as reference:
            assert np.array_equal(np.asarray(decode(image.content, (255, 255, 255)).picture), np.asarray(reference))


def test_missing_image_is_named_and_costs_no_other_its_label(celeba):
    """vision#4209: with a list in another order than the files, one image that is not there must not shift the rest."""
    (celeba / "img_align_celeba" / FILES[4]).unlink()
    listing = listed(celeba)
    assert listing.left_out == [
        (FILES[4], "in list_attr_celeba, but there is no such image"),
        (FILES[4], "in list_eval_partition, but there is no such image"),
    ]
    found = by_file(listing)
    assert found.keys() == set(FILES) - {FILES[4]}
    for file, image in found.items():
        assert (image.label, image.split, image.content) == (
            "Smiling" if SMILING[file] else "not Smiling", SPLIT[file], JPEGS[file],
        )  # fmt: skip


def test_image_without_a_row_is_named(celeba):
    put(celeba, {"img_align_celeba/000099.jpg": jpeg(99)})
    listing = listed(celeba)
    assert listing.left_out == [("img_align_celeba/000099.jpg", "no row in list_attr_celeba")]
    assert by_file(listing).keys() == set(FILES)


def test_several_attributes_are_one_class_together(celeba):
    found = by_file(listed(celeba, ["Male", "Smiling"]))
    assert {image.label for image in found.values()} == {
        "Male+Smiling", "Male+not Smiling", "not Male+Smiling", "not Male+not Smiling",
    }  # fmt: skip
    assert found[FILES[3]].label == "not Male+Smiling"


def test_without_label_images_have_none_and_the_attributes_are_not_needed(celeba):
    (celeba / "list_attr_celeba.txt").unlink()
    request = request_of(celeba, None)
    found = by_file(CELEBA.list_images(request))
    assert {image.label for image in found.values()} == {None}
    assert {file: image.split for file, image in found.items()} == SPLIT


def test_without_partition_all_is_train_with_a_warning(celeba):
    (celeba / "list_eval_partition.txt").unlink()
    listing = listed(celeba)
    assert listing.splits == ("train",)
    assert listing.warnings == [f"{celeba}: has no list_eval_partition.txt, so the same person may be in two splits."]


def test_count_line_that_is_wrong_is_told(celeba):
    text = text_lists()["list_attr_celeba.txt"]
    put(celeba, {"list_attr_celeba.txt": text.replace("12\n", "202599\n", 1)})
    assert listed(celeba).warnings == [
        f"{celeba}: list_attr_celeba.txt: its first line says 202,599 images, it has 12 rows."
    ]


def test_unknown_attribute_is_refused_with_the_known_ones(celeba):
    assert refusal(celeba, ["Male", "Happy"]) == (
        f"data.source.label: {celeba}: list_attr_celeba.txt has no Happy; it has 5_o_Clock_Shadow, Male, Smiling."
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("list_attr_celeba.txt", "000002.jpg", "000001.jpg", "line 4: 000001.jpg stands there for a second time"),
        ("list_attr_celeba.txt", "000001.jpg  -1", "000001.jpg", "line 3: 2 values for 3 columns"),
        ("list_attr_celeba.txt", "  1\n", "  7\n", "Smiling is '7'; allowed are -1 and 1"),
        ("list_attr_celeba.txt", "12\n", "", "its first line is no number of images"),
        ("list_eval_partition.txt", "000003.jpg 2", "000003.jpg 3", "the partition is '3'; allowed are 0, 1 and 2"),
    ],
)
def test_damaged_list_is_refused_with_line_and_value(celeba, name, old, new, message):
    text = text_lists()[name]
    assert old in text
    put(celeba, {name: text.replace(old, new, 1)})
    found = refusal(celeba)
    assert message in found
    assert name in found


def test_the_same_file_name_twice_is_refused_with_both(celeba):
    put(celeba, {"more/000001.jpg": jpeg(1)})
    message = refusal(celeba)
    assert "img_align_celeba/000001.jpg" in message
    assert "more/000001.jpg" in message


def test_lists_of_other_images_are_refused(celeba):
    for file in FILES:
        (celeba / "img_align_celeba" / file).rename(celeba / "img_align_celeba" / f"x{file}")
    assert "no image has a row in its lists" in refusal(celeba)


def test_label_without_the_list_and_text_are_refused(celeba):
    (celeba / "list_attr_celeba.txt").unlink()
    assert "data.source.label: Smiling, but" in refusal(celeba)
    assert "data.text: 'caption', but CelebA has no captions" in refusal(celeba, text="caption")


def test_changed_image_changes_one_part_and_another_label_changes_all(celeba):
    before = [part.identity for part in listed(celeba).parts]
    assert [part.identity for part in listed(celeba).parts] == before
    put(celeba, {"img_align_celeba/000001.jpg": jpeg(50)})
    assert len(set(before) - {part.identity for part in listed(celeba).parts}) == 1
    assert not set(before) & {part.identity for part in listed(celeba, "Male").parts}


def test_junk_and_other_files_are_named(celeba):
    put(celeba, {".DS_Store": b"x", "img_align_celeba/._000001.jpg": b"x", "identity_CelebA.txt": "x"})
    assert {name: reason.partition(":")[0] for name, reason in listed(celeba).left_out} == {
        ".DS_Store": "ignored", "img_align_celeba/._000001.jpg": "ignored", "identity_CelebA.txt": "ignored",
    }  # fmt: skip


def test_plain_folder_is_refused_with_the_way_out(tmp_path):
    for name in ("cats/1.jpg", "dogs/1.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(JPEGS[FILES[0]])
    message = refusal(tmp_path)
    assert "data.source.kind is celeba, which wants" in message
    assert "set kind: auto" in message
