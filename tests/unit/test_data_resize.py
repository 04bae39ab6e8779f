"""Pictures of any shape become squares in the way that was asked for."""

import numpy as np
import pytest
from PIL import Image

from pipeline.data.decode import UnusableError
from pipeline.data.resize import square
from tests.unit.canonical_data import data_of

WIDE = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)


def squared(pixels: np.ndarray, size: int = 8, **data) -> np.ndarray:
    return square(Image.fromarray(pixels), data_of("auto", size=size, **data))


def test_an_image_of_the_right_size_is_left_as_it_is():
    assert np.array_equal(squared(WIDE[:, :16], 16), WIDE[:, :16])


@pytest.mark.parametrize(("resample", "kernel"), [("lanczos", "LANCZOS"), ("area", "BOX"), ("nearest", "NEAREST")])
def test_crop_takes_the_largest_square_in_the_middle_whichever_side_is_longer(resample, kernel):
    expected = np.asarray(Image.fromarray(WIDE[:, 4:20]).resize((8, 8), Image.Resampling[kernel]))
    assert np.array_equal(squared(WIDE, resample=resample), expected)
    upright = np.ascontiguousarray(WIDE.transpose(1, 0, 2))
    expected = np.asarray(Image.fromarray(upright[4:20]).resize((8, 8), Image.Resampling[kernel]))
    assert np.array_equal(squared(upright, resample=resample), expected)


@pytest.mark.parametrize("upright", [False, True])
def test_a_circle_in_the_middle_stays_round_and_where_it_was(upright):
    """StudioGAN#57: 256 by 64 px with a circle in the middle, red above and blue below it, and corners of other colours."""
    y, x = np.mgrid[:64, :256]
    pixels = np.where((y < 32)[..., None], (200, 0, 0), (0, 0, 200)).astype(np.uint8)
    pixels[:, :16], pixels[:, -16:] = (0, 200, 0), (200, 200, 0)
    pixels[np.hypot(y - 31.5, x - 127.5) < 24] = 255
    if upright:
        pixels = np.ascontiguousarray(np.rot90(pixels))
    found = squared(pixels, 32).astype(int)
    white = found.min(axis=2) > 127
    rows, columns = np.nonzero(white.any(axis=1))[0], np.nonzero(white.any(axis=0))[0]
    assert (rows[0], rows[-1]) == (columns[0], columns[-1]) == (4, 27)  # 24 of 32 px, in the middle
    assert abs(white.sum() - np.pi * 12**2) < 10
    assert max(found[[0, -1], :, 1].max(), found[:, [0, -1], 1].max()) < 10  # nothing of the corners
    red, blue = (found[:4], found[-4:]) if not upright else (found[:, :4], found[:, -4:])
    assert (red[..., 0] > 150).all()
    assert (blue[..., 2] > 150).all()


def test_pad_keeps_all_of_it_on_the_background():
    found = squared(WIDE, 16, fit="pad", background="#010203", resample="area")
    assert (found[:2] == (1, 2, 3)).all()
    assert (found[13:] == (1, 2, 3)).all()
    assert np.array_equal(found[2:13], np.asarray(Image.fromarray(WIDE).resize((16, 11), Image.Resampling.BOX)))


def test_grey_images_stay_grey_when_padded_but_for_a_coloured_background():
    grey = WIDE[..., 0]
    found = squared(grey, 16, fit="pad", background="black")
    assert found.shape == (16, 16, 1)
    assert not found[:2].any()
    found = squared(grey, 16, fit="pad", background="#ff0000")
    assert (found[:2] == (255, 0, 0)).all()
    assert (found[2:13] == found[2:13, :, :1]).all()


def test_stretch_pulls_it_to_a_square():
    expected = Image.fromarray(WIDE).resize((8, 8), Image.Resampling.LANCZOS)
    assert np.array_equal(squared(WIDE, fit="stretch"), np.asarray(expected))


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_small_images_are_enlarged_or_refused(fit):
    assert squared(WIDE[:7], fit=fit, too_small="enlarge").shape == (8, 8, 3)
    assert squared(WIDE[:8], fit=fit, too_small="refuse").shape == (8, 8, 3)
    with pytest.raises(UnusableError, match="too small: a side of fewer than 8 px"):
        squared(WIDE[:7], fit=fit, too_small="refuse")


def test_flat_colours_stay_what_they_are():
    for value in range(0, 256, 15):
        assert (squared(np.full((13, 17, 3), value, np.uint8)) == value).all()
