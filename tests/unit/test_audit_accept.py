"""A verdict on figures of too few images says so."""

from pathlib import Path

import pytest

from pipeline.audit.accept import accept
from pipeline.config import load_preset
from pipeline.runs.command import Command
from pipeline.store.files import write_json
from tests.unit.report_data import FEW, WARNINGS


def test_an_accepted_dataset_that_was_measured_on_too_few_images_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = load_preset("digits", ["gates={coverage: {min: 0.7}}"])
    write_json(tmp_path / "evaluate.json", FEW)
    write_json(tmp_path / "audit.json", {"coverage": 1.0, "dataset_id": "d"})
    accept(Command("accept", config, tmp_path, tmp_path, tmp_path / "x", tmp_path, fresh=False, default_out=False))
    said = capsys.readouterr().out
    assert "accepted: all 1 gates met" in said
    assert all(f"warning: {warning}" in said for warning in WARNINGS)
