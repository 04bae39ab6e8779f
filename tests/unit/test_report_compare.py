"""Two published versions on one page."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import UserError
from pipeline.models.weights import TrainedPair
from pipeline.report.compare import compare
from tests.unit.report_data import METRICS
from tests.unit.tiny import generate_dataset

pytestmark = pytest.mark.usefixtures("one_thread")

COUNT = 18  # six of each class


def version(folder: Path, pair: TrainedPair, number: str, figures: dict[str, Any], **changes: Any) -> str:
    out = generate_dataset(folder, pair, COUNT, **changes).out
    gates = [
        {
            "metric": "recall",
            "value": 0.7,
            "min": 0.75,
            "max": None,
            "met": figures.get("recall", METRICS["recall"]) >= 0.75,
        }
    ]
    release = {"version": number, "change": f"what {number} changed"}
    written = {**METRICS, "duplicates": 0, "class_balance": 1.0, **figures, "gates": gates, "release": release}
    (out / "figures.json").write_text(json.dumps(written))
    return str(out)


def test_figures_stand_side_by_side_with_what_changed(tiny_pair: TrainedPair, tmp_path: Path) -> None:
    old = version(tmp_path / "old", tiny_pair, "1.0.0", {"recall": 0.5})
    new = version(tmp_path / "new", tiny_pair, "2.0.0", {"recall": 0.75}, seed=4)
    html = compare(old, new)
    assert "0.50 → 0.75" in html
    assert "+0.25" in html
    assert "what 2.0.0 changed" in html
    assert "0 of 1 gates met" in html
    assert "1 of 1 gates met" in html
    assert html.count("data:image/png;base64,") == 2


@pytest.mark.parametrize(("error", "said"), [(0.1, "+0.25, within chance"), (0.05, "+0.25;")])
def test_a_change_that_chance_makes_is_called_so(
    error: float, said: str, tiny_pair: TrainedPair, tmp_path: Path
) -> None:
    old, new = (
        version(tmp_path / name, tiny_pair, f"{name}.0.0", {"recall": recall, "recall_error": error})
        for name, recall in (("1", 0.5), ("2", 0.75))
    )
    assert said in compare(old, new)


def test_what_tells_the_records_apart_is_listed(tiny_pair: TrainedPair, tmp_path: Path) -> None:
    old = version(tmp_path / "old", tiny_pair, "1.0.0", {})
    new = version(tmp_path / "new", tiny_pair, "2.0.0", {}, seed=4)
    manifest = Path(new) / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "fingerprint": "e" * 64}))
    assert "sample.seed: 3 there, 4 now" in compare(old, new)
    assert "Records that both versions have are the same" in compare(old, old)


def test_a_figure_that_only_one_has_is_said_to_be_so(tiny_pair: TrainedPair, tmp_path: Path) -> None:
    old = version(tmp_path / "old", tiny_pair, "1.0.0", {})
    path = Path(old) / "figures.json"
    path.write_text(
        json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "precision"})
    )
    assert "not measured → 0.83" in compare(old, version(tmp_path / "new", tiny_pair, "1.1.0", {}))


def test_what_is_no_version_is_refused(tiny_pair: TrainedPair, tmp_path: Path) -> None:
    good = version(tmp_path / "good", tiny_pair, "1.0.0", {})
    bare = str(generate_dataset(tmp_path / "bare", tiny_pair, COUNT).out)
    with pytest.raises(UserError, match="not a published version"):
        compare(good, bare)
    (Path(bare) / "figures.json").write_text("{")
    with pytest.raises(UserError, match=r"figures\.json is damaged"):
        compare(bare, good)
    with pytest.raises(UserError, match="not a finished dataset"):
        compare(good, str(tmp_path))
