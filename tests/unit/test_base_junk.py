"""What desktops leave is known by one list, wherever folders are listed."""

from pathlib import Path

import pytest

from pipeline.base.junk import JUNK, is_junk
from tests.project import ROOT


@pytest.mark.parametrize(
    "name", [".DS_Store", "data/._a.png", "__MACOSX/cat/a.png", "a/Thumbs.db", ".ipynb_checkpoints/a.py"]
)
def test_junk_is_known_at_any_depth(name: str) -> None:
    assert is_junk(name)


@pytest.mark.parametrize(
    "name", ["a.png~", ".#a.py", "a.png.bak", ".lock", "Thumbs.db.png", "_.png", ".dvc/config", "data/a.png"]
)
def test_what_a_person_or_a_stage_wrote_is_no_junk(name: str) -> None:
    assert not is_junk(name)


@pytest.mark.parametrize("file", [".dvcignore", ".gitignore"])
def test_dvc_and_git_pass_over_the_same_files(file: str) -> None:
    lines = Path(ROOT / file).read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if "pipeline/base/junk.py" in line)
    assert lines[start + 1 :] == list(JUNK)
