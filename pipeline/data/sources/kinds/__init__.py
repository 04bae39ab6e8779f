"""List the kinds of sources, one a file, whose name is that of `data.source.kind`."""

from pipeline.base.registry import load_entries
from pipeline.data.sources.source import SourceKind

# `auto` takes the first that recognises the place: the special ones come before those that take nearly anything.
KINDS: tuple[SourceKind, ...] = tuple(
    sorted((entry.KIND for entry in load_entries(__name__).values()), key=lambda kind: kind.rank)
)
