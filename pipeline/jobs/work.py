"""Run the pipeline by `dvc repro` in a job's copy of the checkout, from what lies below the root, to there."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

from pipeline.base.command_line import did_you_mean
from pipeline.base.errors import UserError
from pipeline.base.stage_names import ALL, STAGES
from pipeline.config import load_preset
from pipeline.config.active import use_preset
from pipeline.config.load import ROOT_VARIABLE, active_preset, which_config
from pipeline.jobs.outputs import LOCK, MADE_IN, download_outputs, record_in_dvc, upload_outputs
from pipeline.runs.lease import alone
from pipeline.runs.run import local_root
from pipeline.store.places import folder_at

LEFT_OUT = {*MADE_IN, LOCK, "runs", ".git", ".venv", "__pycache__"}
LEFT_OUT_BELOW = {"__pycache__", "cache", "tmp"}  # the last two: in .dvc


def require_target(target: str) -> None:
    """Refuse a target that is neither a stage nor `all`."""
    if target not in (ALL, *STAGES):
        hint = did_you_mean(target, (ALL, *STAGES))
        raise UserError(f"{target!r}: no stage.{hint} Use {ALL} or one of {', '.join(STAGES)}.")


def require_lasting(root: str) -> None:
    """Refuse a root that goes with the job's working folder."""
    folder = local_root(root)
    if folder is not None and not folder.is_absolute():
        raise UserError(
            f"root: {root!r}: the working folder of a job is deleted with the job. Use s3://BUCKET/PREFIX, or the "
            "absolute path of a folder that "
            f"all nodes have (--root, or {ROOT_VARIABLE})."
        )


def run_job(target: str, preset: str | None, root: str | None, say: Callable[[str], None]) -> int:
    """Run the stages up to `target`, or all, and upload what they made below the root, also when one fails.

    Returns:
        The exit code of `dvc repro`.
    """
    require_target(target)
    name = preset or active_preset()
    config = load_preset(name, [f"root={root}"] if root else [])
    say(which_config(config.name))
    require_lasting(config.root)
    place = folder_at(config.root)
    with alone(place / f"jobs/{name}", "job"), _copy_of(Path.cwd()) as copy:
        found = download_outputs(copy, name, place)
        say(
            f"{name} in {place}: "
            + ("there are no earlier outputs" if found is None else "continuing from earlier outputs")
        )
        use_preset(name)
        _dvc("config", "--local", "core.no_scm", "true")
        if found is not None:
            record_in_dvc(copy)
        code = _dvc("repro", *(() if target == ALL else (target,)), **{ROOT_VARIABLE: config.root})
        if (copy / LOCK).exists():
            say(f"{upload_outputs(copy, name, place)} files stored; `imagemint fetch` copies them into a checkout")
    return code


def _dvc(*arguments: str, **variables: str) -> int:
    """Run DVC, and return its exit code; what it says goes where this process speaks."""
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], env={**os.environ, **variables}, check=False
    ).returncode


@contextmanager
def _copy_of(checkout: Path) -> Iterator[Path]:
    """Copy the checkout, without what stages made, and make the copy the working folder.

    A node gives jobs with the same code the same folder.
    """

    def left_out(folder: str, names: list[str]) -> set[str]:
        return set(names) & (LEFT_OUT if Path(folder) == checkout else LEFT_OUT_BELOW)

    with tempfile.TemporaryDirectory(prefix="imagemint-job-") as scratch:
        copy = Path(scratch) / "checkout"
        shutil.copytree(checkout, copy, ignore=left_out)
        with chdir(copy):
            yield copy
