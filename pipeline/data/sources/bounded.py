"""Limit how much of a file anybody can read at once."""

from typing import BinaryIO


class Bounded:
    """Hand out no more of a file at once than its reader can need.

    How much the reader asks for often comes from the file itself.
    """

    def __init__(self, file: BinaryIO, most: int) -> None:
        """Wrap `file`, of which one read gives at most `most` bytes."""
        self._file, self._most = file, most
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, as any file does; all that is left if `size` is negative.

        Raises:
            ValueError: the result would have more than `most` bytes.
        """
        content = self._file.read(self._most + 1 if size < 0 else min(size, self._most + 1))
        if len(content) > self._most:
            raise ValueError(f"more than {self._most:,} bytes of names")
        return content
