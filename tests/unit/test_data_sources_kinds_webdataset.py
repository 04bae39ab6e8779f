"""WebDataset shards are read as the library writes them; what is no whole sample is named, and never half of one is taken."""

import gzip
import io
import json
import pickle
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import webdataset
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.base.errors import UserError
from pipeline.config.schema import Data
from pipeline.config.sources import Source
from pipeline.data.sources import list_source
from pipeline.data.sources.kinds import webdataset as module
from pipeline.data.sources.kinds.webdataset import KIND as WEBDATASET
from pipeline.data.sources.kinds.webdataset import NO_SHARD
from pipeline.data.sources.layout import NO_IMAGE_INSIDE
from pipeline.data.sources.location import locate
from pipeline.data.sources.shard_samples import (
    CUT_OFF,
    NO_CAPTION_KIND,
    NO_LABEL_KIND,
    NOT_JSON,
    NOT_TEXT,
    SEVERAL,
    TWICE,
    WITHOUT_IMAGE,
)
from pipeline.data.sources.source import Listing, RawImage, Request
from pipeline.data.sources.tar_members import CUT, DEVICE, LINK, OUTSIDE
from pipeline.sampling.records import Records
from pipeline.sampling.shards.formats import as_webdataset


def png(number: int) -> bytes:
    made = io.BytesIO()
    Image.fromarray(np.random.default_rng(number).integers(0, 256, (4, 5, 3), np.uint8)).save(made, "PNG")
    return made.getvalue()


