"""One rule for every place that a user names for output: what may be written to, and what is refused before work begins."""

import os
import pwd
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pipeline
from pipeline.errors import UserError
from pipeline.outputs.ownership import Layout, dataset_layout, foreign_files, layout_of


def require_stage_output(stage: str, out: Path, metrics: Path, root: Path | None, *, given: bool) -> None:
    """Refuse an output folder in which a stage could do harm, and folders that cannot be written.

    Args:
        stage: which stage writes there.
        out: its output.
        metrics: where its figures go.
        root: the folder that holds `runs`, None where that is in an object store.
        given: whether the user named `out`; else it is the checkout's own place.
    """
    if given:
        _require_harmless(out, root)
        if out.is_dir():
            _require_own(out, layout_of(stage, out, None if root is None else root / "runs"))
    elif stage in ("sample", "audit"):
        require_own_dataset(out)
    advice = "give another --out" if given else "work in a copy of the project that you may write to"
    require_writable(out, f"--out {out}" if given else str(out), advice)
    require_writable(metrics, str(metrics), advice)
    if root is not None and stage != "accept":
        require_writable(root / "runs", f"root: {str(root)!r}", "choose another place with --set root=FOLDER")


def require_own_dataset(out: Path) -> None:
    """Refuse a folder in which publishing or auditing a dataset would replace what no stage wrote.

    Files at its top of which a dataset has none may lie there: they are left alone.
    """
    if out.is_dir():
        _require_own(out, dataset_layout(out), lenient=True)


def require_output_file(path: Path, example: str) -> None:
    """Refuse to write a file where there is a folder, a device, or nothing that can be written; `example` is a good name."""
    named = f"--out {path}"
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
            raise UserError(f"{named}: {existing} is a file, or a link to nothing; {advice}.")
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        raise UserError(f"{named}: {existing} cannot be written: {error.strerror or error}; {advice}.") from None


def _require_harmless(out: Path, root: Path | None) -> None:
    try:
        resolved = out.resolve()
    except (OSError, RuntimeError) as error:  # a circle of links
        raise UserError(f"--out {out}: cannot be used: {error}.") from None
    if resolved == resolved.parent:
        _refuse(out, "is the root of all folders")
    for home in _homes():
        if home.is_relative_to(resolved):
            _refuse(out, "is a home folder" if home == resolved else f"holds the home folder {home}")
    for checkout in _checkouts():
        if checkout.is_relative_to(resolved):
            _refuse(out, "is the project's own folder" if checkout == resolved else f"holds the project {checkout}")
    if root is not None and root.resolve().is_relative_to(resolved):
        _refuse(out, f"holds the root of this config, {root}, where runs are kept")
    if os.path.lexists(out) and not out.is_dir():
        _refuse(out, "is a file, or a link to nothing")


def _homes() -> Iterator[Path]:
    with suppress(RuntimeError):  # neither $HOME nor an entry for this user
        yield Path.home().resolve()
    with suppress(KeyError):
        yield Path(pwd.getpwuid(os.getuid()).pw_dir).resolve()


def _checkouts() -> Iterator[Path]:
    yield Path(pipeline.__file__).resolve().parents[1]
    if Path("dvc.yaml").exists() or Path("conf").is_dir():
        yield Path.cwd().resolve()


def _require_own(out: Path, layout: Layout, *, lenient: bool = False) -> None:
    try:
        for path in foreign_files(out, layout):
            proof = layout.proof(path.name) if path.parent == out else None
            if lenient and path.parent == out and proof is None and path.name not in layout.folders:
                continue
            rest = f", or remove {path.name} if it is the damaged rest of an earlier run" if proof else ""
            raise UserError(
                f"--out {out}: holds {path}, which this stage has not written; nothing was touched. Give a new or empty "
                f"folder{rest}."
            )
    except OSError as error:
        raise UserError(f"--out {out}: {error.filename or out} cannot be read: {error.strerror or error}.") from None


def _refuse(out: Path, why: str) -> None:
    raise UserError(f"--out {out}: {why}; give a new or empty folder.")
