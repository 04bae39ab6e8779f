"""List the source `listing`: a table of image files, with labels or captions, in or above the folder of the images."""

from dataclasses import replace

from pipeline.base.errors import UserError
from pipeline.data.sources.annotations import Annotations
from pipeline.data.sources.columns import find_columns
from pipeline.data.sources.location import Location
from pipeline.data.sources.parquet_files import SPLITS, has_images
from pipeline.data.sources.rows import NO_ROW, Matched, match_rows
from pipeline.data.sources.source import Listing, OfficialSplit, Part, Request, SourceKind, wrong_kind
from pipeline.data.sources.table import LARGEST_TABLE, TABLE_SUFFIXES, Table, is_table, read_table
from pipeline.data.sources.tree import OTHER_SUFFIXES, TreePart, is_hidden, list_tree

SPLIT_COLUMN = "split"


def _recognises(location: Location) -> bool:
    return location.file is not None and is_table(location.file) and not has_images(location)


def _list(request: Request) -> Listing:
    location = request.location
    if location.file is None or not is_table(location.file):
        found = "is a folder" if location.file is None else "has another suffix"
        raise wrong_kind(request, found, f"one file of paths ({', '.join(TABLE_SUFFIXES)})")
    if location.entries[location.file].size > LARGEST_TABLE:
        raise UserError(
            f"data.source.path: {location}: has more than {LARGEST_TABLE >> 20} MiB; split it into several files."
        )
    with location.folder.open(location.file) as file:
        table = read_table(file, location.file, str(location))
    columns = find_columns(table, request.source, request.text)
    below = Location(location.folder, None, location.given).entries
    images = [name for name in below if not is_hidden(name) and not name.lower().endswith(OTHER_SUFFIXES)]
    matched = match_rows(table, columns, location.file, images)
    left_out = [*matched.left_out, *((name, NO_ROW) for name in matched.without_row)]
    splits, odd = _splits(table, matched)
    listings = [
        list_tree(
            location.folder,
            {name: below[name] for name in names},
            str(location),
            annotations=Annotations(of={name: matched.of[name] for name in names}, labels=True),
        )
        for names in splits.values()
    ]
    whole = _joined(dict(zip(splits, listings, strict=True)))
    return replace(whole, left_out=[*left_out, *whole.left_out], warnings=[*matched.warnings, *odd, *whole.warnings])


def _splits(table: Table, matched: Matched) -> tuple[dict[OfficialSplit | None, list[str]], list[str]]:
    """Return the names of images by the split that the column `split` gives them, and warnings about that column.

    None in place of a split means that the folders may give it.
    """
    column = next((name for name in table.names if name.casefold() == SPLIT_COLUMN), None)
    if column is None:
        return {None: list(matched.of)}, []
    cells = table.column(column)
    found: dict[OfficialSplit | None, list[str]] = {}
    for name, row in matched.row_of.items():
        split = SPLITS.get((cells[row] or "").lower())
        if split is None:
            why = f"{table.row_name(row)} has {cells[row] or ''!r}, which is not one of {', '.join(SPLITS)}"
            return {None: list(matched.of)}, [f"{table.where}: column {column!r} is not used: {why}."]
        found.setdefault(split, []).append(name)
    if "train" not in found:
        return {None: list(matched.of)}, [f"{table.where}: column {column!r} is not used: no row of it is for train."]
    return dict(sorted(found.items(), key=str)), []


def _joined(listings: dict[OfficialSplit | None, Listing]) -> Listing:
    """Return one listing for those of the splits, which count more than the folders that the images are in."""
    if None in listings:
        return listings[None]
    parts: list[Part] = [
        replace(part, split=split, identity=f"{part.identity}/{split}")
        for split, listing in listings.items()
        for part in listing.parts
        if isinstance(part, TreePart) and split is not None
    ]
    splits = tuple(split for split in listings if split is not None)
    return Listing(
        parts,
        splits=splits,
        left_out=[gone for listing in listings.values() for gone in listing.left_out],
        warnings=list(dict.fromkeys(odd for listing in listings.values() for odd in listing.warnings)),
    )


KIND = SourceKind("listing", 70, _recognises, _list)
