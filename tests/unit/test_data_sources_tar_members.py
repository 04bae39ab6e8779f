"""Tars are read as tarfile reads them; hostile and damaged ones end in words, at once, and without taking memory."""

import gzip
import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.sources import tar_members
from pipeline.data.sources.tar_members import (
    BOMB,
    CUT,
    DEVICE,
    LINK,
    OUTSIDE,
    BrokenTarError,
    Member,
    members,
    open_tar,
    read_member,
)
from pipeline.store.local import LocalFolder

FILES = {"a/b.png": b"x" * 700, "./c": b"", "ä" * 120: b"y" * 512, "d": b"z"}


def tar_of(*entries: tarfile.TarInfo, form: int = tarfile.PAX_FORMAT, **contents: bytes) -> bytes:
    """A tar of files, and of entries without content."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as tar:
        for entry in entries:
            tar.addfile(entry, io.BytesIO(bytes(entry.size)) if entry.isreg() else None)
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def entry_of(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", **headers: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.pax_headers = kind, target, headers
    return entry


def read(folder: Path, content: bytes) -> list[tuple[Member, bytes]]:
    (folder / "x").write_bytes(content)
    found = []
    with open_tar(LocalFolder(folder), "x") as file:
        for member in members(file, len(content)):
            found.append((member, read_member(file, member.offset, member.size)))
    return found


def why(folder: Path, content: bytes) -> str:
    with pytest.raises(BrokenTarError) as caught:
        read(folder, content)
    return str(caught.value)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_and_contents_are_those_of_tarfile(tmp_path, form, packed):
    files = {name: content for name, content in FILES.items() if form != tarfile.USTAR_FORMAT or len(name) < 100}
    content = tar_of(form=form, **files)
    found = read(tmp_path, gzip.compress(content) if packed else content)
    assert [(member.name, inner) for member, inner in found] == [
        (name.removeprefix("./"), inner) for name, inner in files.items()
    ]
    assert all(member.reason is None and not member.folder for member, _ in found)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (entry_of("/etc/passwd"), OUTSIDE),
        (entry_of("a/../../b"), OUTSIDE),
        (entry_of("a", tarfile.SYMTYPE, "b"), LINK),
        (entry_of("a", tarfile.LNKTYPE, "/etc/passwd"), LINK),
        (entry_of("a", tarfile.CHRTYPE), DEVICE),
        (entry_of("a", tarfile.FIFOTYPE), DEVICE),
        (entry_of("a", tarfile.DIRTYPE), None),
        (entry_of("a..b"), None),
    ],
)
def test_members_that_are_no_plain_files_within_have_a_reason(tmp_path, entry, reason):
    (first, _), (last, content) = read(tmp_path, tar_of(entry, last=b"good"))
    assert (first.reason, first.folder) == (reason, entry.isdir())
    assert (last.reason, content) == (None, b"good")


def test_a_name_that_is_no_text_is_spelt_out(tmp_path):
    content = tar_of(form=tarfile.GNU_FORMAT, **{"abc": b""}).replace(b"abc", b"a\xffc", 1)
    header = bytearray(content)
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 8 * 32 + sum(header[156:512]))
    ((member, _),) = read(tmp_path, bytes(header))
    assert member.name == "a\\xffc"


WHOLE = tar_of(**FILES)


@pytest.mark.parametrize("packed", [False, True])
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_tar_cut_anywhere_ends_in_words(tmp_path_factory, packed, share):
    content = gzip.compress(WHOLE, mtime=0) if packed else WHOLE.rstrip(b"\0")
    assert why(tmp_path_factory.getbasetemp(), content[: int(share * len(content))]) == CUT


@given(place=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255))
def test_a_changed_tar_is_read_or_ends_in_words(tmp_path_factory, place, byte):
    content = WHOLE[:place] + bytes([byte]) + WHOLE[place + 1 :]
    try:
        found = read(tmp_path_factory.getbasetemp(), content)
    except BrokenTarError:
        assert content != WHOLE
    else:
        assert len(found) <= len(FILES)


def header_of(name: str, kind: bytes, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.type, entry.size = kind, size
    return entry.tobuf(tarfile.GNU_FORMAT)


HOSTILE = {
    "a file of 1 TiB": header_of("a.png", tarfile.REGTYPE, 1 << 40),
    "a file of less than nothing": header_of("a.png", tarfile.REGTYPE, -512) * 2,
    "extended headers of 1 TiB": header_of("a", tarfile.XHDTYPE, 1 << 40),
    "extended headers of less than nothing": header_of("a", tarfile.XHDTYPE, -1024) * 2,
    "a long name of 1 TiB": header_of("a", tarfile.GNUTYPE_LONGNAME, 1 << 40),
    "headers of headers": (header_of("a", tarfile.XHDTYPE, 10) + b"9 size=1\n\0".ljust(512, b"\0")) * 3000,
    "a size in a header that leads back": tar_of(entry_of("a", size="-1536"), b=b""),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_headers_end_in_words_without_taking_memory(tmp_path, content, packed):
    content += bytes(8 << 20)
    content = gzip.compress(content, 1) if packed else content
    tracemalloc.start()
    try:
        assert why(tmp_path, content) in (CUT, BOMB)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_packed_tar_that_unpacks_to_far_more_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(tar_members, "LARGEST_UNPACKED", 1 << 20)
    content = gzip.compress(tar_of(**{"a": b"x", "b": bytes(4 << 20)}))
    assert 100 * len(content) < 4 << 20
    assert why(tmp_path, content) == BOMB


def test_what_is_no_tar_ends_in_words(tmp_path):
    for content in (b"", b"text" * 1000, gzip.compress(b"text" * 1000), b"\x1f\x8b"):
        assert why(tmp_path, content) == CUT
