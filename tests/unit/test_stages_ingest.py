"""What a config asks of classes is held against those that the source turns out to have."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.config import load_preset
from pipeline.errors import UserError
from stages.command import Command
from stages.ingest import ingest, require_classes


def command_of(folder: Path, *sets: str) -> Command:
    """The command for the images in a folder `images`."""
    config = load_preset(
        "image-folder",
        [f"data.source.path={folder / 'images'}", f"root={folder}", "data.size=8", "model.resolution=8",
         "data.validation_share=0.3", "data.holdout_share=0.3", *sets],
    )  # fmt: skip
    return Command("ingest", config, folder, folder, folder / "out", folder / "metrics", fresh=False, default_out=False)


@pytest.mark.parametrize(
    ("setting", "classes", "message"),
    [
        ("sample.labels={a: 1, boot: 3}", "ab", "sample.labels.boot: no class of the data, which are a, b"),
        ("sample.labels={a: 1}", "ab", "gates.tstr_accuracy: cannot be met where sample.labels leaves out b"),
        ("evaluate.images=100", "abcdefghijk", "evaluate.images: 100 is fewer than 10 for each of the 11 classes"),
    ],
)
def test_classes_that_the_config_asks_for_and_the_source_lacks_are_refused(
    tmp_path: Path, setting: str, classes: str, message: str
) -> None:
    command = command_of(tmp_path, "gates.tstr_accuracy={min: 0.5}", setting)
    with pytest.raises(UserError) as caught:
        require_classes(command, list(classes))
    assert message in str(caught.value)


def test_data_of_one_class_is_ingested_with_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(70):
        path = tmp_path / "images" / "a" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (8, 8), np.uint8)).save(path)
    ingest(command_of(tmp_path))
    assert "warning: one class only (a): embed wants two or more" in capsys.readouterr().out
