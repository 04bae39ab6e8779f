"""The keys of `sample.filters`: those of each kind stand in the file of the filter."""

from typing import TYPE_CHECKING, Annotated, Literal, Protocol, Union

from pydantic import Field

from pipeline.base.declarations import declarations

_FILTERS = declarations("pipeline.sampling.filters.kinds", "FILTER")
FILTER_KINDS = tuple(_FILTERS)

if TYPE_CHECKING:
    FilterKindName = str

    class FilterKeys(Protocol):
        """The keys of any kind of filter."""

        @property
        def kind(self) -> str: ...
else:
    FilterKindName = Literal[FILTER_KINDS]
    FilterKeys = Annotated[
        Union[tuple(each.keys for each in _FILTERS.values())],  # noqa: UP007  # of a tuple
        Field(discriminator="kind"),
    ]
