"""Planted faults, through the stages `audit` and `accept`: each misses the gate that is there for it, and what is sound meets all."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.data.canonical import load_split
from tests.faults import (
    FAULTS,
    Labelled,
    Sound,
    a_black_shard,
    a_class_collapsed,
    blur,
    half_of_the_classes_missing,
    held_out_images_copied,
    jpeg,
    labels_swapped,
    nothing,
    plant,
    sound_records,
    training_images_copied,
    training_images_perturbed,
)
from tests.project import SMALL, Places, run

pytestmark = pytest.mark.slow

COUNT, SPARE = 2_000, 2_000
GATES = (
    "{label_accuracy: {min_of_real: 0.85}, coverage: {min_of_real: 0.75}, fd_domain: {max: 30}, diversity_min: {min: 0.7}, "
    "class_balance: {min: 0.9}, unique_share: {min: 0.999}, train_copies: {max: 0}, held_out_copies: {max: 0}, "
    "near_train_share: {max: 0.04}, shard_shift_max: {max: 5}}"
)
SETTINGS = (
    *SMALL,
    "embed.total_images=30000",
    "train.total_images=60000",
    "train.checkpoint_every_images=12000",
    "evaluate.images=2000",
    f"gates={GATES}",
)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """A pair good enough for faults to stand out, and twice as many records as are audited."""
    places = Places(tmp_path_factory.mktemp("faults"))
    for stage in ("ingest", "embed", "train", "evaluate"):
        places.stage(stage, settings=SETTINGS)
    places.stage("sample", settings=(*SETTINGS, f"sample.count={COUNT + SPARE}"))
    return places


@pytest.fixture(scope="module")
def sound(places: Places) -> Sound:
    real = [load_split(places.data, split)[0].permute(0, 2, 3, 1).numpy() for split in ("train", "holdout")]
    return sound_records(places.dataset, COUNT, *real)


def missed_gates(places: Places, sound: Sound, fault: Callable[[Sound], Labelled], folder: Path) -> set[str]:
    """What `accept` says of a dataset with this fault."""
    planted = Places(folder)
    for name in ("data", "model", "root"):
        (folder / name).symlink_to(places.folder / name)
    plant(places.dataset, fault(sound), planted.dataset)
    shutil.copytree(places.dataset / "metrics", planted.dataset / "metrics")
    settings = (*SETTINGS, f"sample.count={COUNT}")
    assert "not comparable here" in planted.stage("audit", settings=settings)
    done = run(*planted.command("accept", settings=settings))
    listed = done.stderr.splitlines()[1:]
    assert done.returncode == bool(listed), done.stderr
    return {line.split(":")[0].split("/")[0].strip() for line in listed}


CAUGHT_BY = {
    a_class_collapsed: {"diversity_min", "unique_share"},
    half_of_the_classes_missing: {"class_balance", "coverage"},
    training_images_copied: {"train_copies", "near_train_share"},
    training_images_perturbed: {"near_train_share"},
    held_out_images_copied: {"held_out_copies"},
    labels_swapped: {"label_accuracy"},
    blur: {"fd_domain"},
    jpeg: {"fd_domain"},
    a_black_shard: {"shard_shift_max", "unique_share"},
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_misses_its_gates(
    fault: Callable[[Sound], Labelled], places: Places, sound: Sound, tmp_path: Path
) -> None:
    assert missed_gates(places, sound, fault, tmp_path) >= CAUGHT_BY[fault]


def test_what_is_sound_is_accepted(places: Places, sound: Sound, tmp_path: Path) -> None:
    assert missed_gates(places, sound, nothing, tmp_path) == set()
