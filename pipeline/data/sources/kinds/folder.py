"""List the source `folder`: image files in the folders of their classes, or all in one."""

from pipeline.data.sources.annotated import list_annotated
from pipeline.data.sources.location import Location
from pipeline.data.sources.source import Listing, Request, SourceKind, wrong_kind


def _recognises(location: Location) -> bool:
    return location.file is None


def _list(request: Request) -> Listing:
    location = request.location
    if location.file is not None:
        raise wrong_kind(request, f"is {location.kind_of_file or 'a file of no known kind'}", "a folder of images")
    return list_annotated(location.folder, location.entries, request, location.left_out)


KIND = SourceKind("folder", 90, _recognises, _list)
