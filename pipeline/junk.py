"""Files that desktops and editors put into folders unasked: no part of any dataset, model or source, and never deleted."""

import re
from fnmatch import translate
from pathlib import PurePosixPath

# As patterns of gitignore, which `.dvcignore` and `.gitignore` repeat. No backups: what a person saved is theirs.
JUNK = (
    ".DS_Store",
    "._*",
    "__MACOSX",
    "Thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "Desktop.ini",
    ".directory",
    ".ipynb_checkpoints",
)

# One expression for all, on the text: a source may have millions of names.
_ANY = re.compile("|".join(f"(?:{translate(pattern)})" for pattern in JUNK))


def is_junk(name: str | PurePosixPath) -> bool:
    """Return whether a file of this relative name is junk, or lies in a folder that is."""
    return any(_ANY.match(step) for step in str(name).split("/"))
