"""PNG files: every pixel comes back, in our reader and in others, and what is damaged is refused."""

import io
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from pipeline.images.png import LARGEST_IMAGE, decode_png, encode_png

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


def as_written_by_others(image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


@given(image=IMAGES)
@settings(deadline=None, max_examples=20)
def test_png_of_another_writer_is_read_too(image):
    foreign = as_written_by_others(Image.fromarray(image[..., 0] if image.shape[2] == 1 else image))
    assert np.array_equal(decode_png(foreign, image.shape[2]), image)


def test_a_grey_png_is_read_as_colour_where_that_is_wanted():
    image = some_images(1, 1)[0]
    assert np.array_equal(decode_png(encode_png(image), 3), image.repeat(3, axis=2))


@pytest.mark.parametrize("mode", ["P", "RGBA", "I;16"])
def test_png_of_another_kind_is_a_value_error(mode):
    with pytest.raises(ValueError, match="an image of another kind"):
        decode_png(as_written_by_others(Image.new(mode, (4, 4))), 3)


def test_png_that_claims_to_be_huge_is_a_value_error():
    side = int(LARGEST_IMAGE**0.5) + 1
    for start in (CONTENT[:16], as_written_by_others(Image.new("L", (16, 16)))[:16]):
        huge = start + side.to_bytes(4) * 2 + CONTENT[24:]
        with pytest.raises(ValueError, match=r"not a readable image|larger than"):
            decode_png(huge, 1)


FOREIGN = as_written_by_others(Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)), compress_level=0)


@pytest.mark.parametrize("whole", [CONTENT, FOREIGN], ids=["ours", "another writer's"])
def test_every_cut_and_every_damaged_byte_is_a_value_error_and_prints_nothing(whole, capfd):
    cut = [whole[:length] for length in range(len(whole))]
    changed = [whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :] for place in range(len(whole))]
    for content in cut + changed:
        with pytest.raises(ValueError, match=r"not a readable image|larger than|another kind"):
            decode_png(content, 1)
    assert capfd.readouterr() == ("", "")


def test_data_of_the_wrong_length_or_with_a_wrong_filter_is_a_value_error_that_prints_nothing(capfd):
    """Checksums are right: nothing but unpacking the pixels can find these."""
    good, data = encode_png(np.zeros((4, 4, 1), np.uint8)), b"\2" + bytes(4)
    for rows in (data * 3, data * 5, (b"\7" + bytes(4)) * 4):
        packed = zlib.compress(rows)
        chunk = b"IDAT" + packed
        content = good[:33] + len(packed).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4) + good[-12:]
        with pytest.raises(ValueError, match="not a readable image"):
            decode_png(content, 1)
    assert capfd.readouterr() == ("", "")
