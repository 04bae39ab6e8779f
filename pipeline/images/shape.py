"""Describe the shape of an image."""

from typing import NamedTuple, Self


class ImageShape(NamedTuple):
    """Hold channels, height and width (px), in the order in which tensors have them."""

    channels: int
    height: int
    width: int

    @classmethod
    def square(cls, channels: int, side: int) -> Self:
        """Return the shape of a square image."""
        return cls(channels, side, side)

    @property
    def side(self) -> int:
        """Return the side of a square image, px.

        Raises:
            ValueError: the image is not square.
        """
        if self.height != self.width:
            raise ValueError(f"an image of {self.size_text} is no square")
        return self.height

    @property
    def size_text(self) -> str:
        """Return the size as a text: the side of a square image, else height and width."""
        return f"{self.height} px" if self.height == self.width else f"{self.height}x{self.width} px"
