"""PNG files: every pixel comes back, in our reader and in others, and what is damaged is refused."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from pipeline.data.png import decode_png, encode_png

IMAGES = st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3])).flatmap(
    lambda shape: arrays(np.uint8, shape)
)


def some_images(count: int, channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, channels), np.uint8)


@given(image=IMAGES)
@settings(deadline=None)
def test_png_gives_back_every_pixel(image):
    assert np.array_equal(decode_png(encode_png(image), image.shape[2]), image)


@given(image=IMAGES)
@settings(deadline=None)
def test_pillow_which_checks_every_digest_reads_the_same_pixels(image):
    with Image.open(io.BytesIO(encode_png(image))) as opened:
        opened.verify()
    with Image.open(io.BytesIO(encode_png(image))) as opened:
        assert opened.mode == ("L" if image.shape[2] == 1 else "RGB")
        assert np.array_equal(np.asarray(opened).reshape(image.shape), image)


def test_colours_are_red_green_blue_for_other_readers():
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    blue_green_red = cv2.imdecode(np.frombuffer(encode_png(red), np.uint8), cv2.IMREAD_COLOR)
    assert blue_green_red[0, 0].tolist() == [0, 0, 255]


def test_equal_pixels_give_equal_png_bytes_whatever_their_place_in_memory():
    images = some_images(4, 3)
    assert encode_png(images[2]) == encode_png(np.asfortranarray(images)[2])


CONTENT = encode_png(np.arange(256, dtype=np.uint8).reshape(16, 16, 1))


@pytest.mark.parametrize("content", [b"", b"junk", CONTENT[:40], CONTENT[: len(CONTENT) // 2]])
def test_damaged_png_is_a_value_error(content):
    with pytest.raises(ValueError, match="not a readable image"):
        decode_png(content, 1)
