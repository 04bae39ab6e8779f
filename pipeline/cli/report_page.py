"""Find the page that `imagemint report` opens, and have it made where it is missing."""

import webbrowser
from importlib import import_module
from pathlib import Path

import typer

from pipeline.base.errors import UserError
from pipeline.base.process import INTERRUPTED
from pipeline.cli.run_all import alone_in_checkout
from pipeline.sampling.manifest import read_manifest

PAGE = Path("report") / "index.html"  # below a dataset


def require_page(dataset: Path) -> Path:
    """Return the report of a dataset, written anew by the stage `audit` where it is missing.

    Raises:
        UserError: the page is missing, and so is what it is made of.
    """
    page = dataset / PAGE
    if page.is_file():
        return page
    if str(dataset).startswith(("s3:/", "gs:/")):
        raise UserError(
            f"{dataset}: a browser can open only a page on this machine. Fetch the dataset's folder {PAGE.parent} "
            "first."
        )
    name = read_manifest(dataset).name
    if dataset.resolve() != (Path("datasets") / name).resolve():
        raise UserError(
            f"{page} is missing, and can be made again only in the checkout that made the dataset: fetch the dataset with its report."
        )
    missing = [str(path) for path in _made_of(name) if not path.exists()]
    if missing:
        raise UserError(
            f"{page} is missing, and cannot be rebuilt here without {', '.join(missing)}. Run `imagemint run all`."
        )
    with alone_in_checkout(
        "`imagemint run all` works in this checkout, and writes the report in the end: wait for it."
    ):
        code = import_module("stages.audit").main(["--preset", name])
    if code:
        raise typer.Exit(code if code == INTERRUPTED else 1)  # the stage has said why
    return page


def open_page(page: Path) -> None:
    """Open a page in the browser of this machine."""
    if not webbrowser.open(page.absolute().as_uri()):
        raise UserError(f"No browser was found on this machine. Open {page.absolute()} in a browser yourself.")


def _made_of(name: str) -> list[Path]:
    return [
        Path("conf") / f"{name}.yaml",
        Path("data") / name / "dataset.json",
        Path("models") / name / "model.json",
        Path("metrics") / name / "evaluate.json",
    ]
