"""Which preset is active: the default that git shares in `conf/active.yaml`, or this checkout's own choice.

DVC reads the preset from that file, in the work tree and in every commit, so that it has to be tracked. A choice of this
checkout is written into it and hidden from git (`git update-index --skip-worktree`): nothing is there to commit.
"""

import subprocess

import yaml

from pipeline.config.load import ACTIVE, active_preset, load_preset
from pipeline.errors import UserError


def default_preset() -> str:
    """Return the preset that is active where nobody has chosen another: what git shares, or will with the next commit."""
    if not _is_hidden():
        return active_preset()
    text = _shared_text()
    raw = yaml.safe_load(text)
    if not isinstance(raw, dict) or not isinstance(raw.get("preset"), str):
        raise UserError(f"{ACTIVE} in git: found {text.strip()!r}; expected the one line `preset: NAME`.")
    return str(raw["preset"])


def use_preset(name: str) -> None:
    """Make `name` the active preset of this checkout alone, after checking that it loads. git sees no change.

    The file that DVC watches is not touched where `name` is active already.
    """
    load_preset(name)
    if active_preset() == name:
        return
    if not _is_tracked():
        _write(name)
    elif _is_hidden() and default_preset() == name:
        ACTIVE.write_text(_shared_text(), encoding="utf-8")
        _git("update-index", "--no-skip-worktree", str(ACTIVE))
    else:
        _git("update-index", "--skip-worktree", str(ACTIVE))
        _write(name)


def share_preset(name: str) -> None:
    """Make `name` the default preset, after checking that it loads: a change for git to commit."""
    load_preset(name)
    if _is_hidden():
        _git("update-index", "--no-skip-worktree", str(ACTIVE))
    if active_preset() != name:
        _write(name)


def _write(name: str) -> None:
    ACTIVE.write_text(f"preset: {name}\n", encoding="utf-8")


def _is_tracked() -> bool:
    return bool(_flag())


def _is_hidden() -> bool:
    return _flag() == "S"


def _flag() -> str:
    """Return git's letter for the file: S where it is to pass over its content, another where it is tracked, else nothing."""
    try:
        return _git("ls-files", "-v", "--", str(ACTIVE))[:1]
    except UserError:  # no git, or no git checkout
        return ""


def _shared_text() -> str:
    return _git("show", f":./{ACTIVE.as_posix()}")


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise UserError(f"{ACTIVE}: git is not installed.") from None
    except subprocess.CalledProcessError as error:
        why = error.stderr.strip() or f"`git {arguments[0]}` ended with {error.returncode}"
        raise UserError(f"{ACTIVE}: git cannot change how it treats this file: {why}") from None
