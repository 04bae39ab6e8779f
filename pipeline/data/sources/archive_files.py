"""List ZIP and tar files from any origin without trust, and read them member by member."""

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, cast

from pipeline.base.errors import UserError
from pipeline.data.decode import LARGEST_FILE
from pipeline.data.sources.archive_members import LONGEST_NAME, Members, Span, refusal
from pipeline.data.sources.bounded import Bounded
from pipeline.data.sources.walk import NO_FILE
from pipeline.store.folder import Entry

# An archive may promise so many times its own size, beyond the first GiB: images hardly shrink, bombs do by thousands.
LARGEST_RATIO = 200
SMALL_TOTAL = 1 << 30
LARGEST_DIRECTORY = 256 << 20  # bytes of a ZIP archive's table of contents, of two million members
LARGEST_TAR_HEADER = 1 << 20  # bytes of a long name or of attributes
MOST_MEMBERS = 5_000_000
XZ_MEMORY = 256 << 20  # bytes: four times what `xz -9` takes
NOT_SUPPORTED = "kept in a way that is not supported"
BLOCK = 1 << 20
_LOCAL_HEADER = 30
_STORED, _DEFLATED, _BZIP2 = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2
_ENCRYPTED = 1
_UTF8 = 0x800
_UNIX, _DOS, _WINDOWS = 3, 0, 10


def list_zip(file: BinaryIO, where: str) -> Members:
    """Return the members of a ZIP archive; `where` names the archive in errors."""
    members = Members(where)
    try:
        archive = zipfile.ZipFile(cast(BinaryIO, Bounded(file, LARGEST_DIRECTORY)))
        infos = archive.infolist()
        _require_bounds(where, len(infos), sum(info.file_size for info in infos), file.seek(0, 2))
        _require_apart(infos, where)
        for info in infos:
            _add_zipped(members, info, file, where)
    except UserError:
        raise
    except Exception as error:  # what damage makes of the numbers in an archive raises errors of nearly every kind
        raise _damaged(where, "ZIP", error) from None
    return members


def _require_bounds(where: str, count: int, total: int, packed: int) -> None:
    if count > MOST_MEMBERS:
        raise refusal(where, f"it has {count:,} members, more than {MOST_MEMBERS:,}")
    if total > max(SMALL_TOTAL, LARGEST_RATIO * packed):
        raise refusal(
            where, f"its {packed:,} bytes would unpack to {total:,}, more than {LARGEST_RATIO} times as many (a bomb)"
        )


