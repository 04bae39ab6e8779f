"""A real DVC repository: repro, metrics, push to a remote, pull in another clone."""

import csv
import io
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.checkout import git, small_checkout
from tests.image_names import ending_a_part
from tests.project import succeed
from tests.s3 import S3Server

pytestmark = [pytest.mark.ci, pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")]

MADE = ("data/digits", "models/digits", "metrics/digits", "datasets/digits")

# As in docs/guide/experiments.md: without parameters and dependencies, which have a dot or a slash in their names.
EXPERIMENTS = ("dvc", "exp", "show", "--no-pager", "--drop", ".*[./]|name$|preset$")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh git checkout of the project as it stands here, `digits` active and cut short, reproduced and committed."""
    folder = small_checkout(tmp_path_factory.mktemp("repository") / "checkout")
    succeed("dvc", "repro", cwd=folder, timeout_s=500)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "made")
    return folder


def test_repro_again_changes_nothing_whatever_desktops_leave_in_the_folders(repository: Path) -> None:
    left = [
        repository / folder / name for folder in (*MADE, "pipeline/data", "conf") for name in (".DS_Store", "Thumbs.db")
    ]
    left.append(repository / "datasets/digits/data/._train-000000.parquet")
    for path in left:
        path.write_text("junk")
    said = succeed("dvc", "repro", cwd=repository)
    assert ran(said) == ["source"]
    assert git(repository, "status", "--porcelain") == ""
    for path in left:
        path.unlink()


def test_run_all_leaves_the_lock_that_dvc_repro_leaves_and_none_of_its_words(repository: Path) -> None:
    lock = repository / "dvc.lock"
    left = lock.read_bytes()
    said = succeed("imagemint", "run", "all", cwd=repository)
    assert said.count(": unchanged\n") == 8
    assert "2,000 synthetic images in 10 classes" in said
    assert lock.read_bytes() == left
    lock.unlink()
    again = succeed("imagemint", "run", "all", cwd=repository)  # what was made is found again
    assert lock.read_bytes() == left
    assert again.count(": taken from DVC's cache\n") == 8
    assert not [
        word for word in ("Running stage", "dvc.lock", "git add") if word in (said + again).partition("Next ")[0]
    ]


def ran(said: str) -> list[str]:
    """The stages that `dvc repro` says it ran."""
    return re.findall(r"Running stage '([\w-]+)'", said)


def test_experiments_show_figures_beside_parameters(repository: Path) -> None:
    row = next(csv.DictReader(io.StringIO(succeed("dvc", "exp", "show", "--csv", cwd=repository))))
    assert float(row["fd_domain"]) > 0
    assert row["train.loss"] == "relativistic"


def test_the_figures_fit_on_a_terminal(repository: Path) -> None:
    names = ("fd_domain", "coverage", "diversity_min", "tstr_accuracy")
    metrics = succeed("dvc", "metrics", "show", cwd=repository, COLUMNS="100").splitlines()
    experiments = succeed(*EXPERIMENTS, cwd=repository, COLUMNS="100").splitlines()
    for lines in (metrics, experiments):
        assert all(any(f" {name} " in f"{line} " for line in lines) for name in names)
        assert max(map(len, lines)) + len("fashion-mnist-dcgan") - len("digits") <= 100


def test_everything_made_is_out_of_git_and_in_the_lock(repository: Path) -> None:
    tracked = git(repository, "ls-files").splitlines()
    assert not [name for name in tracked if name.startswith(("data/", "models/", "metrics/", "datasets/", "runs/"))]
    lock = yaml.safe_load((repository / "dvc.lock").read_text())
    assert set(lock["stages"]) == {
        "source",
        "ingest",
        "resolve",
        "embed",
        "train",
        "evaluate",
        "sample",
        "audit",
        "accept",
    }


def test_dvc_shows_metrics_and_plots(repository: Path) -> None:
    shown = json.loads(succeed("dvc", "metrics", "show", "--json", cwd=repository))
    files = shown[""]["data"]
    assert list(files) == ["metrics/digits/summary.json"]
    assert 0 < files["metrics/digits/summary.json"]["data"]["tstr_accuracy"] <= 1
    succeed("dvc", "plots", "show", "--out", "plots", cwd=repository)
    assert "images_seen" in (repository / "plots" / "index.html").read_text()
    shutil.rmtree(repository / "plots")


def test_artifacts_name_what_each_preset_makes(repository: Path) -> None:
    described = yaml.safe_load((repository / "dvc.yaml").read_text())
    paths = {artifact["path"]: artifact["type"] for artifact in described["artifacts"].values()}
    for preset in ("digits", "fashion-mnist"):
        assert paths[f"models/{preset}/generator.safetensors"] == "model"
        assert paths[f"datasets/{preset}/data"] == "dataset"


def test_a_changed_gate_runs_no_training_and_no_sampling(repository: Path) -> None:
    preset = repository / "conf" / "digits.yaml"
    before = preset.read_text()
    preset.write_text(before.replace("min: 0.2", "min: 0.21"))
    assert ran(succeed("dvc", "repro", cwd=repository)) == ["source", "resolve", "audit", "accept"]
    preset.write_text(before)
    succeed("dvc", "repro", cwd=repository)


def test_own_images_are_read_again_when_their_content_changes_and_only_then(repository: Path) -> None:
    """The outcome that was missing in iterative/dvc#3855."""
    random, photos = np.random.default_rng(0), repository / "photos"
    names = [f"{'cat' if number % 2 else 'dog'}/{number}.png" for number in range(130)]
    for name in (*names, ending_a_part("cat/z.png")):
        path = photos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (9, 9, 3), np.uint8)).save(path)
    succeed("imagemint", "init", "photos", "photos", "--size", "8", "--yes", cwd=repository)
    succeed("imagemint", "use", "photos", cwd=repository)
    assert ran(succeed("dvc", "repro", "resolve", cwd=repository)) == ["source", "ingest", "resolve"]
    assert yaml.safe_load((repository / "metrics/photos/preset.yaml").read_text())["model"]["channels"] == 3

    os.utime(photos / "dog" / "0.png", (1, 1))
    (photos / ".DS_Store").write_text("junk")
    (photos / "cat" / "__pycache__").mkdir()
    (photos / "cat" / "__pycache__" / "a.pyc").write_text("junk")
    assert ran(succeed("dvc", "repro", "resolve", cwd=repository)) == ["source"]

    Image.fromarray(random.integers(0, 256, (9, 9, 3), np.uint8)).save(photos / "dog" / "new.png")
    said = succeed("dvc", "repro", "resolve", cwd=repository)
    assert ran(said) == ["source", "ingest", "resolve"]
    prepared = re.search(r"(\d+) images prepared, 1 of 1 parts", said)
    assert prepared is not None, said
    assert int(prepared[1]) <= 66  # the dogs
    succeed("imagemint", "use", "digits", cwd=repository)
    shutil.rmtree(photos)
    (repository / "conf" / "photos.yaml").unlink()
    git(repository, "checkout", "--", "dvc.lock")


