"""The command `imagemint` as a whole: its help, its mistakes, what a program reads, and what works outside of a checkout."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from pipeline.base.stage_names import ALL, STAGES
from pipeline.cli import console
from tests.project import ROOT, environment, run
from tests.terminal import on_terminal
from tests.unit.config_cases import CONF

Said = tuple[int, str, str]  # exit code, standard output, standard error


@pytest.fixture
def imagemint(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """The command, run in this process."""

    def call(*words: str) -> Said:
        return (console.main(words), *capsys.readouterr())

    return call


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with presets and nothing made, as the working folder."""
    (tmp_path / "conf").mkdir()
    for name in ("digits", "emoji"):
        shutil.copy(CONF / f"{name}.yaml", tmp_path / "conf")
    (tmp_path / "conf" / "active.yaml").write_text("preset: digits\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def all_commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    waiting: list[tuple[tuple[str, ...], Any]] = [((), get_command(console.commands()))]
    while waiting:
        words, command = waiting.pop()
        found.append(words)
        if isinstance(command, TyperGroup):
            waiting += [((*words, name), inner) for name, inner in command.commands.items()]
    return sorted(found)


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_every_command_has_help_that_ends_with_an_example(
    words: tuple[str, ...], imagemint: Callable[..., Said]
) -> None:
    code, said, complaint = imagemint(*words, "--help")
    assert (code, complaint) == (0, "")
    paragraphs = [" ".join(each.split()) for each in said.strip().split("\n\n")]
    example = " ".join(said.strip().rpartition("Example: ")[2].split())
    assert example.startswith(" ".join(["imagemint", *words])), paragraphs


def test_the_bare_command_prints_the_help(imagemint: Callable[..., Said]) -> None:
    bare = imagemint()
    assert bare == imagemint("--help")
    assert [word for word in ("Make a dataset", "Inspect a dataset", "House-keeping") if word not in bare[1]] == []
    assert "--install-completion" in bare[1]
    assert "--show-completion" not in bare[1]
    assert imagemint("run")[1] == imagemint("run", "--help")[1] != ""


def test_no_colour_and_no_boxes_of_errors_reach_a_file() -> None:
    for words in (("--help",), ("presets",), ("shwo",)):
        done = run("imagemint", *words, NO_COLOR="1")
        assert "\x1b" not in done.stdout + done.stderr
    assert done.returncode == 2
    assert done.stderr == "imagemint: No such command 'shwo'. Did you mean 'show'? See `imagemint --help`.\n"


@pytest.mark.parametrize("words", ["--help", "presets", "schema"])
def test_a_reader_that_has_gone_ends_it_without_a_word(words: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        ["imagemint", words], cwd=ROOT, env=environment(), stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("run", "tarin"), "'train'"),
        (("run", "train", "--prest", "digits"), "'--preset'"),
        (("run", "train", "--preset", "digts"), "'digits'"),
        (("submit", "smaple"), "'sample'"),
        (("use", "emojis"), "'emoji'"),
        (("show", "conf/digts.yaml", "--out", "x.png"), "'conf/digits.yaml'"),
        (("verify", "cnof/digits"), "'conf'"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("checkout")
def test_a_mistake_names_what_was_meant(words: tuple[str, ...], meant: str, imagemint: Callable[..., Said]) -> None:
    code, said, complaint = imagemint(*words)
    assert code in (1, 2)
    assert said == ""
    assert complaint.count("\n") == 1
    assert complaint.lower().count(f"did you mean {meant}?") == 1, complaint


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "tarin"), "imagemint: No such stage 'tarin'. Did you mean 'train'? See `imagemint run --help`.\n"),
        (
            ("run", "all", "--set", "sample.count=5"),
            "imagemint: --set sample.count=5: all stages go by the preset's file. Change the key in conf/NAME.yaml, "
            "or run one stage with it: `imagemint run STAGE --set sample.count=5`.\n",
        ),
    ],
    ids=["stage", "set"],
)
def test_a_mistake_in_run_says_what_is_meant_by_it(
    words: tuple[str, ...], said: str, imagemint: Callable[..., Said]
) -> None:
    assert imagemint(*words)[1:] == ("", said)


def test_a_folder_that_is_not_there_is_no_other_one(checkout: Path, imagemint: Callable[..., Said]) -> None:
    (checkout / "tests").mkdir()
    for command in ("show", "verify", "report"):
        said = imagemint(command, "datasets/digits")
        assert said == (1, "", "imagemint: datasets/digits: there is no folder datasets.\n")


def test_results_are_not_fetched_from_a_root_that_is_not_there(checkout: Path, imagemint: Callable[..., Said]) -> None:
    (checkout / "file").touch()
    for root in ("nowhere", "file"):
        code, _, complaint = imagemint("fetch", "--root", root)
        assert code == 1
        assert complaint.startswith(f"imagemint: root: '{root}': there is no such folder")


