"""`dvc.yaml` depends on the code that its stages run, which is what they import."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.runs.code import import_closure
from tests.project import ROOT

DESCRIBED: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
NO_CODE = {"stages/__init__.py"}


def code_of(stage: str) -> set[str]:
    """The rooms of `pipeline`, as folders, and the files of `stages` that a stage imports."""
    files = import_closure("pipeline", f"stages.{stage}").values()
    relative = {path.relative_to(ROOT) for path in files}
    return {(Path(*path.parts[:2]) if path.parts[0] == "pipeline" else path).as_posix() for path in relative} - NO_CODE


@pytest.mark.parametrize("stage", DESCRIBED)
def test_a_stage_depends_on_the_code_that_it_imports_and_on_no_other(stage: str) -> None:
    listed = {path for path in DESCRIBED[stage].get("deps", []) if path.startswith(("pipeline/", "stages/"))}
    wanted = set() if DESCRIBED[stage].get("always_changed") else code_of(stage)
    assert listed == wanted, f"dvc.yaml, {stage}: deps are to be {sorted(wanted)}"
