"""`imagemint init` says what is in a folder, names what is odd, and writes a preset that loads."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.base.errors import UserError
from pipeline.config.load import load_preset
from pipeline.presets import effort
from pipeline.presets.init import init


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project's top folder, in which steps are measured for a moment only."""
    (tmp_path / "conf").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(effort, "MEASURED_S", 0.0)
    return tmp_path


def photos(folder: Path, classes: dict[str, int], size: tuple[int, int] = (40, 36)) -> Path:
    random = np.random.default_rng(0)
    for name, count in classes.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = random.integers(0, 256, (size[1], size[0], 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def said(
    source: str, name: str = "mine", *, size: int | None = 8, unlabelled: bool = False, agreed: bool = True
) -> list[str]:
    lines: list[str] = []
    init(name, source, size=size, unlabelled=unlabelled, agreed=lambda: agreed, say=lines.append)
    return lines


def line_of(lines: list[str], title: str) -> str:
    (found,) = [line for line in lines if line.startswith(f"{title} ")]
    return found


def test_a_folder_is_described_and_its_preset_loads(checkout: Path) -> None:
    photos(checkout / "photos", {"cat": 30, "dog": 20})
    (checkout / "photos" / "cat" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (checkout / "photos" / "notes.txt").write_text("of 2019")
    lines = said("photos")
    assert line_of(lines, "kind") == "kind       folder: photos"
    assert line_of(lines, "images").startswith("images     51; 51 of them")
    assert line_of(lines, "classes") == "classes    2: cat 31, dog 20"
    assert line_of(lines, "sizes") == "sizes      all 40x36 px"
    assert any("(the first: cat/bad.png)" in line for line in lines if line.startswith("left out"))
    assert any("(the first: notes.txt)" in line for line in lines if line.startswith("left out"))
    assert any(line.startswith("warning    51 images are too few") for line in lines)
    text = (checkout / "conf" / "mine.yaml").read_text()
    assert len(text.splitlines()) <= 12
    config = load_preset("mine")
    assert (config.data.source.path, config.data.size, config.train.augmentation) == ("photos", 8, "none")


def test_the_size_is_one_that_most_images_reach(checkout: Path) -> None:
    said(str(photos(checkout / "photos", {"cat": 20}, size=(50, 20))), size=None)
    assert load_preset("mine").data.size == 16


@pytest.mark.parametrize("unlabelled", [False, True])
def test_labels_are_ignored_on_request(checkout: Path, unlabelled: bool) -> None:
    lines = said(str(photos(checkout / "photos", {"a": 12, "b": 12})), unlabelled=unlabelled)
    assert load_preset("mine").data.classes == ("none" if unlabelled else "auto")
    assert line_of(lines, "classes").startswith("classes    2")


def test_a_source_with_many_unusable_files_gets_a_preset_that_ingest_takes(checkout: Path) -> None:
    photos(checkout / "photos", {"cat": 30, "dog": 28})
    for number in range(2):
        (checkout / "photos" / "cat" / f"bad{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    lines = said("photos")
    assert line_of(lines, "unusable").startswith("unusable   3.3% of the inspected images.")
    assert load_preset("mine").data.bad_share_max == 0.05


def test_of_one_class_it_is_said_what_that_means(checkout: Path) -> None:
    lines = said(str(photos(checkout / "photos", {"cat": 30})))
    assert line_of(lines, "classes") == "classes    1: cat 30; one class means that all images form one group"


def test_a_preset_is_never_overwritten(checkout: Path) -> None:
    (checkout / "conf" / "mine.yaml").write_text("precious")
    with pytest.raises(UserError, match=r"conf/mine\.yaml exists already and is not overwritten"):
        said(str(photos(checkout / "photos", {"a": 2})))
    assert (checkout / "conf" / "mine.yaml").read_text() == "precious"


def test_nothing_is_written_without_consent(checkout: Path) -> None:
    lines = said(str(photos(checkout / "photos", {"a": 12})), agreed=False)
    assert lines[-1] == "conf/mine.yaml was not written."
    assert list((checkout / "conf").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [("Mine", "not a valid name for a preset"), ("../x", "not a valid name for a preset"), ("", "not a valid name"), ("a b", "not a valid name"),
     ("active", "a file of the project's own"), ("schema", "a file of the project's own")],
)  # fmt: skip
def test_a_name_that_is_none_is_refused(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        said("digits", name)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "SOURCE is empty"),
        (" ", "SOURCE is empty"),
        ("one.png", "is one image; give the folder that holds the images"),
        ("broken", "is a link to nothing"),
        ("fashion-mnits", "Did you mean 'fashion-mnist'"),
    ],
)
def test_a_source_that_is_none_is_refused_in_words_that_help(checkout: Path, source: str, message: str) -> None:
    Image.new("RGB", (8, 8)).save(checkout / "one.png")
    (checkout / "broken").symlink_to("nowhere")
    with pytest.raises(UserError, match=message):
        said(source)


def test_a_source_that_is_not_there_is_one_message(checkout: Path) -> None:
    (checkout / "photos").mkdir()
    with pytest.raises(UserError, match=r"there is no file or folder .*Did you mean 'photos'\?"):
        said("photo")


def test_a_source_without_one_usable_image_is_refused(checkout: Path) -> None:
    (checkout / "photos").mkdir()
    (checkout / "photos" / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match="not one image can be used: empty file"):
        said("photos")


def test_a_size_that_there_is_none_of_is_refused() -> None:
    for size in (50, 0):
        with pytest.raises(UserError, match=f"--size {size}: 8, 16, 28, 32, 64 or 128 px"):
            said("digits", size=size)


def test_the_digits_have_a_name() -> None:
    lines = said("digits", size=None)
    assert line_of(lines, "classes").startswith("classes    10: ")
    assert "all grey" in line_of(lines, "modes")
    assert not any("bars along two sides" in line for line in lines)
    config = load_preset("mine")
    assert (config.data.source.kind, config.data.size) == ("digits", 8)
