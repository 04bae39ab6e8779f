"""Files of which nobody can read too much at once."""

from typing import BinaryIO


class Bounded:
    """A file that hands out no more at once than its reader can need: how much that is often comes from the file itself."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        """`most`: bytes at once."""
        self._file, self._most = file, most
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """As that of any file.

        Raises:
            ValueError: it would be more than `most`.
        """
        content = self._file.read(self._most + 1 if size < 0 else min(size, self._most + 1))
        if len(content) > self._most:
            raise ValueError(f"more than {self._most:,} bytes of names")
        return content
