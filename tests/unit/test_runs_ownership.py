"""What a stage wrote is known by content: its own files, whole or left by a stage cut short, and nobody else's."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.sources.source import Listing, RawImage
from pipeline.runs.ownership import METRICS, foreign_files, layout_of
from pipeline.store.files import write_json
from tests.project import ROOT
from tests.unit.canonical_data import RawImages, data_of, write_arrays, write_listing
from tests.unit.tiny import save_tiny_pair


def foreign(stage: str, out: Path, runs: Path | None = None) -> list[str]:
    return [path.relative_to(out).as_posix() for path in foreign_files(out, layout_of(stage, out, runs))]


@pytest.fixture
def canonical(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (200, 8, 8, 1), dtype=np.uint8), np.arange(200) % 2
    write_arrays((images, labels), data_of(["a", "b"]), tmp_path / "data")
    return tmp_path / "data"


def test_a_canonical_dataset_is_of_ingest_alone_also_without_its_description(canonical: Path) -> None:
    (canonical / "left_out.csv").write_text("source,reason\na.png,no image\n")
    (canonical / ".train-000000.parquet.12.tmp").write_bytes(b"half")
    assert foreign("ingest", canonical) == []
    assert "dataset.json" in foreign("sample", canonical)
    (canonical / "dataset.json").unlink()
    assert foreign("ingest", canonical) == []
    (canonical / "train-000000.parquet").write_text("precious")
    (canonical / "left_out.csv").write_text("my,notes")
    assert foreign("ingest", canonical) == ["left_out.csv", "train-000000.parquet"]


def test_quarantine_and_leaks_are_of_ingest_where_it_wrote_them(tmp_path: Path) -> None:
    def written(*images: RawImage) -> Path:
        write_listing(Listing([RawImages(*images)]), data_of("auto", bad_share_max=0.5), tmp_path)
        return tmp_path / "quarantine.parquet"

    pixels = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 1), dtype=np.uint8)
    path = written(*(RawImage(str(number), image) for number, image in enumerate(pixels)), RawImage("bad", b""))
    assert foreign("ingest", tmp_path) == []
    path.write_bytes(b"somebody's")
    (tmp_path / "leaks.parquet").write_bytes(b"somebody's")
    assert foreign("ingest", tmp_path) == ["leaks.parquet", "quarantine.parquet"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """What train leaves, without the embedder."""
    out = tmp_path / "model"
    save_tiny_pair(out)
    (out / "samples").mkdir()
    for name in ("images-000006400.png", "interpolation.png", "curves.png"):
        (out / "samples" / name).write_bytes(b"png")
    return out


def test_a_model_is_known_by_its_description_and_others_weights_are_not_ours(model: Path) -> None:
    assert foreign("train", model) == foreign("embed", model) == []
    (model / "samples" / "holiday.png").write_bytes(b"precious")
    (model / "embedder.safetensors").write_bytes(b"precious")
    assert foreign("train", model) == ["embedder.safetensors", "samples/holiday.png"]
    (model / "model.json").write_text('{"model_type": "bert"}')
    assert set(foreign("train", model)) > {"model.json", "generator.safetensors", "samples/curves.png"}


def test_weights_that_were_copied_last_are_proven_by_the_run_they_come_from(model: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "train-0123456789abcdef" / "model"
    save_tiny_pair(run)
    for path in [*(model / "samples").iterdir(), model / "model.json"]:
        path.unlink()
    assert foreign("train", model, tmp_path / "runs") == []
    assert foreign("train", model) == ["discriminator.safetensors", "generator.safetensors"]
    (run / "generator.safetensors").write_bytes((model / "generator.safetensors").read_bytes()[:-1] + b"\0")
    assert foreign("train", model, tmp_path / "runs") == ["generator.safetensors"]


def test_a_link_to_samples_elsewhere_is_no_folder_of_ours(model: Path) -> None:
    (model / "samples").rename(model.parent / "precious")
    (model / "samples").symlink_to(model.parent / "precious")
    assert foreign("train", model) == ["samples"]


OF_METRICS: dict[str, Any] = {
    "embed.json": {"holdout_accuracy": 0.9},
    "evaluate.json": {"fd_domain": 1.0, "embedder": "a", "model": "b"},
    "audit.json": {"fd_domain": 1.0, "dataset_id": "a"},
    "summary.json": {"fd_domain": 1.0, "coverage": 0.9},
    "accept.json": {"accepted": True, "dataset_id": "a", "gates": []},
    "sample_time.json": {"images": 1, "seconds": 1, "core_seconds": 1, "gpu_seconds": 0},
}


def test_figures_are_known_by_what_they_say(tmp_path: Path) -> None:
    write_json(tmp_path / "embed.json", {"kind": "self_supervised", "holdout_recognised": 0.3})
    assert foreign("evaluate", tmp_path) == []
    for name, value in OF_METRICS.items():
        write_json(tmp_path / name, value)
    (tmp_path / "training.csv").write_text("images_seen,loss\n1,2\n")
    assert foreign("evaluate", tmp_path) == foreign("accept", tmp_path) == []
    for path in tmp_path.iterdir():
        path.write_text(json.dumps({"mine": 1}))
    assert list(foreign_files(tmp_path, METRICS)) == sorted(tmp_path.iterdir())


def test_every_file_of_figures_that_dvc_knows_is_known_here() -> None:
    listed = set(re.findall(r"metrics/\$\{preset\}/([\w.]+)", (ROOT / "dvc.yaml").read_text()))
    assert {"train_time.json", "summary.json", "accept.json"} < listed
    assert [name for name in sorted(listed) if METRICS.proof(name) is None] == []
