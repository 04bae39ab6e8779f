"""Test how records and images are handed to Pillow."""

import numpy as np
import pytest

from pipeline.library.images import Images, Record


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_images_are_handed_to_pillow_as_they_are(channels: int, mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 5, channels), np.uint8)
    images = Images(pixels, None, np.zeros(2, np.float32), None)
    record = Record(7, pixels[1], 0, "cat", 0.5, b"")
    assert len(images) == 2
    for picture, expected in [*zip(images.pil(), pixels, strict=True), (record.pil(), pixels[1])]:
        assert (picture.mode, picture.size) == (mode, (5, 4))
        np.testing.assert_array_equal(np.asarray(picture).reshape(expected.shape), expected)
