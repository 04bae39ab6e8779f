"""Test a model for programs: its records are those of `sample`, and each mistake gets one message."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.base.errors import UserError
from pipeline.library.model import Model, load_model
from pipeline.models.weights import DESCRIPTION, TrainedPair, load_pair
from pipeline.sampling.manifest import read_manifest
from pipeline.sampling.shards.readers import ShardReader
from pipeline.store.local import LocalFolder
from tests.unit.tiny import CLASSES, SAMPLE, UNCONDITIONAL, generate_dataset, save_tiny_pair

COUNT = 60
RUGGED = {"shard_size": 12, "batch_size": 5}  # the third batch of a shard has rows of no record
WITHOUT_FORMATS = {key: value for key, value in SAMPLE.items() if key not in ("count", "formats")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model with three classes."""
    folder = tmp_path_factory.mktemp("model")
    save_tiny_pair(folder)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load_model(folder, settings=WITHOUT_FORMATS)


@pytest.mark.parametrize("changes", [{}, RUGGED, RUGGED | {"encoding": "jpeg", "labels": {"owl": 2, "cat": 1}}])
def test_each_record_equals_the_one_that_sampling_stores(
    folder: Path, tiny_pair: TrainedPair, tmp_path: Path, changes: dict[str, Any]
) -> None:
    generated = generate_dataset(tmp_path, tiny_pair, COUNT, ["parquet"], **changes)
    reader = ShardReader(LocalFolder(generated.out), read_manifest(generated.out))
    shards = [reader.read(f"data/{plan.name}.parquet") for plan in generated.plans]
    stored = reader.decode([content for shard in shards for content in shard.contents])
    model = load_model(str(folder), settings=WITHOUT_FORMATS | changes)
    for which in (COUNT, [41, 0, 13, 59, 41]):
        found = model.generate(which)
        indices = np.arange(COUNT) if which == COUNT else np.array(which)
        np.testing.assert_array_equal(found.indices, indices)
        np.testing.assert_array_equal(found.images, stored[indices])
        np.testing.assert_array_equal(found.labels, np.concatenate([shard.labels for shard in shards])[indices])
        np.testing.assert_array_equal(found.logits, np.concatenate([shard.logits for shard in shards])[indices])


def test_a_class_gets_its_first_records(folder: Path) -> None:
    model = load_model(folder, settings=WITHOUT_FORMATS | {"labels": {"owl": 2, "cat": 1}})
    every = model.generate(COUNT)
    for label, number in (("owl", 2), (2, 2), ("cat", 0)):
        expected = np.flatnonzero(every.labels == number)[:9]
        found = model.generate(9, label=label)
        np.testing.assert_array_equal(found.indices, expected)
        np.testing.assert_array_equal(found.images, every.images[expected])
    with pytest.raises(UserError, match="label 'dog': no record is of this class"):
        model.generate(1, label="dog")


def test_what_a_model_is(model: Model, tiny_pair: TrainedPair) -> None:
    assert (model.name, model.classes, model.shape) == ("tiny", CLASSES, (6, 6, 1))
    assert (model.latent_size, model.digest) == (5, tiny_pair.digest)
    images = model.generate(2).images
    assert images.dtype == np.uint8
    assert images.shape == (2, 6, 6, 1)


def test_latents_give_the_images_that_they_are_of(model: Model) -> None:
    records = model.generate(SAMPLE["batch_size"])
    latents = model.latents(SAMPLE["batch_size"], seed=SAMPLE["seed"])
    assert latents.dtype == np.float32
    assert latents.shape == (SAMPLE["batch_size"], 5)
    found = model.from_latents(latents)
    assert found.indices is None
    np.testing.assert_array_equal(found.images, records.images)
    np.testing.assert_array_equal(found.logits, records.logits)
    np.testing.assert_array_equal(found.labels, records.labels)
    assert not np.array_equal(latents, model.latents(SAMPLE["batch_size"], seed=4))


