"""The source `folder`: image files in the folders of their classes, or all in one."""

from pipeline.data.sources.annotated import list_annotated
from pipeline.data.sources.place import Place
from pipeline.data.sources.source import Listing, Request, SourceKind, wrong_kind


def _recognises(place: Place) -> bool:
    return place.file is None


def _list(request: Request) -> Listing:
    place = request.place
    if place.file is not None:
        raise wrong_kind(request, f"is {place.kind_of_file or 'a file of no known kind'}", "a folder of images")
    return list_annotated(place.folder, place.entries, request, place.left_out)


KIND = SourceKind("folder", 90, _recognises, _list)
