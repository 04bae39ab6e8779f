"""Bad configs and bad input: one clear message, exit code 1, and nothing left that looks done.

Each case is what a user could really type or find on a disk.
"""

import gzip
import shutil
import socket
import struct
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.project import Places, refuse, run


def refused(stage: str, *options: str, expected: list[str], out: Path, **extra: str) -> None:
    """Calls the stage; its one message must hold every text of `expected`, and it must leave `out` alone."""
    message = refuse(stage, *options, "--out", str(out), **extra)
    for text in expected:
        assert text in message
    for marker in ("dataset.json", "model.json", "manifest.json", "accept.json"):
        assert not (out / marker).exists()


def test_a_refusal_ends_a_process_with_1_and_one_message(tmp_path: Path) -> None:
    done = run(sys.executable, "-m", "stages.train", "--preset", "digits", "--set", "trian=1", "--out", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "train: conf/digits.yaml with --set: 1 error\n  trian: unknown key; did you mean 'train'?"
    )
    assert done.stderr.count("\n") == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("sampel.count=5", ["sampel: unknown key", "'sample'"]),
        ("sample.cuont=5", ["sample.cuont: unknown key", "'count'"]),
        ("sample.count=-5", ["sample.count", "-5", "greater than or equal to 1"]),
        ("sample.count=many", ["sample.count", "'many' (str)", "valid integer"]),
        ("train.learning_rate=0", ["train.learning_rate", "found 0", "greater than 0"]),
        ("model.architecture=dcgna", ["model.architecture", "'dcgna'", "'dcgan'"]),
        ("model.resolution=12", ["model.resolution", "found 12", "8, 16, 32, 64 or 128"]),
        ("data.size=16", ["model.resolution", "data.size 16", "at least 16"]),
        ("sample.shard_size=750", ["sample.shard_size: 750", "multiple of sample.batch_size 500"]),
        ("cluster.train_workers=7", ["train.batch_size: 64", "cluster.train_workers 7"]),
        ("data.holdout_share=null", ["data.holdout_share", "no holdout split", "use auto"]),
        ("gates={tstr: {min: 1}}", ["gates.tstr", "tstr_accuracy"]),
        ("root=s3://Bucket/x", ["root", "s3://Bucket/x", "s3://BUCKET/PREFIX"]),
        ("sample", ["--set sample", "section.key=value"]),
    ],
)
def test_a_bad_setting_is_refused(setting: str, expected: list[str], tmp_path: Path) -> None:
    refused("ingest", "--preset", "digits", "--set", setting, expected=expected, out=tmp_path / "out")


def test_an_unknown_preset_is_refused_and_the_nearest_named(tmp_path: Path) -> None:
    refused("ingest", "--preset", "digit", expected=["'digit'", "Did you mean 'digits'?"], out=tmp_path / "out")


def test_all_errors_of_a_file_are_listed_at_once(tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    text = Path("conf/digits.yaml").read_text().replace("batch_size: 64", "batch_size: sixty").replace("width", "widht")
    config.write_text(text)
    expected = [f"{config}: 2 errors", "train.batch_size", "model.widht", "'width'"]
    refused("ingest", "--config", str(config), expected=expected, out=tmp_path / "out")


def test_a_config_that_is_not_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("name: digits\ndata: {size: 8\n")
    refused("ingest", "--config", str(config), expected=[str(config), "line"], out=tmp_path / "out")


@pytest.fixture
def idx_folder(tmp_path: Path) -> Path:
    """Small files in the format of MNIST, gzipped, ten classes."""
    folder = tmp_path / "idx"
    folder.mkdir()
    pixels = np.random.default_rng(0)
    for part, count in (("train", 400), ("t10k", 100)):
        images = pixels.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for name, header, body in (
            (f"{part}-images-idx3-ubyte.gz", struct.pack(">4I", 2051, count, 28, 28), images.tobytes()),
            (f"{part}-labels-idx1-ubyte.gz", struct.pack(">2I", 2049, count), labels.tobytes()),
        ):
            (folder / name).write_bytes(gzip.compress(header + body))
    return folder


def test_good_idx_files_are_taken_so_the_refusals_below_have_their_reason(idx_folder: Path, tmp_path: Path) -> None:
    sets = ["--set", f"data.source.path={idx_folder}"]
    done = run(
        sys.executable, "-m", "stages.ingest", "--preset", "fashion-mnist", *sets, "--out", str(tmp_path / "out")
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "dataset.json").is_file()


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def remove_labels(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()


def cut_gzip(folder: Path) -> None:
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-1000])


def cut_content(folder: Path) -> None:
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1000]))


def shorten_labels(folder: Path) -> None:
    path = folder / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(struct.pack(">2I", 2049, 399) + bytes(399)))


