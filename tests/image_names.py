"""Names of image files by which ingest divides its work into parts."""

from itertools import count

from pipeline.data.sources.tree import ends_part


def ending_a_part(name: str) -> str:
    """Return a name like this one behind which a part of the work ends."""
    stem, ending = name.split(".")
    return next(other for number in count() if ends_part(other := f"{stem}-{number}.{ending}"))
