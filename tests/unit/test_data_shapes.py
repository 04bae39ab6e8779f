"""Portrait and landscape lose their ends alike: what is round stays round, the middle stays, and no axis is swapped."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.data.decode import decode
from pipeline.data.prepare import Preparation
from pipeline.data.sources.source import RawImage
from pipeline.images.png import decode_png
from tests.unit.canonical_data import data_of

LONG, SHORT = 256, 64
RED, GREEN, BLUE, YELLOW, GREY, WHITE = (
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (90, 90, 90), (255, 255, 255),
)  # fmt: skip


def picture(width: int, height: int) -> Image.Image:
    """A circle in the middle, and a colour in each corner of the whole, and of the square in the middle."""
    image = Image.new("RGB", (width, height), GREY)
    draw = ImageDraw.Draw(image)
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    for box in ((0, 0, width, height), (left, top, left + side, top + side)):
        corners = [
            (box[0], box[1], RED),
            (box[2] - 8, box[1], GREEN),
            (box[0], box[3] - 8, BLUE),
            (box[2] - 8, box[3] - 8, YELLOW),
        ]
        for x, y, colour in corners:
            draw.rectangle((x, y, x + 7, y + 7), fill=colour)
    draw.ellipse((width // 2 - 20, height // 2 - 20, width // 2 + 19, height // 2 + 19), fill=WHITE)
    return image


def squared(image: Image.Image, tmp_path, **data) -> np.ndarray:
    file = BytesIO()
    image.save(file, "PNG")
    preparation = Preparation(data_of("auto", **{"size": 64, "channels": 3, **data}), tmp_path)
    content = preparation.prepared(RawImage("a", file.getvalue()))["png"]
    assert isinstance(content, bytes)
    return decode_png(content, 3)


def extent_of_white(pixels: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero((pixels > 200).all(axis=2))
    return int(columns.min()), int(columns.max()), int(rows.min()), int(rows.max())


@pytest.mark.parametrize(("width", "height"), [(LONG, SHORT), (SHORT, LONG)])
def test_crop_keeps_the_middle_with_its_corners(tmp_path, width, height):
    found = squared(picture(width, height), tmp_path)
    assert [tuple(found[y, x].tolist()) for y, x in ((3, 3), (3, 60), (60, 3), (60, 60))] == [RED, GREEN, BLUE, YELLOW]
    assert extent_of_white(found) == (12, 51, 12, 51)


@pytest.mark.parametrize(("width", "height"), [(LONG, SHORT), (SHORT, LONG)])
@pytest.mark.parametrize("size", [16, 32])
def test_circles_stay_round_when_made_smaller(tmp_path, width, height, size):
    left, right, top, bottom = extent_of_white(squared(picture(width, height), tmp_path, size=size))
    assert right - left == bottom - top
    assert left == top == size - 1 - right


@pytest.mark.parametrize(("width", "height"), [(LONG, SHORT), (SHORT, LONG)])
def test_pad_keeps_all_corners_and_the_circle_round(tmp_path, width, height):
    found = squared(picture(width, height), tmp_path, fit="pad", background="black", resample="area", size=128)
    margin = (128 - 32) // 2
    rows, columns = (slice(margin, -margin), slice(None)) if width > height else (slice(None), slice(margin, -margin))
    inner = found[rows, columns]
    assert inner.shape[:2] == (128 * height // LONG, 128 * width // LONG)
    corners = [tuple(inner[y, x].tolist()) for y, x in ((1, 1), (1, -2), (-2, 1), (-2, -2))]
    assert corners == [RED, GREEN, BLUE, YELLOW]
    left, right, top, bottom = extent_of_white(found)
    assert right - left == bottom - top == 19


def test_lines_finer_than_the_square_become_their_mean(tmp_path):
    """Without antialiasing every eighth line alone would be seen: all black, or all white."""
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    for resample in ("lanczos", "area"):
        found = squared(Image.fromarray(stripes), tmp_path, resample=resample)
        assert np.abs(found[:, 2:-2].astype(int) - 127).max() <= 2


def test_a_picture_that_lies_on_its_side_is_cropped_upright(tmp_path):
    upright = picture(SHORT, LONG)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(file, "PNG", exif=exif)
    assert decode(file.getvalue(), WHITE).picture.size == (SHORT, LONG)
    preparation = Preparation(data_of("auto", size=64, channels=3), tmp_path)
    content = preparation.prepared(RawImage("a", file.getvalue()))["png"]
    assert isinstance(content, bytes)
    assert np.array_equal(decode_png(content, 3), squared(upright, tmp_path))
