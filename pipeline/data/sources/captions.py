"""Captions in text files beside the images: `boot.txt` beside `boot.png`, of which the first line counts."""

from collections.abc import Mapping, Sequence

from pipeline.store.folder import Entry

SUFFIX = ".txt"
LARGEST_CAPTION = 1 << 16  # bytes: what is larger is a document


def caption_files(images: Sequence[str], entries: Mapping[str, Entry]) -> dict[str, str]:
    """Return by image the text file of the same name, where there is one; none is read for that."""
    found = {}
    for name in images:
        folder, slash, file = name.rpartition("/")
        text = f"{folder}{slash}{file.rpartition('.')[0] or file}{SUFFIX}"
        if text in entries and entries[text].size <= LARGEST_CAPTION:
            found[name] = text
    return found


def first_line(content: bytes) -> str | None:
    """Return the first line of a text file; None where it has no letters, as files of coordinates have none."""
    text = content.decode("utf-8-sig", errors="replace").strip()
    line = text.splitlines()[0].strip() if text else ""
    return line if any(character.isalpha() for character in line) else None
