"""A tree of image files together with what a file beside them says of the images."""

from collections.abc import Mapping, Sequence

from pipeline.data.sources.annotations import Annotations, Reader
from pipeline.data.sources.source import Listing, Request
from pipeline.data.sources.stylegan import read_stylegan
from pipeline.data.sources.tree import Tree, list_tree
from pipeline.errors import UserError
from pipeline.folders import Entry

# The first that finds its file is taken.
READERS: tuple[Reader, ...] = (read_stylegan,)


def list_annotated(
    tree: Tree,
    entries: Mapping[str, Entry],
    request: Request,
    left_out: Sequence[tuple[str, str]],
    *,
    wrapped: bool = False,
) -> Listing:
    """List the images of a tree, which is a folder or what an archive holds; see `list_tree`."""

    def read(name: str) -> bytes:
        (content,) = tree.read_many([name])
        if content is None:
            raise UserError(f"{request.place}: {name} cannot be read.")
        return content

    found = (reader(entries, read, request) for reader in READERS)
    annotations: Annotations | None = next((told for told in found if told is not None), None)
    return list_tree(tree, entries, str(request.place), annotations=annotations, left_out=left_out, wrapped=wrapped)
