"""A preset is made active without a change that git would see, unless it is to be shared."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.config.active import default_preset, share_preset, use_preset
from pipeline.config.load import active_preset, load_preset
from pipeline.console import main
from pipeline.errors import UserError
from tests.project import ROOT
from tests.unit.config_cases import SMALLEST

ACTIVE = Path("conf/active.yaml")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with the presets tiny (active), other and third, without git; the current folder."""
    project = tmp_path / "above" / "project"
    (project / "conf").mkdir(parents=True)
    monkeypatch.chdir(project)
    for name in ("tiny", "other", "third"):
        Path(f"conf/{name}.yaml").write_text(SMALLEST.replace("name: tiny", f"name: {name}"))
    ACTIVE.write_text("preset: tiny\n")


def git(*arguments: str) -> str:
    author = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    return subprocess.run(["git", *author, *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def committed(request: pytest.FixtureRequest) -> None:
    """The project in a git checkout, whose top folder it is unless a test says otherwise."""
    git("init", "--quiet", getattr(request, "param", "."))
    git("add", "--all")
    git("commit", "--quiet", "--message", "begun")


@pytest.mark.parametrize("committed", [".", ".."], indirect=True, ids=["top", "below"])
@pytest.mark.usefixtures("committed")
def test_another_active_preset_is_nothing_to_commit() -> None:
    use_preset("other")
    assert active_preset() == load_preset().name == "other"
    assert ACTIVE.read_text() == "preset: other\n"  # what DVC reads
    assert default_preset() == "tiny"
    assert git("status", "--porcelain") == ""
    use_preset("third")
    assert (active_preset(), default_preset(), git("status", "--porcelain")) == ("third", "tiny", "")


@pytest.mark.usefixtures("committed")
def test_back_at_the_default_git_sees_the_file_again() -> None:
    use_preset("other")
    use_preset(default_preset())
    assert active_preset() == "tiny"
    ACTIVE.write_text("preset: third\n")
    assert "conf/active.yaml" in git("status", "--porcelain")
    assert default_preset() == "tiny"


@pytest.mark.usefixtures("committed")
def test_a_change_that_git_sees_again_is_hidden_again() -> None:
    """`dvc exp run` writes git's index anew, without what was hidden."""
    use_preset("other")
    git("update-index", "--no-skip-worktree", str(ACTIVE))
    assert default_preset() == "tiny"
    use_preset("other")
    assert (active_preset(), git("status", "--porcelain")) == ("other", "")


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("before", ["tiny", "other", "third"])
def test_a_shared_preset_is_a_change_to_commit_and_then_the_default(before: str) -> None:
    use_preset(before)
    share_preset("other")
    assert (active_preset(), default_preset()) == ("other", "other")
    git("commit", "--quiet", "--message", "share")
    assert git("show", "HEAD:./conf/active.yaml") == "preset: other\n"
    use_preset("tiny")
    assert (active_preset(), default_preset(), git("status", "--porcelain")) == ("tiny", "other", "")


@pytest.mark.usefixtures("committed")
def test_what_git_cannot_do_changes_nothing_and_says_why() -> None:
    lock = Path(git("rev-parse", "--git-dir").strip()) / "index.lock"
    lock.touch()
    with pytest.raises(UserError, match=r"conf/active\.yaml: git .*index\.lock"):
        use_preset("other")
    assert active_preset() == "tiny"


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("text", ["preset: [tiny]\n", "tiny\n", "preset: [\n"])
def test_a_default_that_is_none_is_told_of(text: str) -> None:
    ACTIVE.write_text(text)
    git("commit", "--quiet", "--all", "--message", "broken")
    ACTIVE.write_text("preset: tiny\n")
    use_preset("other")
    with pytest.raises(UserError, match=r"conf/active\.yaml in git: found '.*'; expected the one line"):
        default_preset()


@pytest.mark.parametrize("change", [use_preset, share_preset])
def test_without_git_the_file_is_all_there_is(change) -> None:
    change("other")
    assert active_preset() == default_preset() == load_preset().name == "other"


@pytest.mark.parametrize("change", [use_preset, share_preset])
def test_a_broken_preset_changes_nothing(change) -> None:
    Path("conf/other.yaml").write_text("name: other\n")
    with pytest.raises(UserError, match="missing"):
        change("other")
    assert active_preset() == "tiny"


@pytest.mark.parametrize("change", [use_preset, share_preset])
def test_the_active_preset_once_more_does_not_touch_the_file_that_dvc_watches(change) -> None:
    os.utime(ACTIVE, (1, 1))
    change("tiny")
    assert ACTIVE.stat().st_mtime == 1


def imagemint_use(*words: str) -> None:
    assert main(["use", *words]) == 0


@pytest.mark.usefixtures("committed")
def test_use_without_a_name_says_which_is_active_and_changes_nothing(capsys) -> None:
    imagemint_use("other")
    assert capsys.readouterr().out == "preset other (conf/other.yaml) is active\n"
    os.utime(ACTIVE, (1, 1))
    imagemint_use()
    assert capsys.readouterr().out == (
        "preset other (conf/other.yaml) is active\ndefault: tiny; presets here: other, third, tiny\n"
    )
    assert ACTIVE.stat().st_mtime == 1


@pytest.mark.usefixtures("committed")
def test_use_of_the_default_and_sharing_of_the_active_one() -> None:
    imagemint_use("other")
    imagemint_use("--share")
    assert default_preset() == "other"
    git("commit", "--quiet", "--message", "share")
    imagemint_use("tiny")
    imagemint_use("--default")
    assert active_preset() == "other"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(("words", "used"), [((), "--default"), (("PRESET=digits",), "digits")])
def test_make_repro_takes_the_default_unless_told_otherwise(words: tuple[str, ...], used: str) -> None:
    said = subprocess.run(["make", "-C", str(ROOT), "-n", "repro", *words], check=True, capture_output=True, text=True)
    assert f"imagemint use {used}\n" in said.stdout
