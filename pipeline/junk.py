"""Files that desktops and editors put into folders unasked: no part of any dataset, model or source, and never deleted."""

from fnmatch import fnmatchcase
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


def is_junk(name: str | PurePosixPath) -> bool:
    """Return whether a file of this relative name is junk, or lies in a folder that is."""
    return any(fnmatchcase(step, pattern) for step in PurePosixPath(name).parts for pattern in JUNK)
