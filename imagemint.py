"""Generate images with a trained model, and read and verify datasets: what programs import of this project.

`docs/guide/python.md` describes it. What a name needs is imported once it is asked for, since torch takes seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.base.errors import UserError
    from pipeline.library.dataset import Dataset, Findings, open_dataset
    from pipeline.library.images import Images, Record
    from pipeline.library.model import Model, load_model

__all__ = ["Dataset", "Findings", "Images", "Model", "Record", "UserError", "load_model", "open_dataset"]

_HOMES = {
    "Dataset": "pipeline.library.dataset",
    "Findings": "pipeline.library.dataset",
    "Images": "pipeline.library.images",
    "Model": "pipeline.library.model",
    "Record": "pipeline.library.images",
    "UserError": "pipeline.base.errors",
    "load_model": "pipeline.library.model",
    "open_dataset": "pipeline.library.dataset",
}


def __getattr__(name: str) -> object:
    """Return a public name, and import its home at the first time."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
