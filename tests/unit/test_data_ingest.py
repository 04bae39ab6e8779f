"""What ingest says of a dataset, and how it holds the classes that a config asks for against those of the source."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pipeline.base.pace
import pipeline.data.ingest
from pipeline.base.errors import UserError
from pipeline.config import load_preset
from pipeline.data.description import LeftOut
from pipeline.data.ingest import PreparationProgress, _content_or_why_not, ingest, require_classes, rows_in_words
from pipeline.data.prepare import Preparation
from pipeline.data.sources.source import RawImage, array_parts
from pipeline.runs.command import Command
from tests.unit.canonical_data import described


def command_of(folder: Path, *sets: str) -> Command:
    """The command for the images in a folder `images`."""
    config = load_preset(
        "image-folder",
        [f"data.source.path={folder / 'images'}", f"root={folder}", "data.size=8", "model.resolution=8",
         "data.validation_share=0.3", "data.holdout_share=0.3", *sets],
    )  # fmt: skip
    return Command("ingest", config, folder, folder, folder / "out", folder / "metrics", fresh=False, default_out=False)


@pytest.mark.parametrize(
    ("setting", "classes", "message"),
    [
        ("sample.labels={a: 1, boot: 3}", "ab", "sample.labels.boot: no class of the data, which are a, b"),
        ("sample.labels={a: 1}", "ab", "gates.tstr_accuracy: cannot be met where sample.labels leaves out b"),
        ("evaluate.images=100", "abcdefghijk", "evaluate.images: 100 is fewer than 10 for each of the 11 classes"),
    ],
)
def test_classes_that_the_config_asks_for_and_the_source_lacks_are_refused(
    tmp_path: Path, setting: str, classes: str, message: str
) -> None:
    command = command_of(tmp_path, "gates.tstr_accuracy={min: 0.5}", setting)
    with pytest.raises(UserError) as caught:
        require_classes(command, list(classes))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "gates={label_accuracy: {min: 0.5}}",
            "gates.label_accuracy: measured only of two classes or more, but the data has one (a)",
        ),
        ("gates={classifier_score: {min: 2}}", "gates.classifier_score: measured only of two classes or more"),
        ("gates={diversity_min: {min: 0.5}}", "gates.diversity_min: measured only of two classes or more"),
        ("sample.labels={a: 2}", "sample.labels: weights, but the data has one class only (a)"),
    ],
)
def test_what_goes_by_class_is_refused_where_the_source_has_one(tmp_path: Path, setting: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        require_classes(command_of(tmp_path, "gates={}", setting), ["a"])
    assert message in str(caught.value)
    assert str(caught.value).count("\n") == 1


def test_what_is_measured_of_one_class_alone_is_refused_where_the_source_has_two(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gates\.diversity_all: measured only of one class, but the data has 2"):
        require_classes(command_of(tmp_path, "gates={diversity_all: {min: 0.5}}"), ["a", "b"])


def test_data_of_one_class_is_ingested_without_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(70):
        path = tmp_path / "images" / "a" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (8, 8), np.uint8)).save(path)
    ingest(command_of(tmp_path))
    assert "warning" not in capsys.readouterr().out


def flat_folder(folder: Path, sizes: dict[str, int]) -> None:
    """So many images of each class in one folder, which is one part: it is prepared without Ray. No names: no classes."""
    (folder / "images").mkdir()
    rows = [name for name, count in sizes.items() for _ in range(count)]
    for number in range(len(rows)):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
    if set(sizes) != {""}:
        lines = [f"{number}.png,{name}" for number, name in enumerate(rows)]
        (folder / "images" / "metadata.csv").write_text("\n".join(["file_name,label", *lines]))


AUTO = ("data.validation_share=auto", "data.holdout_share=auto")


@pytest.mark.parametrize("count", [5, 20])
def test_too_few_images_are_refused_in_words_before_anything_is_written(tmp_path: Path, count: int) -> None:
    flat_folder(tmp_path, {"": count})
    with pytest.raises(UserError) as caught:
        ingest(command_of(tmp_path, *AUTO))
    for split in ("validation", "holdout"):
        assert re.search(
            rf"data: \d images are in the {split} split, at least 20 are needed to measure with; "
            rf"the source has {count} images in all, about 69 are needed: add some\.",
            str(caught.value),
        )
    assert not (tmp_path / "out").exists()


def test_two_batches_of_images_are_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flat_folder(tmp_path, {"": 130})
    ingest(command_of(tmp_path, *AUTO))
    assert "77 train, 21 validation, 32 holdout ->" in capsys.readouterr().out


def test_classes_too_small_are_all_named_and_can_be_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flat_folder(tmp_path, {"rare": 1, "few": 3, "many": 126})
    with pytest.raises(UserError) as caught:
        ingest(command_of(tmp_path, *AUTO))
    first, *named, remedy = str(caught.value).splitlines()
    assert first == "data: 2 of 3 classes have too few images, at least 2 are needed in each split:"
    assert [line.split(":")[0] for line in named] == ["  'rare'", "  'few'"]
    assert remedy.endswith("or leave them out by data.classes: [many].")
    ingest(command_of(tmp_path, *AUTO, "data.classes=[many]"))
    assert "4 left out (of a class that data.classes leaves out: 4) ->" in capsys.readouterr().out


class Unreachable:
    """A part of a source that this node cannot read."""

    identity = "a"

    def images(self) -> Iterator[RawImage]:
        raise UserError("s3://photos: access refused.")


def test_a_node_without_access_to_the_source_says_so_in_words(tmp_path: Path) -> None:
    made = _content_or_why_not(Preparation(command_of(tmp_path).config.data, tmp_path), Unreachable())
    assert made == "on another node: s3://photos: access refused."


def test_what_another_node_made_is_kept_as_if_it_were_made_here(tmp_path: Path) -> None:
    (part,) = array_parts("a", np.zeros((3, 8, 8, 1), np.uint8), np.arange(3), "train")
    data = command_of(tmp_path).config.data
    here, there = Preparation(data, tmp_path / "here"), Preparation(data, tmp_path / "there")
    assert here(part) == there.keep(part, there.content(part)) == 3
    assert here.path(part).read_bytes() == there.path(part).read_bytes()


def test_progress_has_the_rate_and_the_time_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.base.pace, "SETTLED_S", 0)
    progress = PreparationProgress(command_of(tmp_path), parts=4, workers=2)
    for _ in range(2):
        progress.one_more(10)
    monkeypatch.setattr(pipeline.data.ingest, "SAY_EVERY_S", 0)
    for _ in range(2):
        progress.one_more(10)
    lines = capsys.readouterr().out.splitlines()
    assert [re.sub(r"[\d,]+ images/s", "N images/s", line) for line in lines] == [
        "ingest: 10 images prepared, 1 of 4 parts | N images/s",
        "ingest: 30 images prepared, 3 of 4 parts | N images/s | less than a minute left",
        "ingest: 40 images prepared, 4 of 4 parts | N images/s",
    ]


COUNTS = (60_000, 5_000, 5_000)
ROWS = "60,000 train, 5,000 validation, 5,000 holdout"


def test_where_nothing_is_left_out_nothing_is_said_of_it() -> None:
    assert rows_in_words(described(1, *COUNTS)) == ROWS


def test_what_is_left_out_is_counted_by_reason() -> None:
    left_out = {
        "duplicate": LeftOut(count=1200, first=["a"]),
        "no image, by its name": LeftOut(count=1, first=["b.txt"]),
    }
    said = rows_in_words(described(1, *COUNTS, left_out=left_out))
    assert said == f"{ROWS}; 1,201 left out (duplicate: 1,200; no image, by its name: 1)"


def test_output_within_the_source_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    command = replace(command_of(tmp_path), out=tmp_path / "images" / "new")
    with pytest.raises(UserError, match=r"--out .*images/new: lies in the source"):
        ingest(command)
    assert list((tmp_path / "images").iterdir()) == []