def test_run_has_every_stage_with_its_own_options() -> None:
    program = get_command(console.commands())
    assert isinstance(program, TyperGroup)
    group = program.commands["run"]
    assert isinstance(group, TyperGroup)
    assert set(group.commands) == {ALL, *STAGES}
    options = {name: {parameter.name for parameter in group.commands[name].params} for name in STAGES}
    assert [name for name in STAGES if "full" in options[name]] == ["audit"]


@pytest.mark.usefixtures("checkout")
def test_a_stage_is_run_as_by_its_module(imagemint: Callable[..., Said]) -> None:
    code, said, complaint = imagemint("run", "embed", "--preset", "digits", "--data", "nowhere")
    assert code == 1
    assert said == "embed: preset digits (conf/digits.yaml)\n"
    assert complaint.startswith("embed: ")


def test_presets_are_listed_for_people_and_for_programs(checkout: Path, imagemint: Callable[..., Said]) -> None:
    (checkout / "conf" / "broken.yaml").write_text("name: broken\n")
    code, said, _ = imagemint("presets", "--json")
    rows = {row.pop("name"): row for row in json.loads(said)}
    assert code == 0
    assert rows["digits"] == {"active": True, "default": True, "source": "digits", "images": 10_000, "size": 8}
    assert rows["emoji"]["active"] is False
    assert "conf/broken.yaml: " in rows["broken"]["error"]
    table = imagemint("presets")[1]
    assert "* digits digits 10,000 8 px default" in [" ".join(line.split()) for line in table.splitlines()]
    assert "`imagemint use broken` says why" in table


def test_names_stay_whole_on_a_narrow_terminal() -> None:
    shown = on_terminal("imagemint", "presets", columns=60)
    assert shown.code == 0
    names = {word for line in shown.screen for word in line.split() if word.startswith("fashion-mnist-")}
    assert names == {"fashion-mnist-dcgan", "fashion-mnist-full"}


@pytest.mark.usefixtures("checkout")
def test_a_program_reads_nothing_but_json(imagemint: Callable[..., Said]) -> None:
    assert imagemint("status", "--json") == (0, "[]\n", "")


def test_clean_lists_and_removes_only_when_told(checkout: Path, imagemint: Callable[..., Said]) -> None:
    for digit in "ab":
        run_folder = checkout / "runs" / f"train-{digit * 16}"
        run_folder.mkdir(parents=True)
        (run_folder / "parameters.json").write_text(json.dumps({"name": "digits", "parameters": {}}))
    code, said, _ = imagemint("clean")
    assert code == 0
    assert "digits train 2 " in " ".join(said.split())
    assert "No longer needed: 1 run, " in said
    assert "`imagemint clean --yes` removes them" in said
    listed = json.loads(imagemint("clean", "--json")[1])
    assert [run["removed"] for run in listed["runs"]] == [False, False]
    assert json.loads(imagemint("clean", "--yes", "--json")[1])["bytes_removed"] > 0
    assert [path.name for path in (checkout / "runs").iterdir() if path.is_dir()] == [f"train-{'b' * 16}"]


@pytest.mark.usefixtures("checkout")
def test_clean_refuses_what_it_cannot_look_at(imagemint: Callable[..., Said]) -> None:
    assert imagemint("clean", "--root", "s3://bucket/x")[2].startswith("imagemint: root: 's3://bucket/x': ")
    assert imagemint("clean", "--root", "nowhere") == (1, "", "imagemint: --root nowhere: there is no such folder.\n")


def test_a_report_is_found_and_a_missing_one_says_what_it_would_take(
    tmp_path: Path, imagemint: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "ours" / "report" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<p>")
    assert imagemint("report", "ours", "--print") == (0, "ours/report/index.html\n", "")
    page.unlink()
    code, _, complaint = imagemint("report", "ours", "--print")
    assert (code, complaint.count("\n")) == (1, 1)


def test_what_a_computer_has_is_said_outside_of_a_checkout(tmp_path: Path) -> None:
    done = run("imagemint", "doctor", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["preset"] is None
    assert found["packages"]["torch"]


def test_a_word_is_completed(checkout: Path) -> None:
    asked = {"_IMAGEMINT_COMPLETE": "complete_bash", "COMP_WORDS": "imagemint run train --preset em", "COMP_CWORD": "4"}
    assert run("imagemint", cwd=checkout, **asked).stdout.split() == ["emoji"]


def test_a_mistyped_command_imports_nothing_that_it_does_not_need() -> None:
    code = """
import sys
from pipeline.cli import console
assert console.main(["shwo"]) == 2
print(*{"dvc", "numpy", "pydantic", "ray", "rich", "torch", "yaml"} & set(sys.modules))
"""
    done = run("python", "-c", code, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr
