"""Test a dataset for programs: its records, and what is wrong with it as findings."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.base.errors import UserError
from pipeline.library.dataset import Dataset, Findings, open_dataset
from pipeline.library.model import Model, load_model
from pipeline.models.weights import TrainedPair
from tests.unit.tiny import CLASSES, COUNT, GeneratedDataset, flip_bit, generate_dataset, save_tiny_pair


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the model that made the datasets."""
    folder = tmp_path_factory.mktemp("model")
    save_tiny_pair(folder)
    return folder


@pytest.fixture(scope="module")
def model(model_folder: Path) -> Model:
    return load_model(model_folder)


@pytest.fixture
def dataset(generated: GeneratedDataset) -> Dataset:
    return open_dataset(str(generated.out))


def test_what_a_dataset_is(dataset: Dataset, generated: GeneratedDataset) -> None:
    assert (dataset.name, dataset.classes, dataset.shape, len(dataset)) == ("tiny", CLASSES, (6, 6, 1), COUNT)
    assert dataset.manifest == generated.manifest
    assert (dataset.settings["seed"], dataset.settings["batch_size"]) == (3, 6)


def test_records_by_index_are_those_in_order_and_those_of_the_model(dataset: Dataset, model_folder: Path) -> None:
    in_order = list(dataset)
    assert [record.index for record in in_order] == [*range(COUNT)]
    same = load_model(model_folder, settings=dataset.settings).generate(COUNT)
    for index in (29, 0, 13, 12, 11):
        record = dataset[index]
        np.testing.assert_array_equal(record.image, in_order[index].image)
        np.testing.assert_array_equal(record.image, same.images[index])
        assert (record.label, record.class_name) == (same.labels[index], CLASSES[same.labels[index]])
        assert record.logit == pytest.approx(same.logits[index])
        assert record.content == in_order[index].content


def test_records_without_labels(unlabelled: GeneratedDataset) -> None:
    dataset = open_dataset(unlabelled.out)
    assert (dataset.classes, dataset[3].label, dataset[3].class_name) == ((), None, None)


def test_filtered_records_are_made_again_as_they_are_stored(
    tiny_pair: TrainedPair, model: Model, tmp_path: Path
) -> None:
    filters = [{"kind": "density_ratio", "acceptance": 0.4}]
    dataset = open_dataset(generate_dataset(tmp_path, tiny_pair, formats=["parquet"], filters=filters).out)
    for index in (0, 7, 29):
        stored, made = dataset[index], dataset.regenerate(index, model)
        assert (made.content, made.label, made.index) == (stored.content, stored.label, index)
        np.testing.assert_array_equal(made.image, stored.image)


def test_settings_of_a_filtered_dataset_load_its_model(
    tiny_pair: TrainedPair, model_folder: Path, tmp_path: Path
) -> None:
    filters = [{"kind": "density_ratio", "acceptance": 0.4}]
    dataset = open_dataset(generate_dataset(tmp_path, tiny_pair, formats=["parquet"], filters=filters).out)
    model = load_model(model_folder, settings=dataset.settings)
    assert dataset.verify(model, records=4).regenerated == "4 of 4 random records equal what the model generates"


def test_a_whole_dataset_has_no_problems(dataset: Dataset, model: Model) -> None:
    assert dataset.verify() == Findings((), 6, 2 * COUNT, "no record was generated again", ())
    found = dataset.verify(model, records=4)
    assert found.ok
    assert found.regenerated == "4 of 4 random records equal what the model generates"


def test_damage_is_found_and_named(generated: GeneratedDataset, dataset: Dataset) -> None:
    flip_bit(generated.out / "data/train-000001.tar")
    (generated.out / "data/train-000002.parquet").unlink()
    (generated.out / "data/.DS_Store").touch()
    found = dataset.verify()
    assert not found.ok
    assert "data/train-000002.parquet: missing" in found.problems
    assert "data/train-000001.tar: its SHA-256 differs from the manifest's" in found.problems
    assert found.ignored == ("data/.DS_Store",)
    assert dataset[13].index == 13
    for read in (lambda: dataset[24], lambda: list(dataset)):
        with pytest.raises(UserError, match=r"out/data/train-000002\.parquet: missing\. `Dataset\.verify` says more"):
            read()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda dataset, _: dataset[COUNT], f"record {COUNT}: "),
        (lambda dataset, _: dataset[-1], "record -1: "),
        (lambda dataset, model: dataset.regenerate(COUNT, model), f"record {COUNT}: "),
        (lambda dataset, model: dataset.verify(model, records=-1), "records: found -1; allowed: 0 or more."),
    ],
)
def test_mistakes_get_one_message(
    dataset: Dataset, model: Model, call: Callable[[Dataset, Model], object], message: str
) -> None:
    with pytest.raises(UserError) as refusal:
        call(dataset, model)
    assert str(refusal.value).startswith(message)


def test_another_model_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    save_tiny_pair(tmp_path / "other", seed=1)
    other = load_model(tmp_path / "other")
    for call in (lambda: dataset.regenerate(0, other), lambda: dataset.verify(other)):
        with pytest.raises(UserError, match="The dataset tiny was generated by another model"):
            call()


def test_what_is_no_dataset_is_refused(generated: GeneratedDataset, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no such folder\. Did you mean 'out'\?"):
        open_dataset(generated.out.parent / "outt")
    with pytest.raises(UserError, match=r"No manifest\.json in"):
        open_dataset(tmp_path / "run")
