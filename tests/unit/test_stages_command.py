"""From a command line to a stage's work."""

import os
import subprocess
import sys

import pytest

from pipeline.jobs.work import STAGES
from tests.project import ROOT, refuse, run

HEAVY = {"cv2", "dvc", "matplotlib", "numpy", "pyarrow", "ray", "scipy", "sklearn", "torch"}


def test_a_refused_config_costs_no_import_of_what_would_have_worked() -> None:
    """In a fresh interpreter: every command, told of a key that is not there."""
    code = f"""
import sys
from importlib import import_module
from pipeline.cli import console
for stage in {STAGES!r}:
    assert import_module("stages." + stage).main(["--preset", "digits", "--set", "trian=1"]) == 1
assert import_module("stages.job").main(["nothing"]) == 1
for command in (["use", "nothing"], ["status", "--set", "trian=1"]):
    assert console.main(command) == 1
print(*{HEAVY!r} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr
    assert done.stderr.count("did you mean 'train'?") == len(STAGES) + 1


def test_the_help_of_a_module_has_an_example_of_the_module() -> None:
    said = " ".join(run("python", "-m", "stages.embed", "--help").stdout.split())
    assert said.endswith("Example: python -m stages.embed --preset digits")


@pytest.mark.parametrize("option", ["--data", "--model", "--out"])
def test_a_place_in_an_object_store_is_the_root(option: str) -> None:
    assert f"{option} s3:/bucket/x: use a folder of this machine" in refuse(
        "embed", "--preset", "digits", option, "s3://bucket/x"
    )


def test_a_folder_with_a_colon_is_no_uri() -> None:
    assert f"{ROOT / 'a:b'}" in refuse("embed", "--preset", "digits", "--data", "a:b")


@pytest.mark.parametrize("option", ["--data", "--model", "--out"])
def test_a_folder_whose_name_is_no_text_is_refused(option: str) -> None:
    said = refuse("embed", "--preset", "digits", option, os.fsdecode(b"/tmp/a\xff"))
    assert f"{option}: '/tmp/a\\udcff': the path is not valid UTF-8" in said