def _require_apart(infos: list[zipfile.ZipInfo], where: str) -> None:
    """Refuse members that share their bytes, since a small archive of such members unpacks to any size."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise refusal(where, f"its member {info.filename[:LONGEST_NAME]!r} lies over another one")
        end = info.header_offset + _LOCAL_HEADER + info.compress_size


def _add_zipped(members: Members, info: zipfile.ZipInfo, file: BinaryIO, where: str) -> None:
    name = _name_in_zip(info)
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == _UNIX else 0
    span = Span(info.header_offset, info.compress_size, info.file_size, info.compress_type, info.CRC, True)
    if name.endswith("/") or kind == stat.S_IFDIR:
        members.add_folder(name)
    elif info.flag_bits & _ENCRYPTED:
        raise UserError(
            f"data.source.path: {where}: is encrypted ({name}). Unpack it with its password, and point path at the folder."
        )
    elif kind == stat.S_IFLNK:
        target = read_member(file, span) if info.file_size <= LONGEST_NAME else None
        if target is None:
            raise refusal(where, f"the link {name!r} cannot be read")
        members.add_link(name, target.decode(errors="surrogateescape"))
    elif kind not in (0, stat.S_IFREG):
        raise refusal(where, f"its member {name!r} is a device or the like")
    elif info.compress_type not in (_STORED, _DEFLATED, _BZIP2):
        members.leave_out(name, NOT_SUPPORTED)
    else:
        members.add_file(name, Entry(info.file_size, 0.0, f"{info.CRC:08x}"), span)


def _name_in_zip(info: zipfile.ZipInfo) -> str:
    """Return a member's name as it was meant.

    macOS writes UTF-8 without saying so, and programs of Windows may write backslashes.
    """
    name = info.orig_filename
    if not info.flag_bits & _UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode()
    return name.replace("\\", "/") if info.create_system in (_DOS, _WINDOWS) else name


def list_tar(file: BinaryIO, where: str, identity: str) -> tuple[Members, list[str]]:
    """Return the members of an uncompressed tar archive, and warnings about it.

    `where` names the archive in errors. `identity` differs where the archive does, since its headers say nothing of the
    content of a member.
    """
    members = Members(where)
    try:
        end = file.seek(0, 2)
        file.seek(0)
        archive = tarfile.open(fileobj=cast(BinaryIO, Bounded(file, LARGEST_TAR_HEADER)), mode="r:")  # noqa: SIM115
        count = 0
        while (info := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep all of them
            count += 1
            if info.size < 0 or info.offset_data + (info.size if info.isreg() and not info.issparse() else 0) > end:
                raise EOFError(f"{info.name[:LONGEST_NAME]!r} ends behind it")
            _require_bounds(where, count, 0, end)
            _add_tarred(members, info, identity, where)
        file.seek(archive.offset)
        block = file.read(tarfile.BLOCKSIZE)
        if block.strip(b"\0") or 0 < len(block) < tarfile.BLOCKSIZE:
            raise EOFError(f"no header of a member at byte {archive.offset:,}")
    except UserError:
        raise
    except Exception as error:  # as above
        raise _damaged(where, "tar", error) from None
    return members, [] if block else ["The archive has no mark of its end: it may have been cut off there."]


def _add_tarred(members: Members, info: tarfile.TarInfo, identity: str, where: str) -> None:
    if info.issym():
        members.add_link(info.name, info.linkname)
    elif info.islnk():
        members.add_link(info.name, info.linkname, hard=True)
    elif info.isdir():
        members.add_folder(info.name)
    elif info.isdev():
        raise refusal(where, f"its member {info.name!r} is a device or the like")
    elif info.issparse():
        members.leave_out(info.name, NOT_SUPPORTED)
    elif info.isreg():
        content = f"{identity} {info.offset_data}"
        members.add_file(info.name, Entry(info.size, 0.0, content), Span(info.offset_data, info.size, info.size))
    else:
        members.leave_out(info.name, NO_FILE)


def read_member(file: BinaryIO, span: Span) -> bytes | None:
    """Return the content of a member; None where it is not what the archive says that it is."""
    if span.size > LARGEST_FILE or span.packed > LARGEST_FILE:
        return None
    try:
        file.seek(span.start)
        if span.behind_header:
            header = file.read(_LOCAL_HEADER)
            if len(header) < _LOCAL_HEADER or not header.startswith(b"PK\3\4"):
                return None
            name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
            file.seek(span.start + _LOCAL_HEADER + name + extra)
        packed = file.read(span.packed)
        if len(packed) < span.packed:
            return None
        if span.method == _DEFLATED:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, span.size + 1)
        elif span.method == _BZIP2:
            content = bz2.BZ2Decompressor().decompress(packed, span.size + 1)
        else:
            content = packed
    except (OSError, zlib.error, EOFError, ValueError):
        return None
    whole = len(content) == span.size and span.checksum in (None, zlib.crc32(content))
    return content if whole else None


def unpacked(file: BinaryIO, kind: str, where: str, block_size: int = BLOCK) -> Iterator[bytes]:
    """Yield the blocks of a compressed file, and refuse it once they are too many for its size.

    `kind` is the kind of the file as `kind_of` names it.
    """
    packed = file.seek(0, 2)
    file.seek(0)
    total = 0
    try:
        for block in _blocks(file, kind, block_size):
            total += len(block)
            _require_bounds(where, 0, total, packed)
            yield block
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise _damaged(where, "compressed tar", error) from None


def _blocks(file: BinaryIO, kind: str, block_size: int) -> Iterator[bytes]:
    if kind == "an xz file":
        yield from _from_xz(file, block_size)
        return
    with gzip.GzipFile(fileobj=file) if kind == "a gzip file" else bz2.BZ2File(file) as opened:
        while block := opened.read(block_size):
            yield block


def _from_xz(file: BinaryIO, block_size: int) -> Iterator[bytes]:
    """Yield the blocks of an xz file within a limit of memory.

    Python's own reader takes as much memory as the file asks for.
    """
    rest = file.read(BLOCK)
    while rest:
        decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, XZ_MEMORY)
        while not decoder.eof:
            if decoder.needs_input and not rest and not (rest := file.read(BLOCK)):
                raise EOFError("it ends before its mark of the end")
            yield decoder.decompress(rest, block_size)
            rest = b""
        rest = (decoder.unused_data or file.read(BLOCK)).lstrip(b"\0")


def _damaged(where: str, kind: str, error: Exception) -> UserError:
    return UserError(
        f"data.source.path: {where}: truncated or damaged {kind} archive ({error or type(error).__name__}). Get it again."
    )
