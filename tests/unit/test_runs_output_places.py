"""One rule for what a stage may write to: what it would harm, or cannot write, is refused before any work."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import UserError
from pipeline.cli import console
from pipeline.runs.output_places import require_output_file, require_stage_output, require_writable_checkout
from tests.project import ROOT, refuse

STAGES = ("ingest", "embed", "train", "evaluate", "sample", "audit", "accept")


def refusal(stage: str, out: Path, root: Path | None = None) -> str:
    with pytest.raises(UserError) as caught:
        require_stage_output(stage, out, out / "metrics", root, given=True)
    assert str(caught.value).startswith(f"--out {out}: ")
    return str(caught.value)


@pytest.mark.parametrize("stage", STAGES)
def test_roots_homes_and_the_project_are_refused_by_every_stage(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "homes" / "me"
    home.mkdir(parents=True)
    (tmp_path / "link").symlink_to("/")
    monkeypatch.setenv("HOME", str(home))
    assert "is the root of all folders" in refusal(stage, Path("/"))
    assert "is the root of all folders" in refusal(stage, tmp_path / "link")
    assert "is a home folder" in refusal(stage, home)
    assert "holds the home folder" in refusal(stage, home.parent)
    assert "is the project's own folder" in refusal(stage, ROOT)
    assert "is the project's own folder" in refusal(stage, Path())
    monkeypatch.setenv("HOME", "/nowhere")  # the project may lie beside the homes of this test
    assert "holds the project" in refusal(stage, ROOT.parent)
    assert "holds the root of this config" in refusal(stage, tmp_path / "new", root=tmp_path / "new" / "root")


@pytest.mark.parametrize("stage", STAGES)
def test_files_and_folders_of_others_are_refused_by_every_stage(stage: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name in ("file", "dangling", "circle", "file/below"):
        assert {
            "file": "is a file",
            "dangling": "is a link to nothing",
            "circle": "cannot be used",
            "file/below": "file is a file",
        }[name] in refusal(stage, tmp_path / name)
    for name in (
        "holiday.jpg",
        "README.md",
        "model.json",
        "manifest.json",
        "dataset.json",
        "audit.json",
        "conf/x.yaml",
    ):
        folder = tmp_path / f"of-{Path(name).stem}"
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("precious")
        assert f"holds {folder / Path(name).parts[0]}, which this stage has not written" in refusal(stage, folder)
    assert "holds" in refusal(stage, Path("conf"))


@pytest.mark.parametrize("stage", STAGES)
def test_new_and_empty_folders_are_taken_and_left_as_they_are(stage: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "desktop").mkdir()
    (tmp_path / "desktop" / ".DS_Store").write_text("x")
    (tmp_path / "disk" / "lost+found").mkdir(parents=True)
    for name in (".gitkeep", ".nfs000000000002"):
        (tmp_path / "disk" / name).touch()
    for name in ("empty", "desktop", "disk", "new/and/deep"):
        out = tmp_path / name
        require_stage_output(stage, out, out / "metrics", tmp_path / "root", given=True)
    left = [".DS_Store", ".gitkeep", ".nfs000000000002", "desktop", "disk", "empty", "lost+found"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == left


@pytest.mark.parametrize("stage", STAGES)
def test_a_place_that_cannot_be_looked_at_is_refused_by_every_stage(stage: str, tmp_path: Path) -> None:
    assert "File name too long" in refusal(stage, tmp_path / ("x" * 300))
    assert "File name too long" in refusal(stage, tmp_path / ("x" * 300) / "below")
    with pytest.raises(UserError, match=r"--out .* cannot be read: File name too long"):
        require_output_file(tmp_path / ("x" * 300), "sheet.png")


def test_the_advice_is_one_that_can_be_followed(tmp_path: Path) -> None:
    """What audit and accept go on from is in the folder: another one is no help to them."""
    (tmp_path / "notes.txt").write_text("mine")
    assert refusal("sample", tmp_path).endswith("Give a new or empty folder.")
    for stage, wanted in (("audit", "give the folder of a dataset"), ("accept", "give the folder with the metrics")):
        assert refusal(stage, tmp_path).endswith("Move it to another folder.")
        assert wanted in refusal(stage, Path("/"))


def test_what_an_interrupted_run_may_have_left_is_named_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    for name in ("generator.safetensors", "samples/curves.png"):
        (tmp_path / name).write_text("left by a run of another root")
    assert refusal("train", tmp_path).endswith(
        "or remove generator.safetensors, samples/curves.png if that is what an interrupted run left."
    )
    (tmp_path / "notes.txt").write_text("mine")
    assert "or remove" not in refusal("train", tmp_path)


def test_notes_beside_the_checkout_s_own_outputs_are_no_obstacle_but_what_would_be_replaced_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    require_stage_output("audit", tmp_path, tmp_path / "metrics", None, given=False)
    (tmp_path / "README.md").write_text("mine, too")
    said = rf"^{tmp_path}: holds .*README.md, which this stage has not written.* Move it.*, or remove README.md"
    with pytest.raises(UserError, match=said):
        require_stage_output("audit", tmp_path, tmp_path / "metrics", None, given=False)


def test_a_root_that_cannot_be_written_is_refused_and_accept_needs_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    out = tmp_path / "out"
    with pytest.raises(UserError, match=r"root: .*file.*--set root=FOLDER"):
        require_stage_output("train", out, out / "metrics", tmp_path / "file", given=True)
    require_stage_output("accept", out, out / "metrics", tmp_path / "file", given=True)


ON_A_READ_ONLY_DISK = """
import os, subprocess
from pipeline.cli import console
from pipeline.base.errors import UserError
from pipeline.runs.output_places import require_output_file, require_stage_output, require_writable_checkout

