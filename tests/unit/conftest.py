"""What several unit tests share: a tiny pair, a dataset made with it, and a classifier of the digits."""

import gzip
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings
from sklearn.datasets import load_digits
from torch import Tensor

from pipeline.base.log import configure_logging
from pipeline.embedding.classifier import DomainClassifier, FeatureNetwork, Fit, train_classifier
from pipeline.embedding.self_supervised import train_self_supervised
from pipeline.images.shape import ImageShape
from pipeline.models.weights import TrainedPair, load_pair
from tests.unit.config_cases import SMALLEST
from tests.unit.idx_files import four_idx_files
from tests.unit.tiny import UNCONDITIONAL, GeneratedDataset, generate_dataset, save_tiny_pair

# How long an example takes says more of the machine than of the code.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def logged_lines() -> None:
    """What is logged is written as a command writes it; a test before may have had it in another format."""
    configure_logging()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """How a sum is split over threads shows in its last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the smallest preset, with no root from outside."""
    monkeypatch.delenv("IMAGEMINT_ROOT", raising=False)
    path = tmp_path / "tiny.yaml"
    path.write_text(SMALLEST)
    return path


@pytest.fixture(scope="session")
def tiny_pair(tmp_path_factory: pytest.TempPathFactory) -> TrainedPair:
    """Random weights of `SPEC`, saved and loaded."""
    folder = tmp_path_factory.mktemp("tiny-pair")
    save_tiny_pair(folder)
    return load_pair(folder)


@pytest.fixture(scope="session")
def unconditional_pair(tmp_path_factory: pytest.TempPathFactory) -> TrainedPair:
    """Random weights of `UNCONDITIONAL`, saved and loaded."""
    folder = tmp_path_factory.mktemp("unconditional-pair")
    save_tiny_pair(folder, UNCONDITIONAL)
    return load_pair(folder)


@pytest.fixture
def generated(tiny_pair: TrainedPair, tmp_path: Path) -> GeneratedDataset:
    """A dataset in both formats, to damage at will."""
    return generate_dataset(tmp_path, tiny_pair)


@pytest.fixture
def unlabelled(unconditional_pair: TrainedPair, tmp_path: Path) -> GeneratedDataset:
    """A dataset without labels in both formats."""
    return generate_dataset(tmp_path, unconditional_pair)


Labelled = tuple[Tensor, Tensor]  # uint8 [N, 1, 8, 8], int64 [N]


@pytest.fixture(scope="session")
def digits() -> tuple[Labelled, Labelled]:
    """Scikit-learn's digits, to learn from (1,200) and to test on (597)."""
    bunch = load_digits()
    images = torch.from_numpy(bunch.images * 255 / 16).round().to(torch.uint8)[:, None]
    labels = torch.from_numpy(bunch.target).long()
    return (images[:1200], labels[:1200]), (images[1200:], labels[1200:])


@pytest.fixture(scope="session")
def digits_classifier(digits: tuple[Labelled, Labelled]) -> DomainClassifier:
    """A domain classifier that has learnt the digits."""
    (images, labels), _ = digits
    network = train_classifier(
        partial(DomainClassifier, ImageShape(1, 8, 8), 10, 16), images, labels, Fit(12_000, 100, 0.003, seed=0)
    )
    assert isinstance(network, DomainClassifier)
    return network


@pytest.fixture(scope="session")
def digits_without_labels(digits: tuple[Labelled, Labelled]) -> FeatureNetwork:
    """What takes the domain classifier's place where there are no labels, for the digits."""
    (images, _), _ = digits
    return train_self_supervised(
        partial(FeatureNetwork, ImageShape(1, 8, 8), 16), images, Fit(24_000, 100, 0.003, seed=0)
    )


@pytest.fixture(scope="session")
def idx_contents() -> dict[str, bytes]:
    """Four small IDX files by name, uncompressed: 40 + 20 distinct images of 8x8 px in the classes 0 to 3."""
    return four_idx_files()


@pytest.fixture(scope="session")
def idx_packed(idx_contents: dict[str, bytes]) -> dict[str, bytes]:
    """`idx_contents`, each gzipped, under the same names."""
    return {name: gzip.compress(content, mtime=0) for name, content in idx_contents.items()}


@pytest.fixture(scope="session")
def hf_datasets(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Hugging Face `datasets`, offline and with its cache in a temporary folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("huggingface")))
        return pytest.importorskip("datasets")
