"""The frame around the pipeline, on stages of a line each that DVC runs for real."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from pipeline.base.stage_names import STAGES
from tests.project import environment, run
from tests.unit.config_cases import CONF


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose first stages write a file each, and whose fourth does what the file `fourth` says."""
    (tmp_path / "conf").mkdir()
    shutil.copy(CONF / "digits.yaml", tmp_path / "conf")
    (tmp_path / "conf" / "active.yaml").write_text("preset: digits\n")
    stages = {}
    for before, name in zip(("", *STAGES), STAGES, strict=False):
        stages[name] = {"cmd": f"echo {name} works && echo {name} > {name}.txt", "outs": [f"{name}.txt"]}
        if before:
            stages[name]["deps"] = [f"{before}.txt"]
    stages["embed"]["cmd"] = "sh fourth"
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    (tmp_path / "fourth").write_text("echo embed: no images. >&2; exit 1")
    assert run("dvc", "init", "--quiet", "--no-scm", cwd=tmp_path).returncode == 0
    return tmp_path


def test_a_stage_that_fails_ends_it_with_one_message_and_the_next_run_goes_on_there(checkout: Path) -> None:
    first = run("imagemint", "run", "all", cwd=checkout)
    assert first.returncode == 1
    said = [line.partition(" in ")[0] for line in first.stdout.splitlines()]
    assert said == [
        "preset digits (conf/digits.yaml): 9 stages",
        "[1/9] source", "source works", "[1/9] source: done",
        "[2/9] ingest", "ingest works", "[2/9] ingest: done",
        "[3/9] resolve", "resolve works", "[3/9] resolve: done",
        "[4/9] embed",
    ]  # fmt: skip
    whose, ours = first.stderr.splitlines()
    assert whose == "embed: no images."
    assert ours.startswith("imagemint: [4/9] embed failed after ")
    second = run("imagemint", "run", "all", cwd=checkout)
    assert second.stdout.splitlines()[1:4] == [f"[{n}/9] {STAGES[n - 1]}: unchanged" for n in (1, 2, 3)]


def test_for_machines_each_line_is_json(checkout: Path) -> None:
    (checkout / "fourth").write_text("exit 1")
    done = run("imagemint", "run", "all", cwd=checkout, IMAGEMINT_LOG="json")
    lines = [json.loads(line) for line in done.stdout.splitlines() if not line.endswith("works")]
    assert [(line["stage_name"], line["state"]) for line in lines if "state" in line][:2] == [
        ("source", "runs"),
        ("source", "done"),
    ]
    assert json.loads(done.stderr)["level"] == "error"


def test_what_dvc_refuses_is_one_message(checkout: Path) -> None:
    (checkout / "source.txt").write_text("x")
    (checkout / "dvc.yaml").write_text("stages: 3\n")
    done = run("imagemint", "run", "all", cwd=checkout)
    assert done.returncode == 1
    assert done.stderr.startswith("imagemint: [1/9] source: DVC says: ")
    assert "Traceback" not in done.stderr


def test_without_git_no_preset_is_made_active(checkout: Path) -> None:
    shutil.copy(CONF / "emoji.yaml", checkout / "conf")
    (checkout / ".dvc" / "config").write_text("")
    done = run("imagemint", "run", "all", "--preset", "emoji", cwd=checkout)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("imagemint: DVC cannot work here: ")
    assert "git" in done.stderr
    assert (checkout / "conf" / "active.yaml").read_text() == "preset: digits\n"


def test_another_preset_chosen_meanwhile_is_not_taken_for_this_one(checkout: Path) -> None:
    (checkout / "fourth").write_text("echo > embed.txt; echo preset: emoji > conf/active.yaml")
    done = run("imagemint", "run", "all", cwd=checkout)
    assert done.returncode == 1
    assert "[5/9]" not in done.stdout
    assert done.stderr.startswith("imagemint: The active preset was digits when this began, and is emoji now: ")


def test_a_second_one_is_refused_and_leaves_the_active_preset(checkout: Path) -> None:
    shutil.copy(CONF / "emoji.yaml", checkout / "conf")
    (checkout / "fourth").write_text("imagemint run all --preset emoji; cp conf/active.yaml seen; exit 1")
    done = run("imagemint", "run", "all", cwd=checkout)
    assert "imagemint: Another `imagemint run all` (or `report`, or `clean`) works in this checkout: " in done.stderr
    assert (checkout / "seen").read_text() == "preset: digits\n"


@pytest.mark.parametrize("shell", ["/bin/bash", "/bin/sh"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_stage_too(number: signal.Signals, shell: str, checkout: Path) -> None:
    """As a terminal does it, which sends it to all, and as `kill` does it, which sends it to one.

    DVC runs stages by a shell. Bash becomes the command, and dash, the usual `/bin/sh` of Debian, stays above it.
    """
    (checkout / "fourth").write_text(
        "trap 'echo ended >&2; exit 130' INT TERM\necho waiting\nwhile :; do sleep 0.05; done"
    )
    hearing = "import signal, os; signal.signal(signal.SIGINT, signal.default_int_handler); os.execvp('imagemint', ['imagemint', 'run', 'all'])"  # fmt: skip
    command = subprocess.Popen(
        ["python", "-c", hearing],
        cwd=checkout, env=environment(SHELL=shell), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert command.stdout is not None
    while "waiting" not in command.stdout.readline():
        assert command.poll() is None
    (os.killpg if number == signal.SIGINT else os.kill)(command.pid, number)
    _, complaint = command.communicate(timeout=60)
    assert command.returncode == 130
    assert complaint.startswith("ended\n")
    with pytest.raises(ProcessLookupError):
        os.killpg(command.pid, 0)


def test_a_stage_that_memory_ran_out_for_is_told_apart(checkout: Path) -> None:
    (checkout / "fourth").write_text("kill -9 $$")
    done = run("imagemint", "run", "all", cwd=checkout)
    assert done.returncode == 1
    assert "was ended from outside" in done.stderr
    assert "by signal 9. Signal 9 most likely means that memory ran out." in done.stderr


def test_a_broken_config_of_dvc_is_one_message(checkout: Path) -> None:
    (checkout / ".dvc" / "config.local").write_text("[core]\n    remotee = x\n")
    done = run("imagemint", "run", "all", cwd=checkout)
    assert done.returncode == 1
    assert done.stderr.startswith("imagemint: DVC cannot work here: ")
    assert done.stderr.count("\n") == 1


def test_nothing_is_cleaned_while_the_pipeline_works(checkout: Path) -> None:
    """DVC removes a stage's outputs before it runs, and no output names its run then."""
    (checkout / "fourth").write_text("imagemint clean --yes; imagemint clean > listed; exit 1")
    done = run("imagemint", "run", "all", cwd=checkout)
    assert "`imagemint run all` works in this checkout: wait for it, then clean." in done.stderr
    assert (checkout / "listed").read_text().startswith("There are no runs in ")


def test_nothing_is_cleaned_while_dvc_works(checkout: Path) -> None:
    (checkout / "fourth").write_text("imagemint clean --yes; exit 1")
    done = run("dvc", "repro", cwd=checkout)
    assert "imagemint: DVC works in this checkout (process " in done.stderr
