"""A preset of three keys is whole, and what it says itself is never replaced."""

import json
from pathlib import Path

import pytest
import yaml

from pipeline.config.config import Config
from pipeline.config.defaults import Found, fill_in, found_in
from pipeline.config.load import load_config, presets
from tests.unit.config_cases import CONF

THREE_KEYS = "name: flowers\ndata: {source: {path: photos}, size: 64}\n"


def holds(filled: object, said: object) -> bool:
    """Whether all that a preset says is there."""
    if isinstance(said, dict):
        return isinstance(filled, dict) and all(holds(filled[key], value) for key, value in said.items())
    return filled == said


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    path = tmp_path / "flowers.yaml"
    path.write_text(THREE_KEYS)
    return path


def described(folder: Path, *, images: int, classes: int, channels: int) -> Path:
    folder.mkdir(exist_ok=True)
    told = {
        "splits": {"train": {"rows": images}},
        "classes": [str(number) for number in range(classes)],
        "image": {"channels": channels},
    }
    (folder / "dataset.json").write_text(json.dumps(told))
    return folder


@pytest.mark.parametrize("size", [8, 16, 28, 32, 64, 128])
@pytest.mark.parametrize("images", [25, 3_000, 60_000, 5_000_000])
@pytest.mark.parametrize("classes", [1, 2, 1_000])
def test_three_keys_are_a_valid_preset_whatever_ingest_finds(size: int, images: int, classes: int) -> None:
    raw = {"name": "a", "data": {"source": {"path": "photos"}, "size": size}}
    config = Config.model_validate(fill_in(raw, Found(images, classes, 3)))
    assert config.model.resolution >= size
    assert config.evaluate.images >= 10 * classes


def test_network_is_that_of_the_images_that_were_found(flowers: Path, tmp_path: Path) -> None:
    config = load_config(flowers, data=described(tmp_path / "d", images=400, classes=1, channels=1))
    assert (config.model.channels, config.model.conditioning, config.train.augmentation) == (1, "none", "ada")
    config = load_config(flowers, data=described(tmp_path / "d", images=50_000, classes=3, channels=3))
    assert (config.model.channels, config.model.conditioning, config.train.augmentation) == (3, "class", "none")


def test_before_ingest_another_dataset_of_that_name_says_nothing(flowers: Path, tmp_path: Path) -> None:
    data = described(tmp_path / "d", images=400, classes=1, channels=1)
    assert load_config(flowers, data=data, before_ingest=True).model.channels == 3


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"splits": {"train": {"rows": 3}}}'])
def test_a_description_that_is_none_says_nothing(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "dataset.json"
    if text is not None:
        path.write_text(text)
    assert found_in(path) is None


def test_what_a_preset_says_stays() -> None:
    for path in sorted(CONF.glob("*.yaml")):
        if path.stem == "active":
            continue
        raw = yaml.safe_load(path.read_text())
        filled = fill_in(raw, Found(100, 1, 1))
        for name, section in raw.items():
            assert holds(filled[name], section), (path, name)


def test_a_loss_of_ones_own_gets_no_penalty_of_another(flowers: Path) -> None:
    assert load_config(flowers).train.penalty.r1 > 0
    assert load_config(flowers, ["train.loss=hinge"]).train.penalty.r1 == 0


def test_one_penalty_of_ones_own_leaves_the_other(flowers: Path) -> None:
    penalty = load_config(flowers, ["train.penalty.r1=7"]).train.penalty
    assert (penalty.r1, penalty.r2 > 0) == (7, True)


def test_gates_of_ones_own_stand_alone(flowers: Path) -> None:
    assert list(load_config(flowers, ["gates={train_copies: {max: 0}}"]).gates) == ["train_copies"]


def test_every_preset_of_the_project_is_valid() -> None:
    for name in presets():
        load_config(CONF / f"{name}.yaml")
