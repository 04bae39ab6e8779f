"""What embed says while its network learns."""

from pathlib import Path

import pytest

from pipeline.base.log import configure_logging
from pipeline.config import load_preset
from pipeline.embedding.embed import FitProgress
from pipeline.runs.command import Command
from tests.unit.logging_as_before import logging_as_before

BATCHES = 100


def test_a_line_comes_at_each_tenth_of_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMAGEMINT_LOG", raising=False)
    config = load_preset("digits", ["embed.total_images=20000"])
    with logging_as_before():
        configure_logging()
        told = FitProgress(Command("embed", config, *[tmp_path] * 4, fresh=False, default_out=False))
        for batch in range(1, BATCHES + 1):
            told(batch / BATCHES, 1 / batch)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert lines[0] == "embed: 2,000 of 20,000 images, loss 0.100"
    assert lines[-1] == "embed: 20,000 of 20,000 images, loss 0.010"
