"""The small digits pipeline in a checkout, with a Python and with outputs in folders whose names a shell would take for more."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from pipeline.store.files import read_json
from tests.checkout import small_checkout
from tests.project import Places, digests, run

NAME = """it's a "$HOME" `id` (new) 例 [x]*? {a,b} #1 %20&;\\"""
STAGES = ("ingest", "embed", "train", "evaluate", "sample", "audit", "accept")


@pytest.mark.ci
def test_every_stage_works_in_a_folder_of_any_name(audited: Places, tmp_path: Path) -> None:
    checkout = small_checkout(tmp_path / NAME)
    (checkout / ".venv").symlink_to(sys.prefix)
    python = checkout / ".venv" / "bin" / "python"
    places = Places(checkout / "out")
    temporary = tempfile.mkdtemp(prefix="""it's "$a" #""", dir="/tmp")  # Ray wants it short
    try:
        for stage in STAGES:
            _, *command = places.command(stage)
            done = run(str(python), *command, cwd=checkout, TMPDIR=temporary)
            assert done.returncode == 0, f"{stage}\n{done.stdout}\n{done.stderr}"
    finally:
        shutil.rmtree(temporary)
    assert digests(places.dataset / "data") == digests(audited.dataset / "data")
    here, there = (read_json(each.dataset / "manifest.json", "manifest") for each in (places, audited))
    assert here["dataset_id"] == there["dataset_id"]
    assert read_json(places.dataset / "metrics" / "accept.json", "metrics")
