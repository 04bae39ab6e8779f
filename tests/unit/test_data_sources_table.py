"""A table of any format comes in as texts, exactly as they are written; damage is named by file and line."""

import json
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.base.errors import UserError
from pipeline.data.sources import table as module
from pipeline.data.sources.table import Table, class_names, read_table
from tests.unit.canonical_data import huggingface


def read(content: bytes | str, name: str = "t.csv") -> Table:
    return read_table(BytesIO(content.encode() if isinstance(content, str) else content), name, f"photos/{name}")


def cells(content: bytes | str, name: str = "t.csv") -> dict[str, list[str | None]]:
    return read(content, name).cells.to_pydict()


def as_parquet(table: pa.Table) -> bytes:
    sink = BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


@pytest.mark.parametrize(("name", "sign"), [("t.csv", ","), ("T.CSV", ";"), ("t.tsv", "\t"), ("t.csv", "\t")])
def test_bom_crlf_and_quotes_are_no_part_of_the_cells(name, sign):
    content = f'\ufefffile_name{sign} label \r\n00123{sign}"a ""b"""\r\n123{sign}"two\r\nlines"\r\n\r\nx{sign}\r\n'
    assert cells(content, name) == {
        "file_name": ["00123", "123", "x"],
        "label": ['a "b"', "two\r\nlines", None],
    }


def test_every_cell_stays_as_it_is_written():
    written = ["00123", "1.50", "NA", "null", "2020-01-01", "True", "1e5", "-0"]
    assert cells("x\n" + "\n".join(written))["x"] == written
    lines = [json.dumps({"x": text}) for text in written]
    assert cells("\n".join(lines), "t.jsonl")["x"] == written
    assert cells(as_parquet(pa.table({"x": written})), "t.parquet")["x"] == written


def test_numbers_of_json_are_not_rounded_and_what_is_missing_is_empty():
    content = '\ufeff{"a": 12345678901234567890, "b": 1.50}\n\n{"a": true, "c": ["x"]}\r\n{"a": null, "b": ""}\n'
    assert cells(content, "t.jsonl") == {
        "a": ["12345678901234567890", "true", None],
        "b": ["1.50", None, None],
        "c": [None, '["x"]', None],
    }


def test_lines_are_those_of_the_file():
    assert read('a,b\n\n1,"2\n3"\n4,5\n').lines == [3, 5]
    assert read('{"a": 1}\n\n{"a": 2}\n', "t.jsonl").lines == [1, 3]
    assert read(as_parquet(pa.table({"a": ["x", "y"]})), "t.parquet").row_name(1) == "row 2"


def test_many_rows_keep_their_order_and_columns_that_come_late_are_there():
    rows = [{"a": str(number)} for number in range(12_000)]
    table = read("\n".join(map(json.dumps, [*rows, {"late": "x"}])), "t.jsonl")
    assert table.column("a")[:-1] == [row["a"] for row in rows]
    assert table.column("late")[-2:] == [None, "x"]


def test_parquet_gives_names_for_numbers_of_classes():
    schema = huggingface({"kind": {"names": ["cat", "dog"], "_type": "ClassLabel"}})
    table = pa.table({"kind": pa.array([1, 0, -1, None], pa.int64()), "n": [1, 2, 3, 4], "box": [[1], [2], [3], [4]]})
    content = as_parquet(table.replace_schema_metadata(schema))
    assert cells(content, "t.parquet") == {"kind": ["dog", "cat", None, None], "n": ["1", "2", "3", "4"]}
    packed = pa.table({"kind": pa.array(["x", "y", "x"]).dictionary_encode(), "ok": [True, False, None]})
    assert cells(as_parquet(packed), "t.parquet") == {"kind": ["x", "y", "x"], "ok": ["true", "false", None]}


