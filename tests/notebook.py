"""Run the notebook of `examples`; `python -m tests.notebook` stores what it shows, without times and paths."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.project import ROOT

NOTEBOOK = ROOT / "examples" / "python.ipynb"
TIMEOUT_S = 300  # for one cell


def stored() -> NotebookNode:
    """Return the notebook as it is committed."""
    return nbformat.read(NOTEBOOK, as_version=nbformat.NO_CONVERT)


def executed(folder: Path) -> NotebookNode:
    """Return the notebook after its cells ran in `folder`, from where it looks for `../models` and `../datasets`."""
    notebook = stored()
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=TIMEOUT_S, resources=where, record_timing=False, coalesce_streams=True).execute()
    notebook.metadata.language_info = {"name": "python"}  # else the version of this Python, too
    return notebook


if __name__ == "__main__":
    nbformat.write(executed(NOTEBOOK.parent), NOTEBOOK)
