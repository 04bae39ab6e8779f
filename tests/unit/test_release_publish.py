"""Publishing from a real git and DVC checkout: what is refused, what is written, and what a run cut short leaves."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from pipeline.base.errors import UserError
from pipeline.models.weights import TrainedPair
from pipeline.release.publish import publish
from pipeline.sampling.manifest import open_dataset
from pipeline.sampling.shards.wids import WIDS
from pipeline.sampling.verify import verify_files
from pipeline.store.files import write_json
from tests.project import environment
from tests.unit.tiny import flip_bit, generate_dataset

pytestmark = pytest.mark.usefixtures("one_thread")

OUTS = ("datasets/tiny/data", "datasets/tiny/manifest.json", "models/tiny/generator.safetensors")


def command(*words: str) -> str:
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(message: str) -> str:
    command("git", "add", "--all")
    command("git", "commit", "--quiet", "--message", message)
    return command("git", "rev-parse", "HEAD")


def make(pair: TrainedPair, work: Path, count: int, tstr: float) -> None:
    """Puts a dataset with its figures into the checkout and records it in dvc.lock."""
    generated = generate_dataset(work, pair, count=count)
    place = Path("datasets/tiny")
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(generated.out, place)
    (place / "README.md").write_text("# tiny\n")
    (place / "report").mkdir()
    (place / "report" / "index.html").write_text("<p>a report</p>")
    Path("models/tiny").mkdir(parents=True, exist_ok=True)
    Path("models/tiny/generator.safetensors").write_text(pair.digest)
    identity = generated.manifest.dataset_id
    write_json(Path("metrics/tiny/evaluate.json"), {"fd_domain": 4.25})
    write_json(Path("metrics/tiny/audit.json"), {"tstr_accuracy": tstr, "dataset_id": identity})
    write_json(Path("metrics/tiny/accept.json"), {"accepted": True, "dataset_id": identity, "gates": []})
    command("dvc", "commit", "--quiet", "--force")


@pytest.fixture(autouse=True)
def checkout(tiny_pair: TrainedPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout that made and committed a dataset; the current folder."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    monkeypatch.chdir(folder)
    command("git", "init", "--quiet")
    command("git", "config", "user.email", "test@localhost")
    command("git", "config", "user.name", "test")
    command("dvc", "init", "--quiet")
    for name in ("conf", "pipeline", "stages"):
        Path(name).mkdir()
    Path("conf/tiny.yaml").write_text("name: tiny\n")
    Path("conf/active.yaml").write_text("preset: tiny\n")
    Path(".gitignore").write_text("/metrics\n/published\n")
    described = {
        "stages": {"make": {"cmd": "true", "outs": list(OUTS)}},
        "artifacts": {
            "images": {"path": "datasets/tiny/data", "type": "dataset"},
            "generator": {"path": "models/tiny/generator.safetensors", "type": "model"},
        },
    }
    Path("dvc.yaml").write_text(yaml.safe_dump(described))
    make(tiny_pair, tmp_path / "first", 30, 0.5)
    commit("made")


def test_a_version_is_the_whole_dataset_under_its_number() -> None:
    published = publish("tiny", "published")
    place = Path("published/tiny")
    assert json.loads((place / "latest.json").read_text())["version"] == "1.0.0"
    dataset, manifest = open_dataset(place / "1.0.0")
    assert verify_files(dataset, manifest).problems == []
    assert manifest == open_dataset("datasets/tiny")[1]
    assert json.loads((place / "1.0.0" / "croissant.json").read_text())["version"] == "1.0.0"
    assert (place / "1.0.0" / "report" / "index.html").read_text() == "<p>a report</p>"
    assert (place / "1.0.0" / WIDS).is_file()
    figures = json.loads((place / "1.0.0" / "figures.json").read_text())
    assert figures["tstr_accuracy"] == 0.5
    assert figures["release"]["commit"] == command("git", "rev-parse", "HEAD")
    assert published.tags == ["images@v1.0.0", "generator@v1.0.0"]
    assert command("git", "tag").splitlines() == sorted(published.tags)


def test_publishing_again_changes_nothing() -> None:
    publish("tiny", "published")
    before = {path: path.read_bytes() for path in Path("published").rglob("*") if path.is_file()}
    Path("notes.txt").write_text("later")
    commit("something else")
    publish("tiny", "published")
    assert {path: path.read_bytes() for path in Path("published").rglob("*") if path.is_file()} == before


def test_more_records_are_a_minor_version_of_the_same_model(tiny_pair: TrainedPair, tmp_path: Path) -> None:
    publish("tiny", "published")
    make(tiny_pair, tmp_path / "second", 48, 0.625)
    commit("more")
    published = publish("tiny", "published")
    assert published.tags == ["images@v1.1.0", "generator@v1.0.0"]
    changelog = Path("published/tiny/CHANGELOG.md").read_text().splitlines()
    assert [line.split()[1] for line in changelog] == ["1.1.0", "1.0.0"]
    assert "18 records added, 48 in all; fd_domain 4.25, was 4.25; TSTR 0.625, was 0.5" in changelog[0]
    assert open_dataset("published/tiny/1.0.0")[1].count == 30
    assert open_dataset("published/tiny/1.1.0")[1].count == 48


def test_what_was_cut_short_is_completed_and_nothing_but_it_goes() -> None:
    publish("tiny", "published")
    whole = {path: path.read_bytes() for path in Path("published").rglob("*") if path.is_file()}
    place = Path("published/tiny")
    for name in ("latest.json", "CHANGELOG.md", "1.0.0/manifest.json", "1.0.0/data/train-000001.tar"):
        (place / name).unlink()
    (place / "1.0.0/data/train-000009.tar").write_text("of a larger one")
    desktop, mine = place / "1.0.0/data/.DS_Store", place / "1.0.0/notes.txt"
    desktop.write_text("junk")
    mine.write_text("precious")
    with pytest.raises(UserError, match=r"1\.0\.0 holds notes\.txt, which is no part of a release"):
        publish("tiny", "published")
    assert (place / "1.0.0/data/train-000009.tar").exists()
    mine.unlink()
    publish("tiny", "published")
    desktop.unlink()  # it stayed
    assert {path: path.read_bytes() for path in Path("published").rglob("*") if path.is_file()} == whole


def test_what_is_not_accepted_is_not_published() -> None:
    verdict = Path("metrics/tiny/accept.json")
    write_json(verdict, {"accepted": True, "dataset_id": "0" * 64, "gates": []})
    with pytest.raises(UserError, match="another dataset"):
        publish("tiny", "published")
    verdict.unlink()
    with pytest.raises(UserError, match="not accepted"):
        publish("tiny", "published")
    assert not Path("published").exists()


def test_what_the_commit_does_not_describe_is_not_published(tiny_pair: TrainedPair, tmp_path: Path) -> None:
    make(tiny_pair, tmp_path / "second", 48, 0.625)
    with pytest.raises(UserError, match=r"dvc\.lock has changes"):
        publish("tiny", "published")
    commit("more")
    Path("conf/tiny.yaml").write_text("name: tiny\nseed: 1\n")
    with pytest.raises(UserError, match=r"conf/tiny\.yaml has changes"):
        publish("tiny", "published")
    commit("seed")
    Path("models/tiny/generator.safetensors").write_text("another")
    with pytest.raises(UserError, match=r"dvc\.lock does not match the current state of these stages: make"):
        publish("tiny", "published")
    active = Path("conf/active.yaml")
    active.write_text("preset: another\n")
    commit("another default")
    command("git", "update-index", "--skip-worktree", str(active))
    active.write_text("preset: tiny\n")
    with pytest.raises(UserError, match=r"In git conf/active\.yaml names another.*`imagemint use tiny --share`"):
        publish("tiny", "published")
    assert not Path("published").exists()


def test_damage_is_found_before_anything_points_to_it() -> None:
    path = Path("datasets/tiny/data/train-000001.tar")
    flip_bit(path)
    command("dvc", "commit", "--quiet", "--force")
    commit("as it is")
    with pytest.raises(UserError, match=r"train-000001\.tar: its SHA-256 differs"):
        publish("tiny", "published")
    assert not Path("published/tiny/latest.json").exists()
    assert command("git", "tag") == ""


def test_an_output_without_an_artifact_is_refused_with_the_lines_to_add() -> None:
    described = yaml.safe_load(Path("dvc.yaml").read_text())
    del described["artifacts"]["generator"]
    Path("dvc.yaml").write_text(yaml.safe_dump(described))
    with pytest.raises(UserError, match=r"path: models/tiny/generator\.safetensors"):
        publish("tiny", "published")


def test_a_tag_of_another_commit_is_not_moved() -> None:
    command("git", "tag", "images@v1.0.0")
    Path("notes.txt").write_text("later")
    commit("something else")
    with pytest.raises(UserError, match=r"images@v1\.0\.0 exists at another commit"):
        publish("tiny", "published")
    assert not Path("published/tiny/latest.json").exists()


def test_a_checkout_without_git_is_refused() -> None:
    shutil.rmtree(".git")
    with pytest.raises(UserError, match="needs a git checkout"):
        publish("tiny", "published")


def test_what_dvc_complains_of_is_passed_on() -> None:
    shutil.rmtree(".dvc")
    with pytest.raises(UserError, match=r"`dvc status` failed, and says: .*not inside of a DVC repository"):
        publish("tiny", "published")


def test_a_damaged_pointer_is_no_reason_to_begin_anew() -> None:
    publish("tiny", "published")
    Path("published/tiny/latest.json").write_text("{")
    with pytest.raises(UserError, match=r"latest\.json is damaged"):
        publish("tiny", "published")