@pytest.mark.parametrize("metadata", [b"", b"[]", b'{"info": null}', b'{"info": {"features": {"a": 1, "b": null}}}'])
def test_odd_metadata_names_no_classes(metadata):
    assert class_names(pa.schema([], metadata={"huggingface": metadata})) == {}


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("a,b\n1,2\n\n3\n", "t.csv", r"photos/t\.csv: line 4: has 1 cells, but the header has 2\."),
        ("a,b\n1,2\n3,4,5\n", "t.csv", r"t\.csv: line 3: has 3 cells"),
        ('a,b\n1,2\n3,"4\n5,6\n', "t.csv", r"t\.csv: line 3: a quote that is opened is never closed"),
        ('a,b\n1,"2"x\n', "t.csv", r"t\.csv: line 2: .*expected after"),
        (b"a,b\n1,2\n3,\xe4\n", "t.csv", r"t\.csv: line 3: is no UTF-8 text"),
        ("a,b".encode("utf-16"), "t.csv", r"t\.csv: line 1: is no UTF-8 text"),
        ("", "t.csv", "is empty"),
        ("a,a\n1,2\n", "t.csv", "more than one column 'a'"),
        ('{"a": 1}\n\n{"a": 1,}\n', "t.jsonl", r"t\.jsonl: line 3: is no JSON"),
        ("[1, 2]\n", "t.jsonl", r"t\.jsonl: line 1: is no object of columns"),
        ("[" * 100_000, "t.jsonl", r"line 1: is no JSON"),
        (b"PAR1 and more PAR1", "t.parquet", r"t\.parquet: is no Parquet file that can be read"),
    ],
)  # fmt: skip
def test_damage_is_named_by_file_and_line(content, name, message):
    with pytest.raises(UserError, match=message):
        read(content, name)


def test_a_label_beyond_the_classes_is_refused():
    metadata = huggingface({"kind": {"names": ["cat", "dog"], "_type": "ClassLabel"}})
    content = as_parquet(pa.table({"kind": [0, 2]}).replace_schema_metadata(metadata))
    with pytest.raises(UserError, match=r"t\.parquet: kind: holds a label that is not among the 2 classes"):
        read(content, "t.parquet")


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_rows_without_end_are_refused(monkeypatch, name):
    monkeypatch.setattr(module, "MOST_ROWS", 3)
    content = "a\n1\n2\n3\n4\n" if name == "t.csv" else as_parquet(pa.table({"a": ["x"] * 4}))
    with pytest.raises(UserError, match="more than 3 rows"):
        read(content, name)


SEEDS = {
    "t.csv": b'file_name,label\na.png,"x ""y"\r\n\nb.png,y\n',
    "t.jsonl": b'{"file_name": "a.png", "z": [null, {"q": "\\u00e9"}]}\n{"a": 1.50}\n',
    "t.parquet": as_parquet(pa.table({"file_name": ["a.png", "b.png"], "label": ["x", "y"], "n": [1, 2]})),
}


@given(st.sampled_from(sorted(SEEDS)), st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(max_size=3)), max_size=6))
@settings(deadline=None, max_examples=50)
def test_a_damaged_table_is_read_or_refused_and_breaks_nothing(name, changes):
    content = bytearray(SEEDS[name])
    for place, new in changes:
        content[place % len(content) : place % len(content) + len(new)] = new
    refusal = ""
    try:
        table = read(bytes(content), name)
    except UserError as error:
        refusal = str(error)
    else:
        assert {len(table.column(column)) for column in table.names} <= {len(table.cells)}
    assert refusal == "" or refusal.startswith(f"photos/{name}: ")


def test_text_of_parquet_that_is_no_utf_8_is_refused():
    content = as_parquet(pa.table({"a": ["x\u00e9"]})).replace("\u00e9".encode(), b"\xff\xff")
    with pytest.raises(UserError, match=r"t\.parquet: is no Parquet file that can be read"):
        read(content, "t.parquet")


def test_halves_of_characters_do_not_break_it():
    assert cells('{"a": "x\\ud800"}', "t.jsonl") == {"a": ["x?"]}
