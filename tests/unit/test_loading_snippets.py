"""What README and card tell a reader to type gives the images as they were made, and the classes by their names."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset as wds

from pipeline.images.encodings import encoding_named
from pipeline.report.card import tar_reader, write_card
from pipeline.report.croissant import write_croissant
from pipeline.sampling.manifest import Manifest
from pipeline.sampling.records import Records
from pipeline.sampling.shards.formats import FORMATS
from tests.project import ROOT
from tests.unit.report_data import CLASSES, METRICS, UNLABELLED_METRICS, make_dataset, pixels

PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture
def readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hf_datasets: Any) -> dict[str, str]:
    """README's snippets on loading, by the library they import; where they are run, its two datasets are."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## Loading a dataset\n")[1].split("\n## ")[0]
    for name in ("fashion-mnist", "digits"):
        described(tmp_path / "datasets" / name, CLASSES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hf_datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    snippets = [snippet.replace("{000000..000009}", "{000000..000001}") for snippet in PYTHON.findall(section)]
    return {re.split(r"\W+", snippet)[1]: snippet for snippet in snippets}


def described(folder: Path, classes: Sequence[str], *kinds: str) -> None:
    """A dataset with its card and its Croissant."""
    manifest = make_dataset(folder, *(kinds or ("parquet", "webdataset")), classes=classes)
    write_card(folder / "README.md", manifest, METRICS if classes else UNLABELLED_METRICS)
    write_croissant(folder / "croissant.json", manifest, "1.0.0", "2024-05-06")


def run_code(snippet: str) -> dict[str, Any]:
    """What the snippet's names stand for at its end."""
    names: dict[str, Any] = {}
    exec(snippet, names)
    return names


def test_readme_shows_three_libraries(readme: dict[str, str]) -> None:
    assert readme.keys() == {"datasets", "webdataset", "mlcroissant"}


def test_readme_hugging_face(readme: dict[str, str]) -> None:
    *statements, shown = readme["datasets"].strip().splitlines()
    image, name = eval(shown, run_code("\n".join(statements)))
    assert (image.mode, name) == ("L", CLASSES[0])
    assert np.array_equal(np.asarray(image), pixels()[0, ..., 0])


def test_readme_webdataset(readme: dict[str, str]) -> None:
    last = run_code(readme["webdataset"])
    assert (last["image"].mode, last["label"]) == ("L", 11 % 3)
    assert np.array_equal(np.asarray(last["image"]), pixels()[11, ..., 0])


def test_readme_croissant(readme: dict[str, str]) -> None:
    last = run_code(readme["mlcroissant"])
    assert (last["image"].mode, last["name"]) == ("L", CLASSES[11 % 3])


@pytest.mark.parametrize("classes", [CLASSES, ()])
def test_card_reads_grey_tars_as_grey(tmp_path: Path, classes: Sequence[str]) -> None:
    described(tmp_path, classes, "webdataset")
    (card,) = PYTHON.findall((tmp_path / "README.md").read_text(encoding="utf-8"))
    samples = list(run_code(card.replace("PATH/TO/THIS/FOLDER", str(tmp_path)))["samples"])
    assert len(samples) == len(pixels())  # of all shards
    for index, (image, *label) in enumerate(samples):
        assert image.mode == "L"
        assert np.array_equal(np.asarray(image), pixels()[index, ..., 0])
        assert label == ([index % 3] if classes else [])


@pytest.mark.parametrize("encoding", ["png", "webp", "jpeg", "raw"])
@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_tars_of_every_encoding_give_the_mode_their_images_were_made_in(
    tmp_path: Path, encoding: str, channels: int, mode: str
) -> None:
    how = encoding_named(encoding)
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, channels), np.uint8)
    records = Records(images, None, np.arange(3), np.zeros(3, np.float32))
    render = FORMATS["webdataset"][1]
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train-000000.tar").write_bytes(
        render(records, [how.encode(each) for each in images], (), how.suffix)
    )
    content = make_dataset(tmp_path / "another", "webdataset", classes=()).model_dump()
    content["image"] |= {"channels": channels, "encoding": encoding}
    content["shards"].pop()
    manifest = Manifest.model_validate(content)
    samples = list(eval(tar_reader(manifest, str(tmp_path)), {"wds": wds}))
    assert [image.mode for (image,) in samples] == [mode] * 3
    seen = np.stack([np.asarray(image).reshape(8, 8, channels) for (image,) in samples])
    assert np.array_equal(seen, how.stored(images))
