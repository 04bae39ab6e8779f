"""Shards read back; what is damaged is an error of one kind that says why."""

import io
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.sampling.manifest import FittedFilter
from pipeline.sampling.shards.readers import DamagedShardError, ShardReader
from pipeline.store.local import LocalFolder
from tests.unit.tiny import SHARD_SIZE, GeneratedDataset

FILES = pytest.mark.parametrize("ending", [".parquet", ".tar"])


@FILES
def test_records_are_read_in_order(generated: GeneratedDataset, ending: str) -> None:
    stored = ShardReader(LocalFolder(generated.out), generated.manifest).read(f"data/train-000001{ending}")
    assert stored.indices.tolist() == list(range(12, 24))
    assert [stored.label(row) for row in range(SHARD_SIZE)] == [index % 3 for index in range(12, 24)]


def test_both_formats_hold_the_same_images(generated: GeneratedDataset) -> None:
    reader = ShardReader(LocalFolder(generated.out), generated.manifest)
    first, second = (
        reader.decode(reader.read(f"data/train-000002{ending}").contents) for ending in (".parquet", ".tar")
    )
    np.testing.assert_array_equal(first, second)
    assert first.shape == (6, 6, 6, 1)


@FILES
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "noise"])
def test_a_damaged_file_is_an_error_that_says_why(generated: GeneratedDataset, ending: str, damage: str) -> None:
    path: Path = generated.out / "data" / f"train-000001{ending}"
    whole = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 3 + 100], "noise": b"\x07" * 3000}[damage])
    with pytest.raises(DamagedShardError) as caught:
        ShardReader(LocalFolder(generated.out), generated.manifest).read(f"data/{path.name}")
    assert str(caught.value)


def test_no_image_is_decoded_to_an_empty_array(generated: GeneratedDataset) -> None:
    assert ShardReader(LocalFolder(generated.out), generated.manifest).decode([]).shape == (0, 6, 6, 1)


@dataclass(frozen=True)
class InMemory(LocalFolder):
    """A folder with one file's content for every name."""

    content: bytes

    def read(self, name: str) -> bytes:  # noqa: ARG002
        """Return the very object each time, so that it can be seen who else holds it."""
        return self.content


@pytest.mark.parametrize("filters", [[], [FittedFilter(kind="density_ratio")]], ids=["its own", "another dataset's"])
def test_no_thread_holds_a_shard_after_it_was_read(generated: GeneratedDataset, filters: list[FittedFilter]) -> None:
    """A thread of pyarrow that lets go of it while the interpreter ends would abort the process ("terminate called")."""
    folder = InMemory(generated.out, (generated.out / "data/train-000001.parquet").read_bytes())
    reader = ShardReader(folder, generated.manifest.model_copy(update={"filters": filters}))
    holders = []
    for _ in range(100):
        try:
            reader.read("data/train-000001.parquet")
        except DamagedShardError as error:
            assert "schema" in str(error)  # noqa: PT017
        holders.append(sys.getrefcount(folder.content))
    assert set(holders) == {holders[0]}


# Hostile files -------------------------------------------------------------------------------------------------------


def refusal_of_tar(
    generated: GeneratedDataset, change: Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes]]
) -> str:
    """What is said of the second shard's tar after every member went through `change`."""
    path = generated.out / "data" / "train-000001.tar"
    with tarfile.open(path) as tar:
        members = [(member, tar.extractfile(member).read()) for member in tar]
    path.unlink()
    with tarfile.open(path, "w") as tar:
        for member, content in (change(*given) for given in members):
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    with pytest.raises(DamagedShardError) as caught:
        ShardReader(LocalFolder(generated.out), generated.manifest).read("data/train-000001.tar")
    return str(caught.value)


def named(name: str) -> Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes]]:
    """Gives the first record's image another name."""

    def change(member: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
        if member.name == "000000012.png":
            member.name = name
        return member, content

    return change


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("000000012.webp", "unexpected member"),
        ("../../000000012.png", "unexpected member"),
        ("9" * 30 + ".png", "unexpected member"),
        ("000000012.json", "there twice"),
        ("000000099.png", "lacks"),
    ],
)
def test_a_member_of_a_strange_name_is_refused(generated: GeneratedDataset, name: str, said: str) -> None:
    assert said in refusal_of_tar(generated, named(name))


def test_links_are_refused(generated: GeneratedDataset) -> None:
    def link(member: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
        if not member.name.endswith(".png"):
            return member, content
        member.type, member.linkname = tarfile.SYMTYPE, member.name
        return member, b""

    assert "unexpected member" in refusal_of_tar(generated, link)


def test_a_sparse_member_is_refused_before_it_is_unpacked(generated: GeneratedDataset, tmp_path: Path) -> None:
    sparse = tmp_path / "000000012.png"
    with sparse.open("wb") as file:
        file.truncate(1 << 34)
    path = generated.out / "data" / "train-000001.tar"
    path.unlink()
    subprocess.run(["tar", "--sparse", "-C", tmp_path, "-cf", path, sparse.name], check=True)
    assert path.stat().st_size < 100_000
    with pytest.raises(DamagedShardError, match="unexpected member"):
        ShardReader(LocalFolder(generated.out), generated.manifest).read("data/train-000001.tar")


@pytest.mark.parametrize(
    ("ending", "content", "said"),
    [
        (".cls", b"9" * 30, "outside the classes"),
        (".cls", b"owl", "invalid literal"),
        (".json", b"[]", "JSON of record"),
        (".json", b'{"index": 0, "label": 0, "class": "cat", "logit": 1}', "JSON of record"),
        (".json", b"{", "Expecting"),
    ],
)
def test_what_a_tar_says_of_a_record_is_checked(
    generated: GeneratedDataset, ending: str, content: bytes, said: str
) -> None:
    assert said in refusal_of_tar(
        generated, lambda member, old: (member, content if member.name.endswith(ending) else old)
    )


def rewritten(generated: GeneratedDataset, change: Callable[[pa.Table], pa.Table], **options: Any) -> str:
    """What is said of the second shard's Parquet file after `change`."""
    path = generated.out / "data" / "train-000001.parquet"
    table = change(pq.read_table(path))
    path.unlink()
    pq.write_table(table, path, **{"compression": "none", "use_dictionary": False, **options})
    with pytest.raises(DamagedShardError) as caught:
        ShardReader(LocalFolder(generated.out), generated.manifest).read("data/train-000001.parquet")
    return str(caught.value)


@pytest.mark.parametrize("column", ["image", "label", "index", "logit"])
def test_nulls_are_refused(generated: GeneratedDataset, column: str) -> None:
    def without_values(table: pa.Table) -> pa.Table:
        place = table.schema.get_field_index(column)
        return table.set_column(
            place, table.schema.field(column), pa.nulls(len(table), table.schema.field(column).type)
        )

    assert "null" in rewritten(generated, without_values)


@pytest.mark.parametrize("options", [{"compression": "zstd"}, {"use_dictionary": True}], ids=str)
def test_compressed_parquet_is_refused_before_it_is_unpacked(
    generated: GeneratedDataset, options: dict[str, Any]
) -> None:
    assert "compressed" in rewritten(generated, lambda table: table, **options)


def test_a_column_too_many_is_refused(generated: GeneratedDataset) -> None:
    assert "schema" in rewritten(generated, lambda table: table.append_column("extra", table["index"]))
