"""Recognise the kind of a file by its first bytes, since its name may promise anything."""

_TAR_MAGIC = slice(257, 262)

# The first one that fits is taken.
_BEGINNINGS = (
    (b"\x1f\x8b", "a gzip file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"(\xb5/\xfd", "a Zstandard file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"%PDF", "a PDF document"),
    (b"PAR1", "a Parquet file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"version https://git-lfs", "a pointer of Git LFS in place of the file: `git lfs pull` gets it"),
    (b"\0\0\x08\x01", "an uncompressed IDX file of labels"),
    (b"\0\0\x08\x03", "an uncompressed IDX file of images"),
)
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<body")


def kind_of(content: bytes) -> str | None:
    """Return the kind of file that begins like `content`, with its article; None where the kind is unknown."""
    if not content:
        return "an empty file"
    for beginning, kind in _BEGINNINGS:
        if content.startswith(beginning):
            return kind
    if content[_TAR_MAGIC] == b"ustar":
        return "a tar archive"
    text = content[:1000].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(_PAGES) or (text.startswith(b"<?xml") and b"<html" in text):
        return "an HTML page, as a server sends where the file is not at the address or wants a login"
    if text.startswith((b"{", b"<?xml")):
        return "JSON or XML, as a server sends with an error"
    return None
