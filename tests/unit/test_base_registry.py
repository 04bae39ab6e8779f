"""A new entry of a registry is a new file."""

import sys
from pathlib import Path

import pytest

import pipeline
from pipeline.base.registry import entry_names, load_entries, name_in_config


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package beside the project's own, with two entries."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for name in ("second", "first"):
        (folder / f"{name}.py").write_text(f"VALUE = {name!r}\n")
    (folder / "notes.txt").touch()
    (folder / "first (copy).py").touch()
    monkeypatch.setattr(pipeline, "__file__", str(tmp_path / "pipeline" / "__init__.py"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shelf", raising=False)
    return folder


@pytest.mark.usefixtures("shelf")
def test_every_module_of_the_package_is_an_entry_by_its_name() -> None:
    assert entry_names("shelf") == ("first", "second")
    assert {name: entry.VALUE for name, entry in load_entries("shelf").items()} == {
        "first": "first",
        "second": "second",
    }


def test_names_are_known_without_importing_an_entry(shelf: Path) -> None:
    (shelf / "broken.py").write_text("raise RuntimeError\n")
    assert "broken" in entry_names("shelf")


@pytest.mark.parametrize(
    ("entry", "name"), [("hinge", "hinge"), ("least_squares", "least_squares"), ("class_", "class")]
)
def test_a_word_of_pythons_loses_its_underscore_in_the_config(entry: str, name: str) -> None:
    assert name_in_config(entry) == name
