"""Archives from anywhere: what is hostile or damaged is refused with one message, before anything is written."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile

import pytest

from pipeline.base.errors import UserError
from pipeline.data.sources import archive_files
from pipeline.data.sources.archive_files import list_tar, list_zip, read_member, unpacked
from pipeline.data.sources.kinds.zip import KIND as ARCHIVE
from tests.unit.image_trees import listed

IMAGE = b"P5 2 2 255 abcd"


def zipped(*members, **options):
    """A ZIP archive; members are names or ZipInfo, with their content."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file


def zip_member(name, mode, system=3):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = system, mode << 16
    return info


def tarred(*members, form=tarfile.GNU_FORMAT):
    """A tar archive; members are (name, content) or a dict of what a header says."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for member in members:
            if isinstance(member, dict):
                info = tarfile.TarInfo()
                vars_of = {key: value for key, value in member.items() if key != "content"}
                for key, value in vars_of.items():
                    setattr(info, key, value)
                archive.addfile(info, io.BytesIO(member.get("content", b"")))
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return file


def names(members):
    return list(members.listed()[0])


@pytest.mark.parametrize(
    "name", ["/etc/a.png", "../a.png", "cat/../../a.png", "C:\\a.png", "cat\\..\\..\\a.png", "d/" * 70 + "a"]
)
def test_names_that_lead_out_are_refused(tmp_path, name):
    for number, file in enumerate((zipped(("b.png", IMAGE), (name, IMAGE)), tarred(("b.png", IMAGE), (name, IMAGE)))):
        (tmp_path / str(number)).write_bytes(file.getvalue())
        (tmp_path / f"{number}.gz").write_bytes(gzip.compress(file.getvalue()))
    for archive in ("0", "1", "1.gz"):
        with pytest.raises(UserError, match=r"absolute path|leads out of it|no file could have") as refused:
            listed(tmp_path / archive, ARCHIVE)
        assert "\n" not in str(refused.value)
        assert str(tmp_path / archive) in str(refused.value)
    assert [file for file in (tmp_path / "downloads").rglob("*") if file.is_file()] == []


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "x/../../outside", "C:\\x"])
def test_links_that_lead_out_are_refused(target):
    with pytest.raises(UserError, match=r"the link 'l.png' leads out of it"):
        list_zip(zipped((zip_member("l.png", 0o120777), target)), "a.zip")
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        with pytest.raises(UserError, match=r"the link 'l.png' leads out of it"):
            list_tar(tarred({"name": "l.png", "type": kind, "linkname": target}), "a.tar", "")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_are_refused(kind):
    with pytest.raises(UserError, match=r"a\.tar: its member 'd\.png' is a device or the like\. Nothing of it was"):
        list_tar(tarred({"name": "d.png", "type": kind}), "a.tar", "")
    with pytest.raises(UserError, match="is a device or the like"):
        list_zip(zipped((zip_member("d.png", 0o020666), b"")), "a.zip")


def test_bombs_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_files, "SMALL_TOTAL", 1 << 20)
    packed = zipped(("a.png", bytes(3 << 20)), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match=r"would unpack to 3,145,728, more than 200 times as many \(a bomb\)"):
        list_zip(packed, "a.zip")
    for compress in (gzip.compress, bz2.compress, lzma.compress):
        (tmp_path / "bomb").write_bytes(compress(tarred(("a.png", bytes(3 << 20))).getvalue()))
        with pytest.raises(UserError, match="a bomb"):
            listed(tmp_path / "bomb", ARCHIVE)
        assert [file for file in (tmp_path / "downloads").rglob("*") if file.is_file()] == []


def test_members_that_share_their_bytes_are_refused():
    content = zipped(("a.png", IMAGE), ("b.png", IMAGE)).getvalue()
    second = content.rindex(b"PK\1\2")
    offset = second + 42  # of the local header
    shared = content[:offset] + struct.pack("<L", 0) + content[offset + 4 :]
    with pytest.raises(UserError, match="lies over another one"):
        list_zip(io.BytesIO(shared), "a.zip")


def test_too_many_members_are_refused(monkeypatch):
    monkeypatch.setattr(archive_files, "MOST_MEMBERS", 2)
    three = [(f"{number}.png", IMAGE) for number in range(3)]
    for archive in (lambda: list_zip(zipped(*three), "a"), lambda: list_tar(tarred(*three), "a", "")):
        with pytest.raises(UserError, match="it has 3 members, more than 2"):
            archive()


def test_a_header_that_asks_for_memory_is_refused(monkeypatch):
    monkeypatch.setattr(archive_files, "LARGEST_TAR_HEADER", 10_000)
    monkeypatch.setattr(archive_files, "LARGEST_DIRECTORY", 10_000)
    with pytest.raises(UserError, match="more than 10,000 bytes of names"):
        list_tar(tarred({"name": "a.png", "pax_headers": {"comment": "x" * 20_000}}, form=tarfile.PAX_FORMAT), "a", "")
    with pytest.raises(UserError, match="more than 10,000 bytes of names"):
        list_zip(zipped(*((f"{number}.png", b"") for number in range(300))), "a")


def test_encrypted_archives_say_what_to_do():
    content = bytearray(zipped(("a.png", IMAGE)).getvalue())
    content[content.index(b"PK\1\2") + 8] |= 1
    with pytest.raises(UserError, match=r"is encrypted \(a\.png\)\. Unpack it with its password"):
        list_zip(io.BytesIO(content), "a.zip")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.75])
def test_truncated_archives_give_one_message(tmp_path, kept):
    members = [(f"cat/{number}.png", IMAGE * 100) for number in range(20)]
    tar = tarred(*members).getvalue()
    for file in (zipped(*members).getvalue(), tar, gzip.compress(tar), lzma.compress(tar), bz2.compress(tar)):
        (tmp_path / "cut").write_bytes(file[: int(len(file) * kept)])
        with pytest.raises(UserError, match=r"truncated or damaged|which wants a ZIP or tar") as refused:
            listed(tmp_path / "cut", ARCHIVE)
        assert "\n" not in str(refused.value)


def test_a_tar_that_is_cut_between_members_is_told_of():
    content = tarred(("a.png", IMAGE), ("b.png", IMAGE)).getvalue()
    members, warnings = list_tar(io.BytesIO(content[:2048]), "a.tar", "")
    assert names(members) == ["a.png", "b.png"]
    assert warnings == ["The archive has no mark of its end: it may have been cut off there."]
    assert list_tar(io.BytesIO(content), "a.tar", "")[1] == []


def test_a_damaged_header_in_the_middle_of_a_tar_is_no_end():
    content = bytearray(tarred(("a.png", IMAGE), ("b.png", IMAGE)).getvalue())
    content[1024:1030] = b"damage"
    with pytest.raises(UserError, match="truncated or damaged tar archive"):
        list_tar(io.BytesIO(content), "a.tar", "")


def test_names_are_read_as_they_were_meant():
    plain = zipped(("cat/ä.png", IMAGE)).getvalue()
    flags = [plain.index(b"PK\3\4") + 7, plain.index(b"PK\1\2") + 9]
    without_utf8 = bytearray(plain)
    for at in flags:
        without_utf8[at] &= ~8
    assert names(list_zip(io.BytesIO(without_utf8), "a")) == ["cat/ä.png"]  # as macOS writes it
    assert names(list_zip(zipped((zip_member("cat\\b.png", 0, system=0), IMAGE)), "a")) == ["cat/b.png"]
    assert names(list_zip(zipped(("./cat//b.png", IMAGE)), "a")) == ["cat/b.png"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_members_are_read_whole_or_not_at_all(method):
    file = zipped(("a.png", IMAGE * 50), ("b.png", b""), compression=method)
    _, spans, _ = list_zip(file, "a").listed()
    assert [read_member(file, span) for span in spans.values()] == [IMAGE * 50, b""]
    content = bytearray(file.getvalue())
    content[45] ^= 255
    assert read_member(io.BytesIO(content), spans["a.png"]) is None
    assert read_member(io.BytesIO(content[:50]), spans["a.png"]) is None
    assert read_member(io.BytesIO(content[:10]), spans["a.png"]) is None


def test_other_ways_of_keeping_a_member_are_told_of():
    members = list_zip(zipped(("a.png", IMAGE), compression=zipfile.ZIP_LZMA), "a")
    assert members.listed()[2] == [("a.png", "kept in a way that is not supported")]


def test_xz_files_of_several_streams_are_whole(monkeypatch):
    monkeypatch.setattr(archive_files, "BLOCK", 1000)
    content = bytes(range(256)) * 40
    packed = lzma.compress(content[:5000]) + bytes(4) + lzma.compress(content[5000:])
    assert b"".join(unpacked(io.BytesIO(packed), "an xz file", "a")) == content
    with pytest.raises(UserError, match="truncated or damaged"):
        list(unpacked(io.BytesIO(packed[:-20]), "an xz file", "a"))
