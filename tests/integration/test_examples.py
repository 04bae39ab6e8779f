"""Each loader script in `examples` reads every record of a dataset once, and says what is wrong with a wrong folder."""

import json
import shutil
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.models.weights import load_pair
from pipeline.sampling.assemble import DatasetOutput
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.manifest import build_manifest, read_manifest
from pipeline.sampling.shards.ranges import plan_shards
from tests.project import ROOT, run, succeed
from tests.unit.tiny import CLASSES, SAMPLE, SETTINGS, make_shard, manifest_header, save_tiny_pair, target_in

SHARD_SIZE = 600  # two row groups
BATCH = {"batch_size": 100}
COUNT = 1300  # two full shards and a small one, which two workers cannot share evenly
NEEDED = {
    "hf_datasets.py": ".parquet",
    "webdataset_loader.py": ".tar",
    "ray_data.py": ".parquet",
    "duckdb_query.py": ".parquet",
    "pyarrow_reader.py": ".parquet",
}


def make_dataset(folder: Path, count: int, formats: tuple[str, ...]) -> Path:
    """A dataset of 6 px grey images, made by a pair that never learnt."""
    save_tiny_pair(folder / "model")
    pair = load_pair(folder / "model")
    target, settings = target_in(folder / "run", formats=formats), replace(SETTINGS, **BATCH)
    commits = [make_shard(RecordGenerator(pair, settings), target, plan) for plan in plan_shards(count, SHARD_SIZE)]
    DatasetOutput(folder / "dataset").assemble(
        target, build_manifest(target, commits, manifest_header(pair, SAMPLE | BATCH))
    )
    return folder / "dataset"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In both formats, with a shard in each that the manifest does not know."""
    made = make_dataset(tmp_path_factory.mktemp("examples"), COUNT, ("parquet", "webdataset"))
    for ending in (".parquet", ".tar"):
        shutil.copy(made / f"data/train-000000{ending}", made / f"data/train-000009{ending}")
    return made


def output_of(script: str, *options: str, **extra: str) -> str:
    return succeed(sys.executable, f"examples/{script}", *options, **extra)


def class_counts(dataset: Path) -> str:
    """Records of each class according to the manifest, as the scripts print them."""
    counts: Counter[str] = Counter()
    for shard in read_manifest(dataset).shards:
        counts.update(shard.labels)
    assert counts.total() == COUNT
    return "Records per class: " + ", ".join(f"{name} {counts[name]}" for name in CLASSES) + "\n"


def test_every_script_is_tested() -> None:
    assert {path.name for path in (ROOT / "examples").glob("*.py")} == NEEDED.keys()


def test_hugging_face_in_full_and_streaming(dataset: Path, tmp_path: Path) -> None:
    said = output_of("hf_datasets.py", str(dataset), HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1")
    assert f"In full: {COUNT} records, first picture 6 x 6 pixels, mode L\n" in said
    assert class_counts(dataset) in said
    assert "Streaming: the first batch is uint8 [64, 6, 6]\n" in said
    assert f"Streaming: {COUNT} records\n" in said


@pytest.mark.parametrize(("asked", "used"), [(2, 2), (5, 3)])
def test_webdataset_with_two_workers_and_with_more_than_shards(dataset: Path, asked: int, used: int) -> None:
    said = output_of("webdataset_loader.py", str(dataset), "--workers", str(asked))
    assert "First batch: torch.float32 [64, 1, 6, 6]\n" in said
    assert f"{COUNT} records from 3 shards, read by {used} workers\n" in said
    assert class_counts(dataset) in said


def test_webdataset_notices_a_record_that_is_missing(tmp_path: Path) -> None:
    made = make_dataset(tmp_path, 12, ("webdataset",))
    path = made / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "count": 13}))
    done = run(sys.executable, "examples/webdataset_loader.py", str(made), "--workers", "0")
    assert (done.returncode, done.stderr) == (1, f"{made}: 12 records were read, the manifest counts 13\n")


def test_ray_data(dataset: Path) -> None:
    said = output_of("ray_data.py", str(dataset), RAY_USAGE_STATS_ENABLED="0")
    assert "First batch: uint8 [64, 6, 6]\n" in said
    assert f"{COUNT} records from 3 shards\n" in said
    assert class_counts(dataset) in said


def test_duckdb_gives_means_and_the_greatest_logits(dataset: Path) -> None:
    files = [dataset / shard.file for shard in read_manifest(dataset).shards]
    records: list[dict[str, Any]] = pq.read_table(files, columns=["label", "index", "logit"]).to_pylist()
    said = output_of("duckdb_query.py", str(dataset), "--class", "owl")
    assert f"{COUNT} records from 3 shards\n" in said
    for label, name in enumerate(CLASSES):
        logits = [record["logit"] for record in records if record["label"] == label]
        assert f"{name}: {len(logits)} records, mean logit {sum(logits) / len(logits):.3f}\n" in said
    owls = [record for record in records if CLASSES[record["label"]] == "owl"]
    best = sorted(owls, key=lambda record: (-record["logit"], record["index"]))[:5]
    shown = ", ".join(f"record {record['index']} {record['logit']:.3f}" for record in best)
    assert f"Greatest logits of owl: {shown}\n" in said


def test_pyarrow_by_row_groups(dataset: Path) -> None:
    said = output_of("pyarrow_reader.py", str(dataset))
    assert "First row group: uint8 [500, 6, 6]\n" in said
    assert f"{COUNT} records from 3 shards, 5 row groups\n" in said
    assert class_counts(dataset) in said


def test_a_wrong_folder_gets_one_clear_line(tmp_path: Path) -> None:
    lacking = {
        ".parquet": make_dataset(tmp_path / "tars", 12, ("webdataset",)),
        ".tar": make_dataset(tmp_path / "parquets", 12, ("parquet",)),
    }
    cases = {}
    for script, ending in NEEDED.items():
        cases[script, lacking[ending]] = f"this dataset has no {ending} shards"
        cases[script, tmp_path] = "no manifest.json that can be read, so this is not a finished dataset"
    with ThreadPoolExecutor(4) as pool:  # most of the time goes into starting ten processes
        ended = pool.map(lambda case: run(sys.executable, f"examples/{case[0]}", str(case[1])), cases)
    for (script, folder), message, done in zip(cases, cases.values(), ended, strict=True):
        assert (script, done.returncode, done.stderr) == (script, 1, f"{folder}: {message}\n")
