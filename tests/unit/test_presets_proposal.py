"""A proposed preset is short, and keeps the source's path whatever is in it."""

from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.sources.source import Listing
from pipeline.presets.proposal import named_source, propose, proposed_size
from pipeline.presets.source_scan import SourceStats


def found(sizes: list[tuple[int, int]], classes: int = 2) -> SourceStats:
    counts = Counter({f"class {number}": 10 for number in range(classes)})
    return SourceStats("folder", Listing([]), images=len(sizes), classes=counts, sizes=sizes, colour=1)


@given(path=st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1))
def test_any_path_is_read_back(path: str) -> None:
    text, config = propose("mine", {"path": path}, found([(64, 64)]), 32, unlabelled=False)
    raw = yaml.safe_load(text)
    assert raw["data"]["source"] == {"path": path}
    assert config.data.source.path == path
    assert len(text.splitlines()) <= 12


@pytest.mark.parametrize(
    ("sizes", "gpu", "size"),
    [
        ([(28, 28)] * 4, False, 28),
        ([(500, 300)] * 4, False, 32),
        ([(500, 300)] * 4, True, 64),
        ([(20, 90), (500, 300), (500, 300), (500, 300), (500, 300)], True, 64),
        ([(20, 90), (20, 90), (500, 300)], True, 16),
        ([(5, 5)], True, 8),
        ([], True, 8),
    ],
)
def test_size_is_what_most_images_and_the_machine_have(sizes: list[tuple[int, int]], gpu: bool, size: int) -> None:
    assert proposed_size(found(sizes), gpu=gpu) == size


def test_network_is_that_of_what_was_found() -> None:
    _, config = propose("mine", {"path": "a"}, found([(64, 64)] * 100, classes=0), 32, unlabelled=False)
    assert (config.model.conditioning, config.model.channels, config.model.resolution) == ("none", 3, 32)


def test_a_path_within_the_project_is_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project" / "photos").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    assert named_source("photos") == named_source(str(tmp_path / "project" / "photos")) == "photos"
    assert named_source("../elsewhere") == str(tmp_path / "elsewhere")
    assert named_source("s3://bucket/photos") == "s3://bucket/photos"
