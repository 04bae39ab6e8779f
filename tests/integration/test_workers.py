"""Two workers train one pair."""

import json

from tests.project import Places


def test_two_workers_train_the_same_config(trained: Places, tmp_path) -> None:
    two = Places(tmp_path)
    two.stage("ingest")
    (two.model).mkdir()
    for name in ("embedder.safetensors", "embedder.json"):
        (two.model / name).write_bytes((trained.model / name).read_bytes())
    # The trainer compares the workers' weights at every checkpoint and fails when they differ in one bit.
    said = two.stage("train", "--set", "cluster.train_workers=2")
    assert "2 worker(s)" in said
    description = json.loads((two.model / "model.json").read_text())
    assert description["workers"] == 2
    assert description["metrics"]["validation_label_accuracy"] > 0.5
    assert (two.model / "samples" / "images-000012800.png").is_file()
    two.stage("sample", "--set", "sample.count=500")
    assert (two.dataset / "manifest.json").is_file()