(disk / "conf").mkdir()
subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
os.chdir(disk)
here = Path("data")
told = []
for refused in (
    lambda: require_stage_output("ingest", here, here / "metrics", Path("."), given=False),
    lambda: require_stage_output("ingest", disk / "new", disk / "new/metrics", Path("/tmp"), given=True),
    lambda: require_output_file(Path("sheet.png"), "sheet.png"),
    require_writable_checkout,
):
    try:
        refused()
    except UserError as error:
        told.append(str(error))
print(json.dumps(told))
"""


def test_a_read_only_checkout_is_told_of_in_one_message(run_on_tmpfs: Callable[[str, str], Any]) -> None:
    told = run_on_tmpfs("64k", ON_A_READ_ONLY_DISK)
    assert len(told) == 4
    assert all("cannot be written: Read-only file system" in message for message in told)
    assert "work in a copy of the project" in told[0]
    assert "give another --out" in told[1]
    assert told[2].startswith("--out sheet.png: ")
    assert told[3].startswith("The project's folder ")


def test_a_checkout_whose_presets_cannot_be_written_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    require_writable_checkout()
    (tmp_path / "conf").write_text("a file")
    with pytest.raises(UserError, match=r"The project's folder .*conf is a file"):
        require_writable_checkout()


@pytest.mark.parametrize("path", ["/", ".", "..", "folder", "folder/..", "/dev/null", "file/sheet.png"])
def test_a_file_is_not_written_where_there_is_a_folder_or_a_device(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=f"^--out {Path(path)}: "):
        require_output_file(Path(path), "sheet.png")
    for taken in ("file", "new.png", "new/sheet.png"):
        require_output_file(Path(taken), "sheet.png")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_refuses_a_place_on_its_command_line(stage: str) -> None:
    assert "--out /: is the root of all folders" in refuse(stage, "--preset", "digits", "--out", "/")


@pytest.mark.parametrize(
    "words", [("show", "DATASET"), ("record", "DATASET", "3"), ("compare", "OLD", "NEW")], ids=" ".join
)
@pytest.mark.parametrize("out", ["/", "."])
def test_commands_refuse_a_folder_for_a_file_before_they_read(words: tuple[str, ...], out: str) -> None:
    said = refuse("imagemint", *words, "--out", out)
    assert said.startswith(f"imagemint: --out {out}: is a folder; give the name of a file, as in --out ")


def test_use_says_that_the_checkout_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").write_text("a file")
    assert console.main(["use", "digits"]) == 1
    assert capsys.readouterr().err.startswith(f"imagemint: The project's folder {tmp_path}: ")
