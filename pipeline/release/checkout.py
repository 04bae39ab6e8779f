"""Check what a release requires of the checkout, by git and DVC, and register its versions there."""

import json
import subprocess
import sys
from pathlib import Path

import yaml
from gto.api import register
from gto.exceptions import GTOException

from pipeline.base.errors import UserError
from pipeline.config.active import default_preset

WATCHED = ("dvc.lock", "dvc.yaml", "conf", "pipeline", "stages")


def require_committed(preset: str) -> str:
    """Return the commit that this checkout is at.

    Raises:
        UserError: what `preset` made is not what that commit describes.
    """
    try:
        commit = _git("rev-parse", "HEAD")
    except (FileNotFoundError, subprocess.CalledProcessError):
        raise UserError("publish needs a git checkout with a commit: the version is a tag in it.") from None
    if not _git("ls-files", "dvc.lock"):
        raise UserError("dvc.lock is not committed: `git add dvc.lock conf && git commit`, then publish again.")
    shared = default_preset()
    if shared != preset:
        raise UserError(
            f"In git conf/active.yaml names {shared}, but this checkout uses {preset}. Users of the version would look "
            f"for {shared} in dvc.lock. `imagemint use {preset} --share`, `git add dvc.lock conf && git commit`, then "
            "publish again."
        )
    changed = _git("status", "--porcelain", "--", *WATCHED).splitlines()
    if changed:
        raise UserError(
            f"{changed[0][2:].strip()} has changes that are not committed ({len(changed)} files): commit them, then publish "
            "again."
        )
    try:
        status = json.loads(_run(sys.executable, "-m", "dvc", "status", "--json"))
    except subprocess.CalledProcessError as error:
        raise UserError(f"`dvc status` failed, and says: {error.stderr.strip() or error}") from None
    # The stage that looks at the source runs each time, whether or not anything has changed.
    changed_stages = sorted(stage for stage, why in status.items() if why != ["always changed"])
    if changed_stages:
        raise UserError(
            f"dvc.lock does not match the current state of these stages: {', '.join(changed_stages)}. Run `make repro`, commit dvc.lock, then publish again."
        )
    return commit


def artifact_of(path: Path) -> str:
    """Return the name that dvc.yaml gives to an output."""
    artifacts = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8")).get("artifacts", {})
    for name, artifact in artifacts.items():
        if artifact["path"] == path.as_posix():
            return str(name)
    raise UserError(
        f"dvc.yaml: artifacts: none has the path {path}; add one, as in\n  NAME:\n    path: {path}\n    type: "
        f"{'model' if path.parts[0] == 'models' else 'dataset'}"
    )


def tag(artifact: str, version: str, commit: str, message: str) -> str:
    """Register a version of an artifact as a GTO tag of the commit, and return its name. The tag may exist already."""
    name = f"{artifact}@v{version}"
    try:
        if _git("tag", "--list", name):
            if _git("rev-parse", f"{name}^{{commit}}") != commit:
                raise UserError(
                    f"the git tag {name} exists at another commit. Delete it (`git tag -d {name}`), or fetch the "
                    "version that it names."
                )
            return name
        register(".", artifact, commit, f"v{version}", message)
    except GTOException as error:
        raise UserError(f"git tag {name}: {error}.") from None
    return name


def _git(*arguments: str) -> str:
    return _run("git", *arguments)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
