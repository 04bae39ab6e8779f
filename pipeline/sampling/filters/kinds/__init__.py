"""Register the kinds of filters: one a file, whose name is that of `kind` in `sample.filters`.

Records depend on the code of the filters that they pass, and on no other: `pipeline.sampling_on_ray.plan` says which.
"""

from typing import Any

from pipeline.base.declarations import declarations
from pipeline.sampling.filters.filter import FilterKind

FILTERS: dict[str, FilterKind[Any]] = declarations(__name__, "FILTER")
