"""List a tree of image files together with what files next to them say of the images."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.base.errors import UserError
from pipeline.data.sources.annotations import Annotations, Reader
from pipeline.data.sources.captions import SUFFIX, caption_files
from pipeline.data.sources.metadata import read_metadata
from pipeline.data.sources.source import Listing, Request
from pipeline.data.sources.stylegan import read_stylegan
from pipeline.data.sources.tree import OTHER_SUFFIXES, Tree, is_hidden, list_tree
from pipeline.store.folder import Entry

# The first that finds its file is taken.
READERS: tuple[Reader, ...] = (read_stylegan, read_metadata)


def list_annotated(
    tree: Tree,
    entries: Mapping[str, Entry],
    request: Request,
    left_out: Sequence[tuple[str, str]],
    *,
    wrapped: bool = False,
) -> Listing:
    """List the images of a tree, which is a folder or the content of an archive; see `list_tree`."""

    def read(name: str) -> bytes:
        (content,) = tree.read_many([name])
        if content is None:
            raise UserError(f"{request.location}: {name} cannot be read.")
        return content

    found = (reader(entries, read, request) for reader in READERS)
    annotations: Annotations | None = next((each for each in found if each is not None), None)
    if annotations is None:
        _require_no_columns(request)
        annotations = Annotations()
    if request.text == "auto":
        annotations = _with_captions(annotations, entries)
    return list_tree(tree, entries, str(request.location), annotations=annotations, left_out=left_out, wrapped=wrapped)


def _with_captions(annotations: Annotations, entries: Mapping[str, Entry]) -> Annotations:
    """Return the annotations with the text files next to those images that no metadata gives a text."""
    if not any(name.endswith(SUFFIX) for name in entries):
        return annotations
    images = [
        name
        for name in entries
        if not is_hidden(name)
        and not name.lower().endswith(OTHER_SUFFIXES)
        and annotations.of.get(name, (None, None))[1] is None
    ]
    captions = caption_files(images, entries)
    return replace(annotations, files=(*annotations.files, *sorted(set(captions.values()))), captions=captions)


def _require_no_columns(request: Request) -> None:
    for key, value in (("data.source.label", request.source.label), ("data.text", request.text)):
        if value not in (None, "auto", "none"):
            raise UserError(
                f"{key}: {value!r}, but no file in {request.location} has columns. Put a metadata.csv beside the images, with file_name "
                "and that column."
            )
