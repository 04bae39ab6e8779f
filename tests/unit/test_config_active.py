"""A preset is made active without a change that git would see, unless it is to be shared."""

import os
import shutil
import subprocess
from itertools import islice
from pathlib import Path

import pytest

from pipeline.base.errors import UserError
from pipeline.cli.console import main
from pipeline.cli.doctor import examine
from pipeline.config.active import default_preset, lost_choice, share_preset, shown_choice, use_preset
from pipeline.config.load import active_preset, load_preset
from stages import accept
from tests.project import ROOT, succeed
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
    Path(".dvc").mkdir()
    Path(".dvc/.gitignore").write_text("/tmp\n")  # as `dvc init` has it


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
@pytest.mark.parametrize(
    ("before", "change", "name"),
    [
        ("tiny", use_preset, "other"),
        ("tiny", share_preset, "other"),
        ("third", use_preset, "tiny"),
        ("third", share_preset, "other"),
    ],
)
def test_what_git_cannot_do_changes_nothing_and_says_why_in_a_line(before: str, change, name: str) -> None:
    use_preset(before)
    flags = git("ls-files", "-v", "conf")
    Path(git("rev-parse", "--git-dir").strip(), "index.lock").touch()
    with pytest.raises(UserError, match=r"conf/active\.yaml: git says: fatal: .*index\.lock") as caught:
        change(name)
    assert "\n" not in str(caught.value)
    assert (active_preset(), git("ls-files", "-v", "conf"), lost_choice(before)) == (before, flags, None)


@pytest.mark.usefixtures("committed")
def test_a_preset_that_git_does_not_take_is_not_shared_and_the_choice_stays_hidden() -> None:
    use_preset("third")
    git("config", "filter.broken.clean", "false")
    git("config", "filter.broken.required", "true")
    Path(git("rev-parse", "--git-dir").strip(), "info", "attributes").write_text("active.yaml filter=broken\n")
    with pytest.raises(UserError, match=r"conf/active\.yaml: git says: .*filter"):
        share_preset("other")
    assert (active_preset(), git("ls-files", "-v", str(ACTIVE))[:1], lost_choice("third")) == ("third", "S", None)


@pytest.mark.usefixtures("committed")
def test_a_choice_that_cannot_be_written_changes_nothing() -> None:
    Path(".dvc/tmp").touch()
    with pytest.raises(UserError, match=r"\.dvc/tmp/imagemint-preset cannot be written"):
        use_preset("other")
    assert (active_preset(), git("ls-files", "-v", str(ACTIVE))[:1]) == ("tiny", "H")


