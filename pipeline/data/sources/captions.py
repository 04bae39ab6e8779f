"""Find captions in text files next to the images: the first line of `boot.txt` describes `boot.png`."""

from collections.abc import Mapping, Sequence

from pipeline.store.folder import Entry

SUFFIX = ".txt"
LARGEST_CAPTION = 1 << 16  # bytes: what is larger is a document


def caption_files(images: Sequence[str], entries: Mapping[str, Entry]) -> dict[str, str]:
    """Return by image the text file of the same name, where there is one; no file is read for that."""
    found = {}
    for name in images:
        folder, slash, file = name.rpartition("/")
        text = f"{folder}{slash}{file.rpartition('.')[0] or file}{SUFFIX}"
        if text in entries and entries[text].size <= LARGEST_CAPTION:
            found[name] = text
    return found


def first_line(content: bytes) -> str | None:
    """Return the first line of a text file; None where it has no letters, as in files of coordinates."""
    text = content.decode("utf-8-sig", errors="replace").strip()
    line = text.splitlines()[0].strip() if text else ""
    return line if any(character.isalpha() for character in line) else None
