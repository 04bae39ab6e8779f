"""In which folders `make` works, and that it refuses the others before it sets anything up."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import ROOT, environment


def make(folder: Path) -> subprocess.CompletedProcess[str]:
    """Asks which Python its recipes find."""
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    (folder / ".venv").symlink_to(sys.prefix)
    command = ["make", "--silent", "--eval", "which: ; @command -v python", "which"]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["a b", "it's (new)", "例 [x]*?", "#1 %20&;<>|!~=,@"])
def test_recipes_find_the_checkouts_own_python(name: str, tmp_path: Path) -> None:
    done = make(tmp_path / name)
    assert done.stdout == f"{tmp_path / name}/.venv/bin/python\n", done.stderr


@pytest.mark.parametrize("sign", [":", "{", "}", '"', "`", "\\", "$"])
def test_a_folder_in_which_its_tools_do_not_work_is_refused(sign: str, tmp_path: Path) -> None:
    done = make(tmp_path / f"a {sign}b")
    assert done.returncode == 2
    assert f"a {sign}b, has {sign}, by which DVC or a .venv in it does not work: move it to another." in done.stderr
    assert not done.stdout
