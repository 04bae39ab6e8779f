"""Pickles of arrays and plain containers are read as pickle reads them; one that wants more is refused, and nothing of it runs."""

import builtins
import os
import pickle
import tracemalloc
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.sources.pickled import PickleRefusedError, load_pickle

CONTENT = {
    "data": np.arange(24, dtype=np.uint8).reshape(4, 6),
    "labels": [0, 3, 255, 70_000],
    "filenames": ["a.png", "ä.png"],
    "more": (1.5, None, True, False, -1, {"deep": []}, b"bytes", 1 << 70),
}


def load(content: bytes):
    return load_pickle(BytesIO(content), len(content))


def refusal(content: bytes) -> str:
    with pytest.raises(PickleRefusedError) as caught:
        load(content)
    return str(caught.value)


def of_python_2(data: np.ndarray, keys: str = "data") -> bytes:
    """What Python 2 and NumPy 1 write: text is bytes, and an array's content is one of these."""

    def text(value: bytes) -> bytes:
        return b"T" + len(value).to_bytes(4, "little") + value

    return b"".join((
        b"\x80\x02}q\x01(", text(keys.encode()), b"q\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85",
        text(b"b"), b"\x87R(K\x01", *(b"J" + side.to_bytes(4, "little") for side in data.shape), b"\x86cnumpy\ndtype\n",
        text(b"u1"), b"K\x00K\x01\x87R(K\x03", text(b"|"), b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89", text(data.tobytes()),
        b"tbU\x06labels]q\x05(K\x00K\x07eu.",
    ))  # fmt: skip


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_pickle_writes_is_read_as_pickle_reads_it(protocol, order):
    written = {**CONTENT, "data": np.asarray(CONTENT["data"], order=order)}
    found = load(pickle.dumps(written, protocol))
    assert np.array_equal(found.pop("data"), CONTENT["data"])
    assert found == {key: value for key, value in CONTENT.items() if key != "data"}


def test_what_python_2_wrote_is_read_as_pickle_reads_it():
    content = of_python_2(np.arange(200, 230, dtype=np.uint8).reshape(5, 6))
    expected = pickle.loads(content, encoding="bytes")
    found = load(content)
    assert np.array_equal(found["data"], expected[b"data"])
    assert found["labels"] == expected[b"labels"] == [0, 7]


def test_the_module_names_of_numpy_1_are_those_of_numpy_2():
    content = pickle.dumps(CONTENT, 0)
    assert b"numpy._core" in content
    assert np.array_equal(load(content.replace(b"numpy._core", b"numpy.core"))["data"], CONTENT["data"])


class Calls:
    """An object whose pickle calls `function` when pickle reads it."""

    def __init__(self, function, *arguments) -> None:
        self._called = (function, arguments)

    def __reduce__(self):
        return self._called


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    ("function", "name"), [(os.system, "posix.system"), (builtins.eval, "eval"), (np.load, "numpy.*load")]
)
def test_a_pickle_that_calls_something_is_refused_and_does_not_run(tmp_path, function, name, protocol):
    made = tmp_path / "made"
    argument = f"touch {made}" if function is os.system else f"open({str(made)!r}, 'w')"
    content = pickle.dumps({"data": Calls(function, argument)}, protocol)
    with pytest.raises(PickleRefusedError, match=f"it wants '.*{name}', where arrays and plain containers are allowed"):
        load(content)
    assert not made.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cnumpy.f2py.crackfortran\ngetlincoef\n(S'1'\n(dtR.", r"it wants 'numpy\.f2py\.crackfortran\.getlincoef'"),
        (b"cnumpy.testing._private.utils\nrunstring\n(S'1'\n(dtR.", "it wants 'numpy.testing"),
        (b"cnumpy.core.multiarray\nscalar\n.", "it wants 'numpy.core.multiarray.scalar'"),
        (b"\x80\x04\x8c\x05numpy\x8c\x0bndarray.sum\x93.", "it wants 'numpy.ndarray.sum'"),
        (b"(ios\nsystem\n.", "it uses INST"),
        (b"\x80\x02P1\n.", "it uses PERSID|damaged"),
        (b"\x80\x02]\x82\x01.", "it uses EXT1"),
        (b"\x80\x02cnumpy\nndarray\n)\x81.", "it uses NEWOBJ"),
        (b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR.", r"an array of 'O8', where bytes \('u1'\) are expected"),
        (b"c_codecs\nencode\n(S'a'\nS'rot13'\ntR.", r"it calls _codecs\.encode in a way that is not expected"),
    ],
    ids=["f2py", "runstring", "scalar", "attribute", "inst", "persistent", "extension", "newobj", "objects", "codec"],
)  # fmt: skip
def test_gadgets_are_refused(content, message):
    with pytest.raises(PickleRefusedError, match=message):
        load(content)


BOMBS = {
    "a text that claims 2 GiB": b"\x80\x02T\xff\xff\xff\x7fshort.",
    "bytes that claim 4 EiB": b"\x80\x04\x8e" + (1 << 62).to_bytes(8, "little") + b"short.",
    "a byte array that claims 1 TiB": b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b"short.",
    "a number of 2 GiB": b"\x80\x02\x8b\xff\xff\xff\x7f1.",
    "a memo at a place far out": b"\x80\x02]r\xff\xff\xff\x7f.",
    "an array of 2**60": b"cnumpy.core.multiarray\n_reconstruct\n(tR(I1\n(I1152921504606846976\ntcnumpy\ndtype\n(S'u1'\ntRI00\nS''\ntb.",
    "tuples that take for ever to hash": b"\x80\x02})" + b"q\x01h\x01\x86" * 200 + b"K\x01s.",
    "a number of many digits": b"I" + b"9" * 100_000 + b"\n.",
    "no end": b"\x80\x02}",
    "an empty stack": b".",
    "no mark": b"\x80\x02]]e.",
    "itself": b"\x80\x02]q\x01h\x01a.",
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_bombs_are_refused_without_taking_memory(content):
    tracemalloc.start()
    try:
        refusal(content)
        assert tracemalloc.get_traced_memory()[1] < 5 << 20
    finally:
        tracemalloc.stop()


def test_a_pickle_of_too_many_steps_or_bytes_is_refused(monkeypatch):
    monkeypatch.setattr("pipeline.data.sources.pickled.LARGEST_STEPS", 50)
    assert refusal(b"\x80\x02" + b"]" * 60 + b".") == "it has more than 50 steps"
    with pytest.raises(PickleRefusedError, match="it has more than 256 MiB"):
        load_pickle(BytesIO(b""), 1 << 40)


def test_an_array_of_objects_or_numbers_is_refused():
    assert "it has an array of 'O8'" in refusal(pickle.dumps({"data": np.array([None])}))
    assert "it has an array of 'f8'" in refusal(pickle.dumps({"data": np.zeros(3)}, 2))


WHOLE = pickle.dumps(CONTENT, 2)


@given(place=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255), cut=st.integers(0, len(WHOLE)))
def test_a_changed_pickle_is_read_or_refused(place, byte, cut):
    for content in (WHOLE[:place] + bytes([byte]) + WHOLE[place + 1 :], WHOLE[:cut]):
        try:
            assert isinstance(load(content), dict)
        except PickleRefusedError:
            assert content != WHOLE
