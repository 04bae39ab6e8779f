"""Encodings: what goes in comes out, by our reader and by Pillow, and hostile content is refused."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from pipeline.images.encodings import encoding_named

LOSSLESS = ("png", "webp", "raw")
ALL = (*LOSSLESS, "jpeg")
IMAGES = st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3])).flatmap(
    lambda shape: arrays(np.uint8, shape)
)


def smooth(channels: int) -> NDArray[np.uint8]:
    """An image that JPEG takes well: a slope in each channel, of another direction each."""
    ramp = np.arange(0, 224, 7, dtype=np.uint8)
    slopes = [np.tile(ramp, (32, 1)), np.tile(ramp, (32, 1)).T, np.tile(ramp, (32, 1))[:, ::-1]]
    return np.stack(slopes[:channels], axis=2)


@pytest.mark.parametrize("name", LOSSLESS)
@given(image=IMAGES)
def test_lossless_encodings_keep_every_pixel(name: str, image: NDArray[np.uint8]) -> None:
    encoding = encoding_named(name)
    content = encoding.encode(image)
    np.testing.assert_array_equal(encoding.decode(content, image.shape[2]), image)
    opened = np.asarray(Image.open(io.BytesIO(content)).convert("RGB" if image.shape[2] == 3 else "L"))
    np.testing.assert_array_equal(opened.reshape(image.shape), image)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_near_and_nearer_with_a_higher_quality(channels: int) -> None:
    image = smooth(channels)
    errors = []
    for quality in (30, 95):
        encoding = encoding_named("jpeg", quality)
        stored = encoding.stored(image[None])[0]
        np.testing.assert_array_equal(stored, encoding.decode(encoding.encode(image), channels))
        errors.append(np.abs(stored.astype(int) - image).mean())
    assert errors[1] < errors[0]
    assert errors[1] < 4


def test_raw_pixels_stand_as_they_are_at_the_end() -> None:
    image = smooth(3)
    assert encoding_named("raw").encode(image).endswith(image.tobytes())


@pytest.mark.parametrize("name", ALL)
def test_equal_pixels_give_equal_bytes_however_they_lie(name: str) -> None:
    encoding = encoding_named(name)
    images = np.stack([smooth(3), smooth(3)[::-1]])
    assert encoding.encode(images[1]) == encoding.encode(np.asfortranarray(images)[1])


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("change", ["empty", "cut", "another kind"])
def test_damaged_or_foreign_content_is_refused(name: str, change: str) -> None:
    encoding = encoding_named(name)
    whole = encoding.encode(smooth(1))
    other = encoding_named("png" if name != "png" else "webp").encode(smooth(1))
    content = {"empty": b"", "cut": whole[:10], "another kind": other}[change]
    with pytest.raises(ValueError, match="not a readable image"):
        encoding.decode(content, 1)


@pytest.mark.parametrize("name", ["png", "webp", "raw"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_an_image_that_was_cut_short_is_refused(name: str, share: float) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 1), np.uint8)
    content = encoding_named(name).encode(image)
    with pytest.raises(ValueError, match="not a readable image"):
        encoding_named(name).decode(content[: int(share * len(content))], 1)


@pytest.mark.parametrize("content", [b"P6\n1 1\n255\nabc", b"P5\n1 1\n65535\nab"], ids=["colour", "16 bit"])
def test_pixels_of_another_kind_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="another kind"):
        encoding_named("raw").decode(content, 1)


@pytest.mark.parametrize("name", ["raw", "jpeg"])
def test_a_small_file_that_claims_to_be_huge_is_refused(name: str) -> None:
    if name == "raw":
        content = b"P5\n60000 60000\n255\n" + bytes(100)
    else:
        whole = encoding_named("jpeg").encode(smooth(1))
        start = whole.index(b"\xff\xc0") + 5  # height and width in the frame's header
        content = whole[:start] + (60_000).to_bytes(2) * 2 + whole[start + 4 :]
    with pytest.raises(ValueError, match=r"not a readable image|larger than"):
        encoding_named(name).decode(content, 1)


@pytest.mark.parametrize("name", ALL)
def test_damaged_content_is_refused_or_decoded_and_nothing_is_printed(name: str, capfd: pytest.CaptureFixture) -> None:
    encoding, random = encoding_named(name), np.random.default_rng(0)
    whole = encoding.encode(random.integers(0, 256, (12, 12, 3), np.uint8))
    cut = [whole[:length] for length in range(0, len(whole), 3)]
    changed = [whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :] for place in range(0, len(whole), 3)]
    refused = 0
    for content in cut + changed:
        try:
            encoding.decode(content, 3)
        except ValueError:
            refused += 1
    assert refused >= len(cut)
    assert capfd.readouterr() == ("", "")
