"""Check every place that a user names for output by one rule, and refuse what may not be written before work begins."""

import os
import pwd
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path, PurePath
from typing import NoReturn

import pipeline
from pipeline.base.errors import UserError
from pipeline.runs.ownership import Layout, dataset_layout, foreign_files, layout_of
from pipeline.store.files import readable

# What `--out` has to name for stages that go on from what lies there; all others make something new.
_GIVE = {"audit": "the folder of a dataset", "accept": "the folder with the metrics of evaluate and audit"}
_NEW = "a new or empty folder"
_LISTED = 3  # files that a message names


def require_stage_output(stage: str, out: Path, metrics: Path, root: Path | None, *, given: bool) -> None:
    """Refuse an output folder in which a stage could do harm, and folders that cannot be written.

    Args:
        stage: which stage writes there.
        out: its output.
        metrics: the folder of its metrics.
        root: the folder that holds `runs`, None where that is in an object store.
        given: whether the user named `out`; else it is the checkout's own place.
    """
    runs = None if root is None else root / "runs"
    if given:
        named, wanted = f"--out {out}", _GIVE.get(stage, _NEW)
        with readable(named):
            _require_harmless(out, root, f"give {wanted}")
            if out.is_dir():
                advice = f"Give {_NEW}" if wanted == _NEW else "Move it to another folder"
                _require_own(out, layout_of(stage, out, runs), named, advice)
    elif stage in ("sample", "audit"):
        require_own_dataset(out, runs)
    advice = "give another --out" if given else "work in a copy of the project that you may write to"
    require_writable(out, f"--out {out}" if given else str(out), advice)
    require_writable(metrics, str(metrics), advice)
    if root is not None and stage != "accept":
        require_writable(root / "runs", f"root: {str(root)!r}", "choose another place with --set root=FOLDER")


def require_own_dataset(out: Path, runs: Path | None) -> None:
    """Refuse a folder in which publishing or auditing a dataset would replace what no stage wrote.

    Files at its top that no dataset has may lie there: they are left alone. `runs` holds the runs of this root.
    """
    with readable(out):
        if out.is_dir():
            _require_own(out, dataset_layout(out, runs), str(out), "Move it to another folder", lenient=True)


def require_output_file(path: Path, example: str) -> None:
    """Refuse to write a file where there is a folder, a device, or nothing writable; `example` is a good name."""
    named = f"--out {path}"
    with readable(named):
        if path.is_dir() or not path.name or path.name == "..":
            raise UserError(f"{named}: is a folder; give the name of a file, as in --out {path / example}.")
        if path.exists() and not path.is_file():
            raise UserError(f"{named}: is no plain file; give another name, as in --out {example}.")
    require_writable(path.parent, named, "give another --out")


def require_writable_checkout() -> None:
    """Refuse to begin work in a checkout that cannot be written."""
    for folder in (Path(), Path(".dvc"), Path("conf")):
        require_writable(
            folder,
            f"The project's folder {Path.cwd()}",
            "stages, DVC and the choice of a preset write there: work in a copy that you may write to",
        )


def require_writable(folder: Path, named: str, advice: str) -> None:
    """Refuse a folder, there or still to be made, in which this process cannot make files."""
    existing = folder.absolute()
    try:
        while not os.path.lexists(existing):
            existing = existing.parent
        if not existing.is_dir():
            raise UserError(f"{named}: {existing} {_no_folder(existing)}; {advice}.")
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        raise UserError(f"{named}: {existing} cannot be written: {error.strerror or error}; {advice}.") from None


def _no_folder(path: Path) -> str:
    return "is a file" if path.exists() else "is a link to nothing"


def _require_harmless(out: Path, root: Path | None, advice: str) -> None:
    def refuse(why: str) -> NoReturn:
        raise UserError(f"--out {out}: {why}; {advice}.")

    try:
        resolved = out.resolve()
    except (OSError, RuntimeError) as error:  # a circle of links
        raise UserError(f"--out {out}: cannot be used: {error}.") from None
    if resolved == resolved.parent:
        refuse("is the root of all folders")
    for home in _homes():
        if home.is_relative_to(resolved):
            refuse("is a home folder" if home == resolved else f"holds the home folder {home}")
    for checkout in _checkouts():
        if checkout.is_relative_to(resolved):
            refuse("is the project's own folder" if checkout == resolved else f"holds the project {checkout}")
    if root is not None and root.resolve().is_relative_to(resolved):
        refuse(f"holds the root of this config, {root}, where runs are kept")
    if os.path.lexists(out) and not out.is_dir():
        refuse(_no_folder(out))


def _homes() -> Iterator[Path]:
    with suppress(RuntimeError):  # neither $HOME nor an entry for this user
        yield Path.home().resolve()
    with suppress(KeyError):
        yield Path(pwd.getpwuid(os.getuid()).pw_dir).resolve()


def _checkouts() -> Iterator[Path]:
    yield Path(pipeline.__file__).resolve().parents[1]
    if Path("dvc.yaml").exists() or Path("conf").is_dir():
        yield Path.cwd().resolve()


def _require_own(out: Path, layout: Layout, named: str, advice: str, *, lenient: bool = False) -> None:
    foreign = list(islice(_in_the_way(out, layout, lenient=lenient), _LISTED + 1))
    if not foreign:
        return
    first = foreign[0]
    if first.is_symlink() and first.is_dir():
        why = "a link to a folder elsewhere, where files would be replaced"
    else:
        why = "which this stage has not written"
    if all(layout.names(path.relative_to(out)) for path in foreign):
        listed = ", ".join(path.relative_to(out).as_posix() for path in foreign[:_LISTED])
        more = " and more of the kind" if len(foreign) > _LISTED else ""
        advice += f", or remove {listed}{more} if that is what an interrupted run left"
    raise UserError(f"{named}: holds {first}, {why}; nothing was touched. {advice}.")


def _in_the_way(out: Path, layout: Layout, *, lenient: bool) -> Iterator[Path]:
    for path in foreign_files(out, layout):
        if not lenient or path.parent != out or layout.names(PurePath(path.name)) or path.name in layout.folders:
            yield path
