"""The small digits pipeline, walked once for all tests that look at what it makes."""

import shutil
from pathlib import Path

import pytest

from tests.project import Places


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Ingested, embedded and trained."""
    places = Places(tmp_path_factory.mktemp("trained"))
    for stage in ("ingest", "embed", "train"):
        places.stage(stage)
    return places


@pytest.fixture(scope="session")
def sampled(trained: Places) -> Places:
    """Also evaluated and sampled, not audited yet."""
    trained.stage("evaluate", "--out", str(trained.dataset / "metrics"))
    trained.stage("sample")
    return trained


@pytest.fixture(scope="session")
def audited(sampled: Places, tmp_path_factory: pytest.TempPathFactory) -> Places:
    """A copy of the dataset, audited and accepted; the one of `sampled` stays as it was."""
    places = Places(tmp_path_factory.mktemp("audited"))
    for name in ("data", "model", "dataset"):
        shutil.copytree(sampled.folder / name, places.folder / name)
    for stage in ("audit", "accept"):
        places.stage(stage)
    return places


@pytest.fixture
def copied(audited: Places, tmp_path: Path) -> Places:
    """A copy of everything audited, to damage."""
    shutil.copytree(audited.folder, tmp_path / "copy")
    return Places(tmp_path / "copy")
