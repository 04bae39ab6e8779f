"""A file that a hostile archive makes its reader ask too much of."""

from io import BytesIO

import pytest

from pipeline.data.sources.bounded import Bounded


@pytest.mark.parametrize("size", [4, 1 << 60, -1])
def test_no_more_than_the_bound_is_handed_out(size):
    assert Bounded(BytesIO(b"1234"), 4).read(size) == b"1234"
    with pytest.raises(ValueError, match="more than 4 bytes"):
        Bounded(BytesIO(b"12345678"), 4).read(size if size != 4 else 5)


def test_it_reads_where_it_was_sent():
    file = Bounded(BytesIO(b"12345678"), 4)
    file.seek(6)
    assert (file.read(4), file.tell()) == (b"78", 8)