def push_and_clone(repository: Path, remote: str, clone: Path, **settings: str) -> None:
    """The way of what was made to another clone, by the remote."""
    succeed("dvc", "remote", "add", "--local", "--default", "--force", "store", remote, cwd=repository)
    succeed("dvc", "push", cwd=repository, **settings)
    succeed("git", "clone", "--quiet", str(repository), str(clone))
    succeed("dvc", "remote", "add", "--local", "--default", "store", remote, cwd=clone)
    succeed("dvc", "pull", cwd=clone, **settings)
    for folder in MADE:
        ours = sorted(path.relative_to(repository) for path in (repository / folder).rglob("*") if path.is_file())
        assert ours
        for path in ours:
            assert (clone / path).read_bytes() == (repository / path).read_bytes()
    assert set(json.loads(succeed("dvc", "status", "--json", cwd=clone))) == {"source"}


def test_push_and_pull_bring_model_and_dataset_to_another_clone(repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    push_and_clone(repository, str(tmp_path / "store"), clone)
    said = succeed("imagemint", "verify", "datasets/digits", cwd=clone)
    assert "random records equal what the model generates" in said


def test_push_and_pull_by_a_bucket(repository: Path, s3: S3Server, tmp_path: Path) -> None:
    remote = f"{s3.make_bucket('dvc-remote')}/store"
    push_and_clone(repository, remote, tmp_path / "clone", **s3.environment)


def test_a_published_version_is_checked_by_whoever_gets_it(repository: Path, tmp_path: Path) -> None:
    succeed("dvc", "remote", "add", "--local", "--default", "--force", "store", str(tmp_path / "store"), cwd=repository)
    succeed("dvc", "push", cwd=repository)
    said = succeed("imagemint", "publish", "--to", str(tmp_path / "published"), cwd=repository)
    assert "1.0.0" in said
    assert "2,000 records" in said
    assert "synthetic-images-digits@v1.0.0" in git(repository, "tag").splitlines()
    version = tmp_path / "published" / "digits" / "1.0.0"
    assert "2,000 records match the manifest" in succeed("imagemint", "verify", str(version))
    got = tmp_path / "shards"
    succeed("dvc", "artifacts", "get", str(repository), "synthetic-images-digits", "--rev", "v1.0.0", "-o", str(got))
    assert sorted(path.name for path in got.iterdir()) == sorted(path.name for path in (version / "data").iterdir())
    assert git(repository, "status", "--porcelain") == ""


def test_a_version_can_be_published_to_a_bucket(repository: Path, s3: S3Server) -> None:
    place = f"{s3.make_bucket('published')}/below"
    for _ in range(2):
        said = succeed("imagemint", "publish", "--to", place, cwd=repository, **s3.environment)
        assert f"{place}/digits/1.0.0" in said
    verified = succeed("imagemint", "verify", f"{place}/digits/1.0.0", cwd=repository, **s3.environment)
    assert "2,000 records match the manifest" in verified
