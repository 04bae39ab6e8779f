"""The whole pipeline as a job on several nodes with a real S3, and what it made back in the checkout."""

import json
import sys
from pathlib import Path

import pytest

from pipeline.jobs.work import STAGES
from tests.checkout import git, small_checkout
from tests.cluster import LocalCluster
from tests.project import refuse, succeed
from tests.s3 import missing_programs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing_programs()), reason="Ceph is not installed: infra/local/s3/README.md says how"),
]
ALWAYS_LOOKED_AT = {"source": ["always changed"]}  # what DVC says of a checkout in which all is as it should be


@pytest.fixture(scope="module")
def root(cluster: LocalCluster) -> str:
    return f"{cluster.make_bucket('whole')}/root"


@pytest.fixture(scope="module")
def checkout(cluster: LocalCluster, root: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that has submitted the pipeline and fetched what was made."""
    folder = small_checkout(tmp_path_factory.mktemp("jobs") / "checkout")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "as it is")
    said = cluster.succeed("imagemint", "submit", "all", "--root", root, cwd=folder, timeout_s=560)
    assert "train: 2 worker(s)" in said  # what the job says comes here
    assert "images/s" in said
    assert "has succeeded" in said
    said = cluster.succeed("imagemint", "fetch", "--root", root, cwd=folder)
    assert f"files fetched from {root}" in said
    return folder


def test_the_checkout_is_as_if_it_had_been_made_there(cluster: LocalCluster, checkout: Path) -> None:
    assert json.loads(succeed("dvc", "status", "--json", cwd=checkout)) == ALWAYS_LOOKED_AT
    git(checkout, "add", "dvc.lock")
    assert git(checkout, "status", "--porcelain").split() == ["A", "dvc.lock"]
    assert json.loads((checkout / "metrics" / "digits" / "accept.json").read_text())
    # The bulk stays where it is.
    assert [path.name for path in (checkout / "datasets" / "digits" / "data").iterdir()] == ["location.json"]
    said = cluster.succeed("imagemint", "verify", "datasets/digits", cwd=checkout)
    assert "random records equal what the model generates" in said


def test_one_process_makes_the_same_dataset(checkout: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stages.sample", "--preset", "digits", "--out", str(tmp_path / "made")]
    succeed(*command, "--set", f"root={tmp_path}", cwd=checkout)
    here, there = (
        json.loads((folder / "manifest.json").read_text())["dataset_id"]
        for folder in (tmp_path / "made", checkout / "datasets" / "digits")
    )
    assert here == there


def test_submitted_again_it_does_nothing_again(cluster: LocalCluster, checkout: Path, root: str) -> None:
    said = cluster.succeed("imagemint", "submit", "all", "--root", root, cwd=checkout)
    assert "continuing from earlier outputs" in said
    assert said.count("didn't change, skipping") == len(STAGES) - len(ALWAYS_LOOKED_AT)
    assert "0 files brought" in cluster.succeed("imagemint", "fetch", "--root", root, "--replace", cwd=checkout)


def test_plain_ray_job_submit_takes_another_count(cluster: LocalCluster, checkout: Path, root: str) -> None:
    """The same stages from another checkout: of what was made before only the dataset is another."""
    preset = checkout / "conf" / "digits.yaml"
    before = preset.read_text()
    preset.write_text(before.replace("count: 2000", "count: 3000"))
    words = ["--working-dir", ".", "--", "python", "-m", "stages.job", "sample", "--root", root]
    said = cluster.succeed("ray", "job", "submit", *words, cwd=checkout)
    assert "1 of 3 shards to generate" in said
    preset.write_text(before)


def test_repro_here_uses_the_cluster_there(cluster: LocalCluster, checkout: Path, root: str) -> None:
    """Stages that are started in the checkout connect to the cluster and find what the job has made."""
    said = cluster.succeed("dvc", "repro", "--force", "--single-item", "train", cwd=checkout, IMAGEMINT_ROOT=root)
    assert "best at" in said
    assert "worker(s)" not in said  # found finished
    assert json.loads(cluster.succeed("dvc", "status", "--json", cwd=checkout)) == ALWAYS_LOOKED_AT


def test_little_is_sent(cluster: LocalCluster, checkout: Path) -> None:
    """What a job gets of the checkout: code and configs, nothing that stages made and nothing that it does not need."""
    (checkout / "data" / "big.bin").write_bytes(bytes(50_000_000))
    # Each job with this code has the same working folder on a node, and leaves it as it was sent.
    said = cluster.succeed(
        "ray", "job", "submit", "--working-dir", ".", "--", "find", ".", "-type", "f", "-ls", cwd=checkout
    )
    sent = {
        words[-1]: int(words[6]) for words in map(str.split, said.splitlines()) if words and words[-1].startswith("./")
    }
    assert "./stages/job.py" in sent
    assert sum(sent.values()) < 2_000_000, sent
    unwanted = ("./tests/", "./docs/", "./.git/", "./data/", "./datasets/", "./dvc.lock", "./.dvc/cache")
    assert not [name for name in sent if name.startswith(unwanted)]
    (checkout / "data" / "big.bin").unlink()


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("smaple",), f"no stage. Did you mean 'sample'? Use all or one of {', '.join(STAGES)}"),
        (("all", "--preset", "digit"), "Did you mean 'digits'?"),
        (("all", "--root", "."), "the working folder of a job is deleted with the job"),
        (("all", "--root", "/tmp/x", "--address", "http://127.0.0.1:1"), "the job was not accepted"),
    ],
)
def test_mistakes_are_said_before_anything_is_sent(
    cluster: LocalCluster, checkout: Path, words: tuple[str, ...], answer: str
) -> None:
    said = cluster.fail("imagemint", "submit", *words, cwd=checkout)
    assert answer in said
    assert "Traceback" not in said


def test_without_an_address_it_says_how_to_give_one() -> None:
    assert "RAY_API_SERVER_ADDRESS" in refuse("imagemint", "submit", "all", "--root", "/tmp/x")


def test_fetched_into_other_code_it_says_so(cluster: LocalCluster, checkout: Path, root: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    succeed("git", "clone", "--quiet", str(checkout), str(other))
    with (other / "stages" / "train.py").open("a") as file:
        file.write("# another remark\n")
    said = cluster.succeed("imagemint", "fetch", "--root", root, cwd=other)
    assert "Made with other code or another config" in said
    assert "train" in said


def test_fetching_what_nobody_made_says_so(cluster: LocalCluster, checkout: Path, root: str) -> None:
    said = cluster.fail("imagemint", "fetch", "--root", f"{root}/elsewhere", "--replace", cwd=checkout)
    assert "No job has stored outputs of the preset digits" in said
