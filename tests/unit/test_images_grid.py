"""Grids show every image once, in order, with its own pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.images.grid import image_grid, write_grid
from pipeline.images.png import decode_png

LINE = 24


def flat_images(greys: list[int], size: int, channels: int) -> np.ndarray:
    return np.stack([np.full((size, size, channels), grey, np.uint8) for grey in greys])


@given(
    count=st.integers(1, 12),
    columns=st.integers(1, 6),
    size=st.sampled_from([8, 28, 64]),
    channels=st.sampled_from([1, 3]),
)
@settings(deadline=None, max_examples=40)
def test_every_image_stands_in_its_place_and_the_rest_of_a_short_row_is_dark(count, columns, size, channels):
    greys = [100 + number for number in range(count)]
    grid = image_grid(flat_images(greys, size, channels), columns)
    rows = -(-count // columns)
    height, width = grid.shape[0] // rows, grid.shape[1] // columns
    assert (grid.shape[0] % rows, grid.shape[1] % columns, grid.shape[2]) == (0, 0, channels)
    middles = grid[height // 2 :: height, width // 2 :: width, 0].ravel().tolist()
    assert middles == greys + [LINE] * (rows * columns - count)


@pytest.mark.parametrize("size", [8, 28, 64])
def test_small_images_are_enlarged_until_people_can_see_them_and_pixels_stay_pixels(size):
    image = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    inside = image_grid([image], 1)[1:-1, 1:-1]
    factor = len(inside) // size
    assert len(inside) >= 56
    assert np.array_equal(inside[::factor, ::factor], image)
    assert np.array_equal(inside[factor - 1 :: factor, factor - 1 :: factor], image)


def test_neighbours_are_kept_apart_by_a_dark_line():
    grid = image_grid(flat_images([255, 255], 56, 1), 2)
    assert (grid[:, 57:59] == LINE).all()


def test_written_grid_is_a_png_of_the_same_pixels(tmp_path):
    images = flat_images([1, 2, 3], 28, 3)
    write_grid(tmp_path / "new" / "grid.png", images, 2)
    assert np.array_equal(decode_png((tmp_path / "new" / "grid.png").read_bytes(), 3), image_grid(images, 2))
