"""The kinds of filters, one a file, whose name is that of `kind` in `sample.filters`."""

from typing import Any

from pipeline.base.registry import load_entries
from pipeline.sampling.filters.filter import FilterKind

FILTERS: dict[str, FilterKind[Any]] = {name: entry.FILTER for name, entry in load_entries(__name__).items()}