def swap_images_and_labels(folder: Path) -> None:
    shutil.copy(folder / "t10k-labels-idx1-ubyte.gz", folder / "t10k-images-idx3-ubyte.gz")


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (remove_folder, ["data.source.path", "no file or folder"]),
        (remove_labels, ["t10k-labels-idx1-ubyte", "neither"]),
        (cut_gzip, ["train-images-idx3-ubyte.gz", "truncated"]),
        (cut_content, ["train-images-idx3-ubyte", "truncated", "its header promises"]),
        (shorten_labels, ["400 images", "399 labels"]),
        (swap_images_and_labels, ["t10k-images-idx3-ubyte", "not an IDX file of images"]),
    ],
)
def test_damaged_idx_files_are_refused(damage, expected: list[str], idx_folder: Path, tmp_path: Path) -> None:
    damage(idx_folder)
    options = ["--preset", "fashion-mnist", "--set", f"data.source={{kind: idx, path: '{idx_folder}'}}"]
    refused("ingest", *options, expected=expected, out=tmp_path / "out")


def test_offline_without_the_data_is_one_message_that_lists_the_ways(tmp_path: Path) -> None:
    if Path("/usr/share/datasets/fashion-mnist").is_dir():
        pytest.skip("Debian's dataset-fashion-mnist is installed here, so the data is never missing")
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("apt-get", "dpkg"):
        (tools / tool).write_text("#!/bin/sh\necho 'E: no network' >&2\nexit 100\n")
        (tools / tool).chmod(0o755)
    # A proxy where nothing listens: the published address is out of reach.
    offline = {"PATH": f"{tools}:/usr/bin:/bin", "http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    refused(
        "ingest", "--preset", "fashion-mnist", "--set", f"root={tmp_path / 'root'}",
        expected=["found nowhere", "no network", "download failed", "data.source.path"], out=tmp_path / "out", **offline,
    )  # fmt: skip


@pytest.mark.parametrize(("stage", "expected"), [
    ("embed", "imagemint run ingest"), ("train", "imagemint run ingest"), ("sample", "imagemint run train"), ("audit", "imagemint run sample"),
])  # fmt: skip
def test_a_stage_without_its_input_names_the_stage_to_run(stage: str, expected: str, tmp_path: Path) -> None:
    options = ["--preset", "digits", "--data", str(tmp_path / "no"), "--model", str(tmp_path / "no")]
    refused(stage, *options, expected=[expected], out=tmp_path / "out")


def test_more_workers_than_the_cluster_has_are_refused(trained: Places, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for stage, key in (("train", "train_workers"), ("sample", "sample_workers")):
        options = ["--preset", "digits", "--data", str(trained.data), "--model", str(trained.model)]
        options += ["--set", f"root={tmp_path}", "--set", "train.batch_size=4096", "--set", f"cluster.{key}=1024"]
        done = run(sys.executable, "-m", f"stages.{stage}", *options, "--out", str(out))
        first, *warnings = done.stdout.splitlines()
        assert (done.returncode, first) == (1, f"{stage}: preset digits (conf/digits.yaml)")
        assert all(line.startswith(f"{stage}: warning: ") for line in warnings)
        # Ray has started and ended: nothing of it is to be seen.
        message = f"{stage}: cluster.{key}: 1024 workers requested, but the cluster has "
        assert done.stderr.startswith(message)
        assert done.stderr.count("\n") == 1
    assert not out.exists()


def test_a_cluster_that_is_not_there_is_refused(trained: Places, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = ["--preset", "digits", "--model", str(trained.model)]
    refused("sample", *options, expected=[address, "nothing answers"], out=tmp_path / "out", RAY_ADDRESS=address)


def test_a_port_taken_by_another_program_is_refused(trained: Places, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"

        def hang_up() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=hang_up, daemon=True).start()
        options = ["--preset", "digits", "--model", str(trained.model)]
        refused("sample", *options, expected=[address, "what listens there"], out=tmp_path / "out", RAY_ADDRESS=address)


def test_too_little_disk_is_refused_before_work_starts(trained: Places, tmp_path: Path) -> None:
    options = ["--preset", "digits", "--model", str(trained.model), "--set", "sample.count=100000000000"]
    options += ["--set", "sample.shard_size=1000000"]
    refused("sample", *options, expected=["needs about", "are free", "root"], out=tmp_path / "out")


def test_a_truncated_model_is_refused(trained: Places, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(trained.model, model)
    weights = model / "generator.safetensors"
    content = weights.read_bytes()
    weights.unlink()
    weights.write_bytes(content[: len(content) // 2])
    options = ["--preset", "digits", "--model", str(model)]
    refused("sample", *options, expected=["generator.safetensors", "Train or fetch"], out=tmp_path / "out")


def test_a_second_process_on_the_same_run_is_refused(trained: Places, tmp_path: Path) -> None:
    import fcntl

    places = Places(tmp_path)
    places.stage("embed", "--data", str(trained.data), "--out", str(tmp_path / "first"))
    (lock_path,) = (places.root / "runs").glob("embed-*.lock")
    with lock_path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run(*places.command("embed", "--data", str(trained.data), "--out", str(tmp_path / "second")))
    assert done.returncode == 1
    assert "Another process" in done.stderr
    assert not (tmp_path / "second" / "embedder.json").exists()
