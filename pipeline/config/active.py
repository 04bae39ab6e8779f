"""Which preset is active: the default that git shares in `conf/active.yaml`, or this checkout's own choice.

DVC reads the preset from that file, in the work tree and in every commit, so that it has to be tracked. A choice of this
checkout is written into it and hidden from git (`git update-index --skip-worktree`): nothing is there to commit.
"""

import subprocess

import yaml

from pipeline.config.load import ACTIVE, active_preset, load_preset
from pipeline.errors import UserError


def default_preset() -> str:
    """Return the preset that is active where nobody has chosen another: the one that git has, or will have by the next commit."""
    shared = _shared_text()
    if shared is None:
        return active_preset()
    name = _name_in(shared)
    if name is None:
        raise UserError(f"{ACTIVE} in git: found {shared.strip()!r}; expected the one line `preset: NAME`.")
    return name


def use_preset(name: str) -> None:
    """Make `name` the active preset of this checkout alone, after checking that it loads. git sees no change.

    The file that DVC watches is not touched where `name` is active already.
    """
    load_preset(name)
    shared = _shared_text()
    if shared is None:
        _write(name)
    elif _name_in(shared) == name:
        _write(name, shared)
        _hide(False)
    else:
        _hide(True)
        _write(name)


def share_preset(name: str) -> None:
    """Make `name` the default preset, after checking that it loads: a change for git to commit."""
    load_preset(name)
    if _shared_text() is None:
        _write(name)
        return
    _hide(False)
    _write(name)
    _git("add", "--", str(ACTIVE))


def _write(name: str, text: str | None = None) -> None:
    if active_preset() != name:
        ACTIVE.write_text(text or f"preset: {name}\n", encoding="utf-8")


def _hide(wanted: bool) -> None:
    """Make git pass over what the file holds, or look at it again."""
    if (_flag() == "S") != wanted:
        _git("update-index", "--skip-worktree" if wanted else "--no-skip-worktree", "--", str(ACTIVE))


def _flag() -> str:
    """Return git's letter for the file: S where it is hidden, another where it is tracked, else nothing."""
    try:
        return _git("ls-files", "-v", "--", str(ACTIVE))[:1]
    except UserError:  # no git, or no git checkout
        return ""


def _shared_text() -> str | None:
    """Return what git has of the file, with what waits for the next commit; None where it has nothing of it."""
    return _git("show", f":./{ACTIVE.as_posix()}") if _flag() else None


def _name_in(text: str) -> str | None:
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    name = raw.get("preset") if isinstance(raw, dict) else None
    return name if isinstance(name, str) else None


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise UserError(f"{ACTIVE}: git is not installed.") from None
    except subprocess.CalledProcessError as error:
        why = error.stderr.strip() or f"`git {arguments[0]}` ended with {error.returncode}"
        raise UserError(f"{ACTIVE}: git says: {why}") from None
