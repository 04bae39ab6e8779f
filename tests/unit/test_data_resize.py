"""Pictures of any shape become squares in the way that was asked for."""

import numpy as np
import pytest
from PIL import Image

from pipeline.config.sources import Images
from pipeline.data.decode import UnusableError
from pipeline.data.resize import square

WIDE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


def squared(pixels: np.ndarray, size: int = 10, channels: int = 3, **images) -> np.ndarray:
    return square(Image.fromarray(pixels), size, channels, Images(**images))


def test_an_image_of_the_right_size_is_left_as_it_is():
    assert np.array_equal(squared(WIDE[:, :20], 20), WIDE[:, :20])


def test_centre_takes_the_largest_square_in_the_middle():
    expected = Image.fromarray(WIDE[:, 5:25]).resize((10, 10), Image.Resampling.LANCZOS)
    assert np.array_equal(squared(WIDE), np.asarray(expected))


def test_pad_keeps_all_of_it_on_the_background():
    found = squared(WIDE, 15, fit="pad", background=(1, 2, 3), resample="area")
    assert (found[:2] == (1, 2, 3)).all()
    assert (found[12:] == (1, 2, 3)).all()
    assert np.array_equal(found[2:12], np.asarray(Image.fromarray(WIDE).resize((15, 10), Image.Resampling.BOX)))


def test_stretch_pulls_it_to_a_square():
    expected = Image.fromarray(WIDE).resize((10, 10), Image.Resampling.BICUBIC)
    assert np.array_equal(squared(WIDE, fit="stretch", resample="bicubic"), np.asarray(expected))


def test_crop_comes_first():
    assert np.array_equal(squared(WIDE, crop=(3, 4, 10, 10)), WIDE[4:14, 3:13])
    with pytest.raises(UnusableError, match=r"smaller than data\.images\.crop"):
        squared(WIDE, crop=(25, 0, 10, 10))


@pytest.mark.parametrize(
    ("smallest", "side", "taken"), [(None, 9, False), (None, 10, True), (5, 5, True), (5, 4, False)]
)
def test_small_images_are_left_out(smallest, side, taken):
    if taken:
        assert squared(WIDE[:side], smallest=smallest).shape == (10, 10, 3)
    else:
        with pytest.raises(UnusableError, match="too small: a side of fewer than"):
            squared(WIDE[:side], smallest=smallest)


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_colour_become_each_other(channels):
    grey = WIDE[:, :20, 0]
    assert np.array_equal(squared(grey, 20, channels), np.repeat(grey[..., None], channels, axis=2))
    assert squared(WIDE, 10, 1).shape == (10, 10, 1)


def test_stripes_average_to_half_the_light_or_half_the_value():
    """Half of the light of white is 188 in sRGB (IEC 61966-2-1), half of its stored value 128."""
    stripes = np.zeros((32, 32, 1), np.uint8).repeat(3, axis=2)
    stripes[:, ::2] = 255
    assert np.abs(squared(stripes, 8, resample="area").astype(int) - 128).max() <= 1
    assert (squared(stripes, 8, resample="area", light="linear") == 188).all()


def test_flat_colours_stay_what_they_are_in_linear_light():
    values = np.arange(256, dtype=np.uint8)
    for value in values.tolist():
        flat = np.full((16, 16, 3), value, np.uint8)
        assert (squared(flat, 8, light="linear") == value).all()
