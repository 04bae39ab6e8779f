"""Choose the active preset: the default that git shares in `conf/active.yaml`, or this checkout's own choice.

DVC reads the preset from that file, in the work tree and in every commit, so it has to be tracked. A choice of this
checkout is written into it and hidden from git (`git update-index --skip-worktree`): nothing is there to commit. A
separate file holds the choice, too, since `dvc exp run --queue` puts back what git has and drops the flag.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from pipeline.base.errors import UserError
from pipeline.config.load import ACTIVE, active_preset, load_preset, which_config

CHOICE = Path(".dvc") / "tmp" / "imagemint-preset"  # in a folder that DVC keeps out of git
HIDDEN, UNMERGED = "S", "M"  # letters of `git ls-files -v`


def named_preset() -> str | None:
    """Return the preset that the file names; None where it is missing, or names none."""
    try:
        return active_preset()
    except UserError:
        return None


def default_preset() -> str:
    """Return the preset that is active where nobody has chosen another.

    It is the one that git has, or will have by the next commit.
    """
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
    own = shared is not None and _name_in(shared) != name
    text = f"preset: {name}\n" if own or shared is None else shared
    with _replaced(ACTIVE, None if named_preset() == name else text), _replaced(CHOICE, name if own else ""):
        if shared is not None:
            _hide(own)


def share_preset(name: str) -> None:
    """Make `name` the default preset, after checking that it loads: a change for git to commit."""
    load_preset(name)
    flag = _flag()
    text = None if named_preset() == name else f"preset: {name}\n"
    with _replaced(ACTIVE, text), _replaced(CHOICE, ""):
        if _shared_text() is None:
            return
        _hide(False)
        try:
            _git("update-index", "--", str(ACTIVE))  # `git add` refuses in some sparse checkouts
        except UserError:
            _hide(flag == HIDDEN)
            raise


def lost_choice(name: str) -> str | None:
    """Return a warning for work with the active preset `name`, where `imagemint use` chose another."""
    chosen = _read(CHOICE)
    if not chosen or chosen == name or named_preset() != name:
        return None
    return (
        f"{ACTIVE} names {name}, but `imagemint use` chose {chosen}: `imagemint use {chosen}` goes back to it, "
        f"`imagemint use {name}` keeps this one."
    )


def opening_lines(name: str, file: Path | None = None) -> list[str]:
    """Return the lines that a command begins with: the config it uses, and a warning where another preset was chosen.

    `imagemint use` makes such a choice.
    """
    lost = lost_choice(name) if file is None else None
    return [which_config(name, file), *([] if lost is None else [f"warning: {lost}"])]


def shown_choice() -> str | None:
    """Return a warning where git shows this checkout's choice as a change."""
    chosen = _read(CHOICE)
    if not chosen or chosen != named_preset() or _flag() == HIDDEN:
        return None
    return (
        f"git shows {ACTIVE} as changed; do not commit it. `imagemint use {chosen}` hides the change, except in a "
        "sparse checkout."
    )


@contextmanager
def _replaced(path: Path, text: str | None) -> Iterator[None]:
    """Let a file hold `text` while the block runs; after an error it is as it was before.

    An empty `text` removes the file, None leaves it as it is.
    """
    before = _read(path)
    if text is None or text == before:
        yield
        return
    _write(path, text)
    try:
        yield
    except BaseException:
        _write(path, before)
        raise


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _write(path: Path, text: str) -> None:
    """Replace a file by one with `text`, whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        if not text:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from None
    finally:
        with suppress(OSError):  # its folder may be what is missing
            temporary.unlink()


def _hide(wanted: bool) -> None:
    """Make git ignore changes of the file, or notice them again."""
    if (_flag() == HIDDEN) != wanted:
        _git("update-index", "--skip-worktree" if wanted else "--no-skip-worktree", "--", str(ACTIVE))


def _flag() -> str:
    """Return git's letter for the file: S where it is hidden, another where it is tracked, else nothing."""
    try:
        return _git("ls-files", "-v", "--", str(ACTIVE))[:1]
    except UserError:  # no git, or no git checkout
        return ""


def _shared_text() -> str | None:
    """Return what git has of the file, with what waits for the next commit; None where it has nothing of it."""
    flag = _flag()
    if flag == UNMERGED:
        raise UserError(f"{ACTIVE} has a merge conflict: resolve it first, and `git add {ACTIVE}`.")
    return _git("show", f":./{ACTIVE.as_posix()}") if flag else None


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
        lines = error.stderr.strip().splitlines() or [f"`git {arguments[0]}` ended with {error.returncode}"]
        raise UserError(f"{ACTIVE}: git says: {lines[0]}") from None
