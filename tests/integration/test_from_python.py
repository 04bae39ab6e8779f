"""Test what docs/guide/python.md and the notebook of `examples` show, on a model and a dataset of the digits."""

import getpass
import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode

from imagemint import UserError, open_dataset
from pipeline.models.weights import load_pair
from pipeline.store.bucket import Bucket
from tests.notebook import NOTEBOOK, executed, stored
from tests.project import ROOT, Places, digests, succeed
from tests.unit.docs_pages import Page
from tests.unit.tiny import COUNT, generate_dataset, save_tiny_pair

LARGEST = 300_000  # bytes
PROVEN = """
assert first.images.shape == (16, 8, 8, 1) and first.pil()[0].size == (8, 8)
assert some.indices.tolist() == [3, 42, 1_000_000]
assert sevens.labels.tolist() == [7] * 16
assert findings.ok and (len(dataset), dataset.name) == (2200, "digits")
assert dataset.verify(model, records=50).regenerated == "50 of 50 random records equal what the model generates"
assert dataset.regenerate(42, model).content == dataset[42].content
assert not (typical.generate(16).images == first.images).all()
"""


@pytest.fixture
def made(sampled: Places, tmp_path: Path) -> Path:
    """Return a folder like a checkout after `make repro PRESET=digits`."""
    (tmp_path / "examples").mkdir()
    for kind, folder in (("models", sampled.model), ("datasets", sampled.dataset)):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "digits").symlink_to(folder)
    return tmp_path


def outputs(notebook: NotebookNode) -> list[list[tuple[str, list[str]]]]:
    """Return of each cell with code what kinds of outputs it has."""
    return [[(each.output_type, sorted(each.get("data", ()))) for each in cell.outputs] for cell in with_code(notebook)]


def with_code(notebook: NotebookNode) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.ci
def test_the_notebook_runs_and_shows_what_is_stored(made: Path) -> None:
    now, before = executed(made / "examples"), stored()
    assert outputs(now) == outputs(before)
    shown = str([cell.outputs for cell in with_code(now)])
    assert "50 of 50 random records equal what the model generates" in shown
    assert "{'text/plain': 'True'}" in shown
    assert "label 'seven': the model has no such class" in shown


@pytest.mark.ci
def test_the_page_holds_what_it_says(made: Path) -> None:
    snippets = Page(ROOT / "docs" / "guide" / "python.md").blocks("python")
    (made / "page.py").write_text("\n".join([*snippets, PROVEN]))
    said = succeed(sys.executable, "page.py", cwd=made)
    assert said.startswith("label 'seven': the model has no such class.")
    assert (made / "first.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.ci
def test_a_dataset_in_an_object_store_is_opened_by_its_url(bucket: Bucket, tmp_path: Path) -> None:
    save_tiny_pair(tmp_path / "model")
    there = generate_dataset(tmp_path, load_pair(tmp_path / "model")).out
    for name, content in digests(there).items():
        bucket.write(name, content)
    dataset, here = open_dataset(str(bucket)), open_dataset(there)
    assert (dataset.place, len(dataset), dataset.verify().ok) == (str(bucket), COUNT, True)
    assert [record.content for record in dataset] == [record.content for record in here]
    bucket.remove(["data/train-000001.parquet"])
    with pytest.raises(UserError, match=rf"{bucket}/data/train-000001\.parquet: missing"):
        open_dataset(str(bucket))[13]
    with pytest.raises(UserError, match="not a finished dataset"):
        open_dataset(f"{bucket}/nothing")


def test_what_is_stored_is_whole_small_and_of_no_machine() -> None:
    text, cells = NOTEBOOK.read_text(encoding="utf-8"), with_code(stored())
    assert NOTEBOOK.stat().st_size < LARGEST
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    assert text.count('"image/png"') >= 5
    assert "traceback" not in text
    assert not re.search(r"/(home|root|tmp|Users|work)\b", text)
    assert not [
        name for name in (socket.gethostname(), getpass.getuser()) if re.search(rf"\b{re.escape(name)}\b", text)
    ]
