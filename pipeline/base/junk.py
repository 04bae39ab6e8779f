"""Recognise files that desktops and editors put into folders unasked.

They are no part of any dataset, model or source, and are never deleted.
"""

import re
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

# One expression for all patterns and steps of a name: a source may have millions of names.
_STEPS = "|".join(re.escape(pattern).replace(r"\*", "[^/]*") for pattern in JUNK)
_ANY = re.compile(f"(?:^|/)(?:{_STEPS})(?:/|\\Z)")


def is_junk(name: str | PurePosixPath) -> bool:
    """Return whether a file of this relative name is junk, or lies in a folder that is."""
    return _ANY.search(str(name)) is not None