def test_latents_are_given_a_class(model: Model) -> None:
    latents = np.repeat(model.latents(1, seed=0), 3, axis=0).astype(np.float64)
    owls = model.from_latents(latents, label="owl")
    assert owls.labels.tolist() == [2, 2, 2]
    each = model.from_latents(latents, label=[2, "dog", np.int64(2)])
    assert each.labels.tolist() == [2, 1, 2]
    np.testing.assert_array_equal(each.images[[0, 2]], owls.images[[0, 2]])
    assert not np.array_equal(each.images[1], owls.images[1])


def test_a_model_without_classes(tmp_path: Path) -> None:
    save_tiny_pair(tmp_path, UNCONDITIONAL)
    model = load_model(tmp_path)
    assert (model.classes, model.generate(3).labels) == ((), None)
    assert model.from_latents(model.latents(3, seed=1)).labels is None
    with pytest.raises(UserError, match="has no classes"):
        model.generate(3, label=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: model.generate(0), "the number of records: found 0; allowed: 1 to "),
        (lambda model: model.generate(10**12), "the number of records: found more than 1,000,000, which is the most in"),
        (lambda model: model.generate(iter(range(10**12))), "the number of records: found more than 1,000,000, "),
        (lambda model: model.latents(10**12, seed=0), "count: found 1000000000000; allowed: 1 to 1000000."),
        (lambda model: model.generate([3, -1]), "index: found -1; allowed: 0 to "),
        (lambda model: model.generate([3], label="cat"), "label: records that are given by index already have "),
        (lambda model: model.generate(1, label="cats"), "label 'cats': the model has no such class. Did you mean 'cat'?"),
        (lambda model: model.latents(0, seed=0), "count: found 0; allowed: 1 to "),
        (lambda model: model.latents(1, seed=-1), "seed: found -1; allowed: 0 to 4294967295."),
        (lambda model: model.from_latents(np.zeros((2, 4))), "latents: found the shape [2, 4]; allowed: [N, 5]"),
        (lambda model: model.from_latents(np.zeros(5)), "latents: found the shape [5]; allowed: [N, 5]"),
        (lambda model: model.from_latents(np.full((1, 5), np.nan)), "latents: found a number that is not finite"),
        (lambda model: model.from_latents(np.zeros((2, 5)), label=[1]), "label: found 1 for 2 latents."),
    ],
)  # fmt: skip
def test_mistakes_get_one_message(model: Model, call: Callable[[Model], object], message: str) -> None:
    with pytest.raises(UserError) as refusal:
        call(model)
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda model: model.generate("16"), TypeError),
        (lambda model: model.generate(1.5), TypeError),
        (lambda model: model.from_latents("noise"), ValueError),
    ],
)
def test_a_wrong_type_raises_what_python_raises(
    model: Model, call: Callable[[Any], object], kind: type[Exception]
) -> None:
    with pytest.raises(kind) as refusal:
        call(model)
    assert not isinstance(refusal.value, UserError)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sed": 1}, "settings: 1 error\n  sample.sed: unknown key; did you mean 'seed'?"),
        ({"seed": -1}, "settings: 1 error\n  sample.seed: found -1 (int); allowed: "),
        ({"labels": {"bird": 1}}, "sample.labels.bird: the model has no such class"),
        ({"filters": [{"kind": "density_ratio"}]}, "settings: filters: a model generates records without filters."),
    ],
)
def test_settings_are_checked_as_in_a_config(folder: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refusal:
        load_model(folder, settings=settings)
    assert str(refusal.value).startswith(message)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        load_model(tmp_path / "model")
    with pytest.raises(UserError, match="No model in"):
        load_model(tmp_path)
    save_tiny_pair(tmp_path)
    description = json.loads((tmp_path / DESCRIPTION).read_text())
    (tmp_path / DESCRIPTION).write_text(json.dumps({**description, "recipe": None}))
    assert load_pair(tmp_path)
    with pytest.raises(UserError, match=r"model\.json: lacks .*Train or fetch the model again"):
        load_model(tmp_path)
