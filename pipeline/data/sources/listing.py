"""The source `listing`: a table of image files, with labels or captions, in or above the folder of the images."""

from pipeline.data.sources.annotations import Annotations
from pipeline.data.sources.columns import find_columns
from pipeline.data.sources.parquet_files import has_images
from pipeline.data.sources.place import Place
from pipeline.data.sources.rows import NO_ROW, match_rows
from pipeline.data.sources.source import Listing, Request, SourceKind, wrong_kind
from pipeline.data.sources.table import LARGEST_TABLE, TABLE_ENDINGS, is_table, read_table
from pipeline.data.sources.tree import OTHER_ENDINGS, is_hidden, list_tree
from pipeline.errors import UserError


def _recognises(place: Place) -> bool:
    return place.file is not None and is_table(place.file) and not has_images(place)


def _list(request: Request) -> Listing:
    place = request.place
    if place.file is None or not is_table(place.file):
        found = "is a folder" if place.file is None else "has another ending"
        raise wrong_kind(request, found, f"one file of paths ({', '.join(TABLE_ENDINGS)})")
    if place.entries[place.file].size > LARGEST_TABLE:
        raise UserError(f"data.source.path: {place}: has more than {LARGEST_TABLE >> 20} MiB; divide it.")
    with place.folder.open(place.file) as file:
        table = read_table(file, place.file, str(place))
    columns = find_columns(table, request.source, request.text)
    below = Place(place.folder, None, place.given).entries
    images = [name for name in below if not is_hidden(name) and not name.lower().endswith(OTHER_ENDINGS)]
    matched = match_rows(table, columns, place.file, images)
    left_out = [*matched.left_out, *((name, NO_ROW) for name in matched.without_row)]
    told = Annotations((place.file,), matched.of, labels=True, left_out=left_out, warnings=matched.warnings)
    return list_tree(place.folder, {name: below[name] for name in matched.of}, str(place), annotations=told)


LISTING = SourceKind("listing", _recognises, _list)
