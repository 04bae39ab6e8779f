"""Collect the keys of `sample.filters`: each filter's file declares those of its kind."""

from typing import TYPE_CHECKING, Annotated, Literal, Protocol, Union

from pydantic import Field

from pipeline.base.declarations import declarations

_FILTERS = declarations("pipeline.sampling.filters.kinds", "FILTER")
FILTER_KINDS = tuple(_FILTERS)

if TYPE_CHECKING:
    FilterKindName = str

    class FilterKeys(Protocol):
        """Describe the keys of any kind of filter."""

        @property
        def kind(self) -> str: ...
else:
    FilterKindName = Literal[FILTER_KINDS]
    FilterKeys = Annotated[
        Union[tuple(each.keys for each in _FILTERS.values())],  # noqa: UP007  # of a tuple
        Field(discriminator="kind"),
    ]
