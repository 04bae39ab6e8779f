"""By which paths Ray starts its processes; that whole stages run by them is shown by `test_folder_names`."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.base.errors import UserError
from pipeline.cluster.worker_command import interpreter_for_workers, posix_command_lines, require_paths

FOLDERS = ("a b", "it's", 'a "b"', "$HOME", "`id`", "a\\b", "(new)", "a;b&c|d", "[a]*{b,c}?", "例")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_shell_starts_the_interpreter_for_workers(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter = f"/{folder}/.venv/bin/python"
    monkeypatch.setattr(sys, "executable", interpreter)
    line = interpreter_for_workers()["py_executable"]
    done = subprocess.run(["bash", "-c", f"printf '%s\\n' {line} x"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [interpreter, "x"]


def test_a_plain_interpreter_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/imagemint-1.0/.venv/bin/python3.11")
    assert interpreter_for_workers() == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_command_lines_come_apart_as_they_were(folder: str) -> None:
    words = [f"/{folder}/.venv/bin/python", "", f"--temp-dir=/{folder}"]
    with posix_command_lines():
        assert shlex.split(subprocess.list2cmdline(words)) == words
    assert subprocess.list2cmdline(["a b"]) == '"a b"'


@pytest.mark.parametrize("variable", ["TMPDIR", "RAY_TMPDIR"])
@pytest.mark.parametrize("folder", ["/tmp/例", f"/tmp/{'x' * 60}"])
def test_a_temporary_folder_that_ray_cannot_use_is_refused(
    variable: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv(variable, folder)
    with pytest.raises(UserError, match=f"^{variable}: '/tmp/.*. Set {variable} to a folder") as refused:
        require_paths()
    assert str(refused.value).isascii()
    monkeypatch.setenv("RAY_TMPDIR", "/tmp/it's")
    require_paths()


def test_a_checkout_whose_name_is_no_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / os.fsdecode(b"a\xff")
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(UserError, match=r"^the current folder: '.*a\\udcff': the path is not valid UTF-8"):
        require_paths()