def test_a_file_that_cannot_be_replaced_is_told_of_and_nothing_is_left_beside_it() -> None:
    ACTIVE.unlink()
    ACTIVE.mkdir()
    with pytest.raises(UserError, match=r"conf/active\.yaml cannot be written"):
        use_preset("other")
    assert [path.name for path in ACTIVE.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("before", ["tiny", "other"])
@pytest.mark.parametrize("text", [None, "preset: [\n", "tiny\n"])
def test_a_missing_or_broken_file_is_written_anew(before: str, text: str | None) -> None:
    for words, named in ((("other",), "other"), (("--default",), "tiny"), (("third", "--share"), "third")):
        use_preset(before)
        ACTIVE.unlink() if text is None else ACTIVE.write_text(text)
        imagemint_use(*words)
        assert active_preset() == named


def test_a_missing_file_is_told_of_with_what_writes_it() -> None:
    ACTIVE.unlink()
    with pytest.raises(UserError, match=r"No conf/active\.yaml.*`imagemint use NAME`.*other, third, tiny"):
        active_preset()


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("change", [use_preset, share_preset])
def test_a_merge_conflict_is_to_be_resolved_first(change) -> None:
    git("checkout", "--quiet", "-b", "theirs")
    share_preset("third")
    git("commit", "--quiet", "--message", "theirs")
    git("checkout", "--quiet", "-")
    share_preset("other")
    git("commit", "--quiet", "--message", "ours")
    with pytest.raises(subprocess.CalledProcessError):
        git("merge", "theirs")
    conflict = ACTIVE.read_text()
    with pytest.raises(UserError, match=r"^conf/active\.yaml has a merge conflict: resolve it first, and `git add"):
        change("tiny")
    assert ACTIVE.read_text() == conflict


@pytest.mark.usefixtures("committed")
def test_what_puts_the_default_back_unasked_is_warned_of() -> None:
    """As `dvc exp run --queue` does."""
    use_preset("other")
    assert lost_choice("other") is None
    git("update-index", "--no-skip-worktree", str(ACTIVE))
    git("checkout", "--", str(ACTIVE))
    warning = lost_choice("tiny") or ""
    assert warning.startswith(
        "conf/active.yaml names tiny, but `imagemint use` chose other: `imagemint use other` goes"
    )
    assert lost_choice("third") is None  # asked for by its name
    use_preset("other")
    assert (lost_choice("other"), shown_choice(), git("status", "--porcelain")) == (None, None, "")


@pytest.mark.ci
@pytest.mark.usefixtures("committed")
def test_a_queued_experiment_takes_the_preset_as_in_the_readme_and_the_lost_choice_is_warned_of() -> None:
    Path(".dvc/config").touch()
    Path("dvc.yaml").write_text(
        "vars: [conf/active.yaml]\nstages: {ingest: {cmd: 'echo ${preset} > made', outs: [made]}}\n"
    )
    git("add", "--all")
    git("commit", "--quiet", "--message", "DVC")
    use_preset("other")
    author = {f"GIT_{who}_{what}": "test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    succeed("dvc", "exp", "run", "--queue", "-S", "conf/active.yaml:preset=other", cwd=Path.cwd(), **author)
    assert active_preset() == "tiny"  # else the choice needs no file of its own
    assert "`imagemint use other` goes back to it" in (lost_choice("tiny") or "")
    assert git("show", "refs/exps/celery/stash:./conf/active.yaml") == "preset: other\n"


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("change", [use_preset, share_preset])
def test_the_preset_that_is_there_can_be_kept(change) -> None:
    use_preset("other")
    ACTIVE.write_text("preset: tiny\n")
    assert lost_choice("tiny") is not None
    change("tiny")
    assert lost_choice("tiny") is None


@pytest.mark.usefixtures("committed")
def test_commands_and_stages_warn_of_a_lost_choice(capsys) -> None:
    use_preset("other")
    ACTIVE.write_text("preset: tiny\n")
    told = "warning: conf/active.yaml names tiny, but `imagemint use` chose other"
    for command in (["use"], ["status"], ["submit", "all"], ["summary"], ["publish"], ["fetch"]):
        main(command)
        said = capsys.readouterr()
        assert (said.out + said.err).count(told) == 1, command
    assert told.replace("warning: ", "warning    ") in str(list(islice(examine(), 2))[1])
    assert accept.main(["--preset", "tiny"]) == 1  # for want of figures
    assert f"accept: {told}" in capsys.readouterr().out
    assert accept.main(["--preset", "third"]) == 1
    assert "warning" not in capsys.readouterr().out


@pytest.mark.usefixtures("committed")
def test_in_a_sparse_checkout_git_shows_the_choice_and_the_user_is_told(capsys) -> None:
    git("sparse-checkout", "set", "--no-cone", "/*")
    imagemint_use("other")
    said = capsys.readouterr()
    assert said.out == "preset other (conf/other.yaml) is active\n"
    assert "git shows conf/active.yaml as changed" in said.err
    assert "sparse checkout" in said.err
    assert git("status", "--porcelain") == " M conf/active.yaml\n"
    git("sparse-checkout", "set", "--no-cone", "/*", "!/conf/active.yaml")
    share_preset("third")
    assert git("show", ":./conf/active.yaml") == "preset: third\n"


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
@pytest.mark.parametrize(("words", "used"), [((), "--default"), (("PRESET=digits",), "--preset digits")])
def test_make_repro_takes_the_default_unless_told_otherwise(words: tuple[str, ...], used: str) -> None:
    said = subprocess.run(["make", "-C", str(ROOT), "-n", "repro", *words], check=True, capture_output=True, text=True)
    assert f"imagemint run all {used}\n" in said.stdout
