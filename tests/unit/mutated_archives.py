"""Small sources of every packed kind, damaged in many ways: before they are packed, in their headers, and byte by byte."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.unit.canonical_data import huggingface
from tests.unit.idx_files import idx_images, idx_labels
from tests.unit.mutated_files import mutated

Files = dict[str, bytes]

NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
# Fields of a record in the table of contents of a ZIP archive, and of the record behind it: place and bytes.
CENTRAL = ((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (38, 4), (42, 4))
END = ((4, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2))
TYPES = b"\0" + b"01234567LKxgSDVMN"
BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True)
class Damaged:
    """A source to write into a folder; `target` is the file to point at, "" for the folder."""

    kind: str
    files: Files
    target: str

    def write(self, folder: Path) -> Path:
        for name, content in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder / self.target


def hostile_names(outside: Path) -> list[str]:
    """Names that lead to the folder `outside`, or that no file should have."""
    return [
        str(outside / "x.png"), f"../../{outside.name}/x.png", f"a/../../../{outside.name}/x.png", f"..\\..\\{outside.name}\\x.png",
        "C:\\x.png", "..", ".", "", "/", "a\0.png", "a/" * 80 + "x.png", "x" * 300 + ".png", "a/0.png/x.png", "\udcff.png", "~/x.png",
        "a\nb.png", "-rf", "CON", "\u202egnp.x", "metadata.csv", "dataset.json", "x.cls", "1.png",
    ]  # fmt: skip


@cache
def _images() -> tuple[bytes, ...]:
    """Files of six images that differ."""
    made = []
    for number, kind in enumerate(("PNG", "JPEG", "PNG", "GIF", "PNG", "BMP")):
        file = io.BytesIO()
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (9, 8, 3), np.uint8)).save(file, kind)
        made.append(file.getvalue())
    return tuple(made)


def _tree() -> Files:
    return {f"{'ab'[number % 2]}/{number}.png": content for number, content in enumerate(_images())}


def _stylegan() -> Files:
    files = {f"00000/{number}.png": content for number, content in enumerate(_images())}
    labels = [[name, number % 2] for number, name in enumerate(files)]
    return {**files, "dataset.json": json.dumps({"labels": labels}).encode()}


def _samples() -> Files:
    files = {}
    for number, content in enumerate(_images()):
        about = json.dumps({"label": number % 2, "caption": f"number {number}"}).encode()
        files |= {f"{number}.png": content, f"{number}.cls": b"%d" % (number % 2), f"{number}.json": about}
    return files


def _zipped(files: Files, rng: np.random.Generator, hostile: list[str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[rng.integers(2)]) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(_encodable(name)), content)
        if rng.random() < 0.1:
            link = zipfile.ZipInfo("a/link.png")
            link.create_system, link.external_attr = 3, 0o120777 << 16
            archive.writestr(link, _encodable(hostile[rng.integers(len(hostile))]))
    return made.getvalue()


def _tarred(files: Files, rng: np.random.Generator, hostile: list[str]) -> bytes:
    made = io.BytesIO()
    form = (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)[rng.integers(2)]
    with tarfile.open(fileobj=made, mode="w", format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        if rng.random() < 0.1:
            other = tarfile.TarInfo("a/other.png")
            other.type = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)[rng.integers(4)]
            other.linkname = hostile[rng.integers(len(hostile))]
            archive.addfile(other)
    return made.getvalue()


def _encodable(name: str) -> str:
    return name.encode(errors="replace").decode()


def _with_bad_member(files: Files, rng: np.random.Generator, hostile: list[str]) -> Files:
    """One file damaged, under a hostile name, under that of another, or missing."""
    names = list(files)
    name = names[rng.integers(len(names))]
    others = list(files.values())
    match rng.integers(4):
        case 0:
            return {**files, name: mutated(files[name], others, rng)}
        case 1:
            return {(hostile[rng.integers(len(hostile))] if each == name else each): files[each] for each in names}
        case 2:
            return {**files, name: files[names[rng.integers(len(names))]]}
        case _:
            return {each: content for each, content in files.items() if each != name}


def _with_bad_header(content: bytes, rng: np.random.Generator, hostile: list[str]) -> bytes:
    """A number, a type or a name in the headers of a ZIP or tar archive changed, with a checksum that fits."""
    damaged = bytearray(content)
    if content.startswith(b"PK"):
        mark, fields = ((b"PK\1\2", CENTRAL), (b"PK\5\6", END))[rng.integers(2)]
        places = [at for at in range(len(content)) if content.startswith(mark, at)]
        offset, size = fields[rng.integers(len(fields))]
        start = places[rng.integers(len(places))] + offset
        number = int(NUMBERS[rng.integers(len(NUMBERS))]) & (256**size - 1)
        damaged[start : start + size] = number.to_bytes(size, "little")
        return bytes(damaged)
    headers = [at for at in range(0, len(content) - BLOCK, BLOCK) if content[at + 257 : at + 262] == b"ustar"]
    start = headers[rng.integers(len(headers))]
    other = hostile[rng.integers(len(hostile))].encode(errors="surrogateescape")[:100].ljust(100, b"\0")
    match rng.integers(4):
        case 0:
            number = int(NUMBERS[rng.integers(len(NUMBERS))])
            sign = (b"\x80", b"\xff")[rng.integers(2)]
            sizes = (b"%011o\0" % number, sign + struct.pack(">3xQ", number << int(rng.integers(31))), b"12345678901x")
            damaged[start + 124 : start + 136] = sizes[rng.integers(3)]
        case 1:
            damaged[start + 156] = TYPES[rng.integers(len(TYPES))]
        case 2:
            damaged[start : start + 100] = other
        case 3:
            damaged[start + 157 : start + 257] = other
    damaged[start + 148 : start + 156] = b" " * 8
    damaged[start + 148 : start + 156] = b"%06o\0 " % sum(damaged[start : start + BLOCK])
    return bytes(damaged)


def _with_bad_blocks(content: bytes, rng: np.random.Generator) -> bytes:
    """Some blocks of 512 bytes removed, repeated or in another place."""
    blocks = [content[at : at + BLOCK] for at in range(0, len(content), BLOCK)]
    for _ in range(rng.integers(1, 4)):
        at, to = rng.integers(len(blocks), size=2).tolist()
        match rng.integers(3):
            case 0 if len(blocks) > 1:
                del blocks[at]
            case 1:
                blocks.insert(to, blocks[at])
            case 2:
                blocks[at], blocks[to] = blocks[to], blocks[at]
    return b"".join(blocks)


def _archive(
    kind: str, file: str, tree: Callable[[], Files], pack: Callable[[bytes], bytes] | None, rng: np.random.Generator, hostile: list[str]
) -> Damaged:  # fmt: skip
    files = tree()
    how = rng.integers(5)
    if how in (0, 4):
        files = _with_bad_member(files, rng, hostile)
    content = (_zipped if file.endswith(".zip") else _tarred)(files, rng, hostile)
    if how == 1:
        content = _with_bad_header(content, rng, hostile)
    if how == 2:
        content = _with_bad_blocks(content, rng)
    if how in (3, 4):
        content = mutated(content, [content], rng)
    if pack is not None:
        content = pack(content)
        content = mutated(content, [content], rng) if rng.random() < 0.3 else content
    return Damaged(kind, {file: content}, file)


def _idx(rng: np.random.Generator) -> Damaged:
    images = rng.integers(0, 256, (4, 8, 8), np.uint8)
    files = {
        f"{part}-{what}-ubyte": content
        for part in ("train", "t10k")
        for what, content in (("images-idx3", idx_images(images)), ("labels-idx1", idx_labels(np.arange(4))))
    }
    name = list(files)[rng.integers(4)]
    files[name] = mutated(files[name], list(files.values()), rng)
    packed = {f"{each}.gz": gzip.compress(content, 1) for each, content in files.items()}
    if rng.random() < 0.3:
        packed[f"{name}.gz"] = mutated(packed[f"{name}.gz"], list(packed.values()), rng)
    return Damaged("idx", packed, "")


def _cifar(rng: np.random.Generator) -> Damaged:
    pixels = rng.integers(0, 256, (2, 3072), np.uint8)
    batch = pickle.dumps({b"data": pixels, b"labels": [0, 1], b"filenames": [b"x", b"y"]}, int(rng.integers(2, 6)))
    meta = pickle.dumps({b"label_names": [b"cat", b"dog"]}, 2)
    files = {"data_batch_1": batch, "test_batch": batch, "batches.meta": meta}
    name = list(files)[rng.integers(3)]
    # What is not pixels is in the first bytes and the last.
    changed = mutated(files[name], list(files.values()), rng)
    if rng.random() < 0.5:
        changed = files[name][:-200] + mutated(files[name][-200:], list(files.values()), rng)
    return Damaged("cifar", {**files, name: changed}, "")


def _parquet(rng: np.random.Generator) -> Damaged:
    rows = {"image": [{"bytes": content, "path": None} for content in _images()], "label": [0, 1] * 3}
    about = huggingface({"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["ant", "zebra"]}})
    made = io.BytesIO()
    table = pa.table(rows).replace_schema_metadata(about)
    compression = ("none", "snappy", "zstd", "gzip")[rng.integers(4)]
    pq.write_table(table, made, row_group_size=3, compression=compression)
    content = made.getvalue()
    if rng.random() < 0.5:  # the footer, which is most of so small a file
        content = content[:-1200] + mutated(content[-1200:], [content], rng)
    else:
        content = mutated(content, [content], rng)
    return Damaged("parquet", {"train.parquet": content}, "train.parquet")


def _listing(rng: np.random.Generator, hostile: list[str]) -> Damaged:
    tree = _tree()
    names = [*tree, hostile[rng.integers(len(hostile))].encode(errors="replace").decode()]
    ending = ("csv", "tsv", "jsonl", "parquet")[rng.integers(4)]
    rows = [{"file_name": name, "label": name[:1], "text": f"of {name}"} for name in names[: rng.integers(1, 8)]]
    if ending == "jsonl":
        content = "\n".join(map(json.dumps, rows)).encode()
    elif ending == "parquet":
        made = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), made)
        content = made.getvalue()
    else:
        sign = "," if ending == "csv" else "\t"
        content = "\n".join([sign.join(rows[0]), *(sign.join(row.values()) for row in rows)]).encode()
    return Damaged("listing", {**tree, f"list.{ending}": mutated(content, [content], rng)}, f"list.{ending}")


def damaged_source(number: int, outside: Path) -> Damaged:
    """Return the source of that number; `outside` is where its hostile names lead."""
    rng, hostile = np.random.default_rng(number), hostile_names(outside)
    match number % 11:
        case 0 | 1:
            return _archive("zip", "set.zip", _tree, None, rng, hostile)
        case 2:
            return _archive("zip", "stylegan.zip", _stylegan, None, rng, hostile)
        case 3:
            return _archive("zip", "set.tar", _tree, None, rng, hostile)
        case 4:
            pack = (gzip.compress, bz2.compress, lzma.compress)[rng.integers(3)]
            return _archive("zip", "set.tar.gz", _tree, pack, rng, hostile)
        case 5 | 6:
            pack = gzip.compress if rng.random() < 0.3 else None
            return _archive("webdataset", "train-0.tar", _samples, pack, rng, hostile)
        case 7:
            return _idx(rng)
        case 8:
            return _cifar(rng)
        case 9:
            return _parquet(rng)
        case _:
            return _listing(rng, hostile)