def tar_of(*files: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for file in files:
            if isinstance(file, tarfile.TarInfo):
                tar.addfile(file)
                continue
            entry = tarfile.TarInfo(file[0])
            entry.size = len(file[1])
            tar.addfile(entry, io.BytesIO(file[1]))
    return made.getvalue()


def request_of(path: Path, label: str | list[str] | None = None, text: str = "auto") -> Request:
    source = Source(path=str(path), label=label)
    return Request(locate(str(path), None, path, lambda _: None), source, text, path, lambda _: None)


def listed(path: Path, label: str | list[str] | None = None, text: str = "auto") -> Listing:
    return WEBDATASET.list_images(request_of(path, label, text))


def images_of(listing: Listing) -> list[RawImage]:
    return [image for part in listing.parts for image in pickle.loads(pickle.dumps(part)).images()]


def read(folder: Path, *files: tuple[str, bytes] | tarfile.TarInfo, packed: bool = False, **fields) -> list[RawImage]:
    content = tar_of(*files)
    (folder / "x.tar").write_bytes(gzip.compress(content) if packed else content)
    return images_of(listed(folder / "x.tar", **fields))


def facts(images: list[RawImage]) -> list[tuple[str, str | None, str | None, str | None]]:
    return [(image.name.removeprefix("x.tar/"), image.label, image.text, image.reason) for image in images]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three shards that the library wrote, the last one short."""
    with webdataset.ShardWriter(str(tmp_path / "s-%03d.tar"), maxcount=4, verbose=0) as writer:
        for number in range(10):
            writer.write(
                {
                    "__key__": f"{number:04}",
                    "png": png(number),
                    "cls": number % 3,
                    "txt": f"ä {number}",
                    "json": {"a": 1},
                }
            )
    return tmp_path


def test_samples_are_those_that_the_library_reads(folder):
    shards = [str(path) for path in sorted(folder.glob("*.tar"))]
    dataset = webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8").to_tuple("__key__", "png", "cls", "txt")
    found = images_of(listed(folder))
    assert [image.name for image in found] == [f"s-{number // 4:03}.tar/{number:04}.png" for number in range(10)]
    for image, (key, pixels, label, text) in zip(found, dataset, strict=True):
        assert key in image.name
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(image.content))), pixels)
        assert (image.label, image.text) == (str(label), text)


@pytest.mark.parametrize("packed", [False, True])
def test_members_that_are_not_neighbours_make_one_sample(tmp_path, packed):
    files = [
        (f"{number}.{ending}", content)
        for ending in ("cls", "png")
        for number, content in enumerate(map(png, range(5)))
    ]
    files = [(name, b"c" + name[:1].encode() if name.endswith("cls") else content) for name, content in files]
    found = read(tmp_path, *files[::-1], packed=packed)
    assert facts(found) == [(f"{number}.png", f"c{number}", None, None) for number in (4, 3, 2, 1, 0)]
    assert [image.content for image in found] == [png(number) for number in (4, 3, 2, 1, 0)]


def test_the_key_ends_at_the_first_dot_of_the_base_name(tmp_path):
    found = read(
        tmp_path, ("v1.0/a.cls", b"1"), ("v1.0/a.PNG", png(0)), ("./b.jpg", png(1)), ("b.cls", b"2"), ("c.seg.png", png(2)), ("c.png", png(3)), ("c.cls", b"3"),
    )  # fmt: skip
    assert facts(found) == [
        ("v1.0/a.PNG", "1", None, None), ("b.jpg", "2", None, None), ("c.seg.png", None, None, SEVERAL), ("c.png", "3", None, None),
    ]  # fmt: skip


def test_images_with_dots_in_their_names_are_told_apart_by_what_is_beside_them(tmp_path):
    found = read(
        tmp_path,
        ("1-s2.0-A-b.png", png(0)), ("1-s2.0-A-b.json", b'{"label": 1}'), ("1-s2.0-B.png", png(1)), ("1-s2.0-B.json", b'{"label": 2}'),
        ("2-s2.0-C.png", png(2)), ("2-s2.0-C.json", b'{"label": 3}'),
        ("3.left.png", png(3)), ("3.right.png", png(4)), ("3.cls", b"4"),
    )  # fmt: skip
    assert facts(found) == [
        ("1-s2.0-A-b.png", "1", None, None), ("1-s2.0-B.png", "2", None, None), ("2-s2.0-C.png", "3", None, None),
        ("3.left.png", None, None, SEVERAL), ("3.right.png", None, None, SEVERAL),
    ]  # fmt: skip


def entry_of(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([entry_of("d", tarfile.DIRTYPE)], [("d", None, None, NO_IMAGE_INSIDE)]),
        ([("b.png", b"x"), entry_of("b.cls", tarfile.SYMTYPE, "a.cls")], [("b.png", None, None, LINK)]),
        ([entry_of("b.png", tarfile.LNKTYPE, "a.png"), ("b.cls", b"1")], [("b.png", None, None, LINK)]),
        ([("b.png", b"x"), entry_of("b.cls", tarfile.FIFOTYPE)], [("b.png", None, None, DEVICE)]),
        ([("../b.png", b"x"), ("../b.cls", b"1")], [("../b.png", None, None, OUTSIDE)]),
        ([("/b.png", b"x"), ("/b.cls", b"1")], [("/b.png", None, None, OUTSIDE)]),
        ([("b.png", b"x"), ("b.cls", b"1")] * 2, [("b.png", None, None, TWICE)] * 2),
        ([("b.png", b"x"), ("b.cls", b"1"), ("b.cls", b"2")], [("b.png", None, None, TWICE)]),
        ([("b.png", b"x")], [("b.png", None, None, None)]),
        ([("b.cls", b"1"), ("b.json", b"{}")], [("b.cls", None, None, WITHOUT_IMAGE)]),
        ([("b.png", b"x"), ("b.json", b'{"label": ')], [("b.png", None, None, NOT_JSON)]),
        ([("b.png", b"x"), ("b.json", b"[" * 100_000)], [("b.png", None, None, NOT_JSON)]),
        ([("b.png", b"x"), ("b.json", b'{"label": [1]}')], [("b.png", None, None, NO_LABEL_KIND)]),
        ([("b.png", b"x"), ("b.cls", b"9" * 5000)], [("b.png", None, None, NO_LABEL_KIND)]),
        ([("b.png", b"x"), ("b.txt", b"\xff\xfe")], [("b.png", None, None, NOT_TEXT)]),
        ([("._b.png", b"x"), ("README", b"x"), ("b.npy", b"x")], [
            ("b.npy", None, None, NO_IMAGE_INSIDE), ("._b.png", None, None, NO_IMAGE_INSIDE), ("README", None, None, NO_IMAGE_INSIDE),
        ]),
    ],
)  # fmt: skip
def test_what_is_no_whole_sample_is_named_and_costs_no_other(tmp_path, files, expected):
    found = read(tmp_path, ("a.png", png(0)), ("a.cls", b"good"), *files, ("z.png", png(1)), ("z.cls", b"good"))
    good = [image for image in found if image.label == "good"]
    assert [(image.name, image.reason) for image in good] == [("x.tar/a.png", None), ("x.tar/z.png", None)]
    assert facts([image for image in found if image not in good]) == expected


@pytest.mark.parametrize(
    ("files", "label"),
    [
        ({"cls": b"01\n"}, "01"),
        ({"cls": b"\xef\xbb\xbfdog"}, "dog"),
        ({"cls": b" "}, None),
        ({"cls": b"3", "json": b'{"label": 3, "class": "Coat"}'}, "Coat"),
        ({"cls": b"3", "json": b'{"class": "Coat"}'}, "3"),
        ({"json": b'{"label": null, "class": "Coat"}'}, "Coat"),
        ({"json": b'{"label": "Coat"}'}, "Coat"),
        ({"json": b'{"label": 2.0}'}, "2"),
        ({"json": b'{"label": true}'}, "True"),
        ({"json": b'{"label": null}'}, None),
        ({"json": b"[1, 2]"}, None),
        ({}, None),
    ],
)
def test_the_class_is_in_cls_or_json(tmp_path, files, label):
    found = read(tmp_path, ("a.png", png(0)), *((f"a.{ending}", content) for ending, content in files.items()))
    assert facts(found) == [("a.png", label, None, None)]


ABOUT = {"species": "cat", "sex": 1, "alt": "a cat", "text": "other", "none": None, "many": ["x"]}


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("species", ("cat", None)),
        (["species", "sex"], ("cat + 1", None)),
        ("cls", ("7", None)),
        ("none", (None, None)),
        ("colour", (None, "it has no colour, which data.source.label names")),
        (["species", "none"], (None, None)),
    ],
)
def test_the_class_is_in_the_fields_that_the_config_names(tmp_path, label, expected):
    files = [("a.png", png(0)), ("a.cls", b"7"), ("a.json", json.dumps(ABOUT).encode())]
    (image,) = read(tmp_path, *files, label=label)
    assert (image.label, image.reason) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto", ("beside", None)),
        ("none", (None, None)),
        ("alt", ("a cat", None)),
        ("none ", (None, "it has no none , which data.text names")),
        ("many", (None, NO_CAPTION_KIND)),
    ],
)
def test_the_caption_is_where_the_config_says(tmp_path, text, expected):
    files = [("a.png", png(0)), ("a.txt", b"beside\n"), ("a.json", json.dumps(ABOUT).encode())]
    (image,) = read(tmp_path, *files, text=text)
    assert (image.text, image.reason) == expected


@pytest.mark.parametrize(
    "files", [{"caption": b"seen"}, {"json": b'{"text": "seen"}'}, {"json": b'{"caption": "seen", "text": ""}'}]
)
def test_captions_are_found(tmp_path, files):
    found = read(tmp_path, ("a.png", png(0)), *((f"a.{ending}", content) for ending, content in files.items()))
    assert facts(found) == [("a.png", None, "seen", None)]


def test_a_field_that_is_null_in_the_first_samples_is_read_in_the_later_ones(tmp_path):
    values = [None, None, "late"]
    files = [(f"{n}.{ending}", png(n) if ending == "png" else json.dumps({"label": 1, "caption": value}).encode())
             for n, value in enumerate(values) for ending in ("png", "json")]  # fmt: skip
    assert facts(read(tmp_path, *files)) == [(f"{n}.png", "1", value, None) for n, value in enumerate(values)]


TWENTY = tar_of(
    *(
        (f"{number}.{ending}", content)
        for number in range(20)
        for ending, content in (("png", png(number)), ("cls", b"1"))
    )
)


@pytest.mark.parametrize("packed", [False, True])
@given(cut=st.floats(0.1, 0.999))
@settings(max_examples=40)
def test_of_a_shard_that_is_cut_off_whole_samples_are_kept_and_the_cut_is_named(tmp_path_factory, packed, cut):
    path = tmp_path_factory.getbasetemp() / "x.tar"
    content = TWENTY.rstrip(b"\0")
    content = gzip.compress(content, mtime=0) if packed else content
    path.write_bytes(content[: int(cut * len(content))])
    found = images_of(listed(path))
    whole = [image for image in found if image.reason is None]
    assert [image.content for image in whole] == [png(number) for number in range(len(whole))]
    assert {image.label for image in whole} <= {"1"}
    assert [image.reason for image in found[len(whole) :]] in ([CUT_OFF, CUT], [CUT])
    assert found[-1].name == "x.tar"
    assert (0 if packed else cut * 20 - 3) <= len(whole) < 20  # a packed file is cut by blocks of many images


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["train-0.tar", "val-0.tar", "test-0.tar"], ["train", "validation", "holdout"]),
        (["data/train_0.tar", "data/test_0.tar"], ["train", "holdout"]),
        (["train/0.tar", "test/0.tar"], ["train", "holdout"]),
        (["train-0.tar", "test-0.tar", "extra-0.tar"], ["train"] * 3),
        (["test-0.tar", "val-0.tar"], ["train"] * 2),
        (["trainer-0.tar", "testing-0.tar"], ["train"] * 2),
    ],
)
def test_shards_are_of_a_split_only_where_every_one_says_so(tmp_path, names, splits):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(tar_of(("a.png", png(0)), ("a.cls", b"1")))
    listing = listed(tmp_path)
    assert {image.name.rpartition("/")[0]: image.split for image in images_of(listing)} == dict(
        zip(names, splits, strict=True)
    )
    assert set(listing.splits) == set(splits)
    odd = {"extra-0.tar": "extra-0.tar stands beside them", "val-0.tar": "there is no train beside them"}
    expected = [why for name, why in odd.items() if name == names[-1] and set(splits) == {"train"}]
    assert [warning.partition(": ")[2] for warning in listing.warnings] == [f"{why}." for why in expected]


def test_parts_of_a_large_shard_have_each_sample_once(tmp_path, monkeypatch):
    files = [
        (f"{number}.{ending}", content)
        for number in range(30)
        for ending, content in (("cls", b"1"), ("png", png(number)))
    ]
    whole = read(tmp_path, *files, ("odd", b""))
    monkeypatch.setattr(module, "PART_BYTES", 4000)
    listing = listed(tmp_path / "x.tar")
    assert len(listing.parts) > 5
    assert len({part.identity for part in listing.parts}) == len(listing.parts)
    assert sorted(images_of(listing), key=lambda image: image.name) == sorted(whole, key=lambda image: image.name)
    assert max(len(list(part.images())) for part in listing.parts) < 6


def test_a_shard_changes_its_own_parts_alone_and_the_fields_change_all(folder):
    def identities(**fields) -> list[str]:
        return [part.identity for part in listed(folder, **fields).parts]

    before = identities()
    (folder / "s-001.tar").write_bytes(tar_of(("a.png", png(0)), ("a.cls", b"1")))
    assert [old == new for old, new in zip(before, identities(), strict=True)] == [True, False, True]
    assert not set(identities()) & set(identities(label="a"))
    assert not set(identities()) & set(identities(text="none"))


def test_one_image_is_in_memory_at_a_time(tmp_path):
    (tmp_path / "x.tar").write_bytes(
        tar_of(*((f"{number}.{ending}", bytes(1 << 20)) for number in range(16) for ending in ("png", "npy")))
    )
    (part,) = listed(tmp_path / "x.tar").parts
    tracemalloc.start()
    try:
        assert sum(len(image.content) for image in part.images()) == 16 << 20
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_what_lies_beside_the_shards_is_told(folder):
    (folder / "README.md").write_text("x")
    (folder / ".hidden.tar").write_text("x")
    assert WEBDATASET.recognises(request_of(folder).location)
    assert dict(listed(folder).left_out).keys() == {"README.md", ".hidden.tar"}
    assert ("README.md", NO_SHARD) in listed(folder).left_out


@pytest.mark.parametrize(
    ("files", "recognised"),
    [
        ([("a.png", b"x"), ("a.cls", b"1")], True),
        ([("a.png", b"x"), ("a.txt", b"1"), ("b.txt", b"1"), ("b.png", b"1"), ("c.png", b"")], True),
        ([("cat/a.png", b"x"), ("dog/b.png", b"1")], False),
        ([("cat/a.png", b"x"), ("cat/a.json", b"x"), ("cat/b.png", b"1"), ("dog/c.png", b"")], False),
        ([("a.png", b"x"), ("dataset.json", b"1")], False),
        ([("a.txt", b"x")], False),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_tar_of_samples_is_told_from_one_of_an_image_folder(tmp_path, files, recognised, packed):
    content = tar_of(*files)
    (tmp_path / "x.tar").write_bytes(gzip.compress(content) if packed else content)
    assert WEBDATASET.recognises(request_of(tmp_path / "x.tar").location) == recognised
    assert WEBDATASET.recognises(request_of(tmp_path).location) == recognised
    (tmp_path / "other.png").write_bytes(b"x")
    assert not WEBDATASET.recognises(request_of(tmp_path).location)


def test_another_place_is_refused_with_what_is_wanted(tmp_path):
    (tmp_path / "a.png").write_bytes(png(0))
    for path, found in ((tmp_path / "a.png", "is a PNG image"), (tmp_path, "has no file that ends in .tar")):
        with pytest.raises(UserError, match=f"{found}.*wants tar shards with members KEY"):
            listed(path)


def test_our_own_shards_are_a_source(tmp_path):
    classes = ["Trouser", "Coat"]
    records = Records(
        images=np.zeros((3, 4, 5, 3), np.uint8), labels=np.array([0, 1, 0]), indices=np.arange(3), logits=np.zeros(3, np.float32), attempts=None,
    )  # fmt: skip
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "shard-000000.tar").write_bytes(
        as_webdataset(records, [png(n) for n in range(3)], classes, ".png")
    )
    for name in ("manifest.json", "README.md", "data/wids.json"):
        (tmp_path / name).write_text("{}")
    kind, listing = list_source(Data(source=Source(path=str(tmp_path)), size=8), tmp_path, lambda _: None)
    found = images_of(listing)
    assert kind == "webdataset"
    assert [(image.label, image.content) for image in found] == [(classes[n % 2], png(n)) for n in range(3)]
