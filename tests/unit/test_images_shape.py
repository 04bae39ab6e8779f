"""The shape of an image."""

import pytest
import torch

from pipeline.images.shape import ImageShape


def test_it_is_in_the_order_of_a_tensor_and_can_be_made_of_one_s() -> None:
    assert torch.zeros(2, *ImageShape(3, 4, 5)).shape == (2, 3, 4, 5)
    assert ImageShape(*torch.zeros(3, 4, 5).shape) == ImageShape(channels=3, height=4, width=5)


def test_a_square_has_a_side_and_is_called_by_it() -> None:
    square = ImageShape.square(3, 28)
    assert (square, square.side, square.size_text) == (ImageShape(3, 28, 28), 28, "28 px")


def test_what_is_no_square_has_no_side_and_is_called_by_height_and_width() -> None:
    shape = ImageShape(1, 28, 20)
    assert shape.size_text == "28x20 px"
    with pytest.raises(ValueError, match="28x20 px"):
        _ = shape.side
