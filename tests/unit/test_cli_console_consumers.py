"""What `imagemint` says to someone who has a dataset and perhaps not the model that made it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli import console
from pipeline.models.weights import DESCRIPTION
from pipeline.sampling.manifest import MANIFEST
from tests.unit.tiny import GeneratedDataset, flip_bit, save_tiny_pair

NONE = "holds none (`--model DIR` names another folder)"

Said = tuple[int, str, str]  # exit code, standard output, standard error


@pytest.fixture
def imagemint(
    generated: GeneratedDataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """The command, run in a folder that has the dataset as `out` and no models."""
    monkeypatch.chdir(generated.out.parent)

    def run(*arguments: str) -> Said:
        return (console.main(arguments), *capsys.readouterr())

    return run


def test_verify_without_the_model_checks_the_files_and_says_where_the_model_could_be(
    imagemint: Callable[..., Said], generated: GeneratedDataset
) -> None:
    digest = generated.manifest.model.digest[:16]
    code, said, complaint = imagemint("verify", "out")
    assert (code, complaint) == (0, "")
    assert said.splitlines() == [
        "out: 6 files with 30 records match the manifest",
        f"no record was generated again: the model {digest} is not here, models/tiny {NONE}",
        f"dataset {generated.manifest.dataset_id}",
    ]


def test_verify_says_what_it_passes_over(imagemint: Callable[..., Said], generated: GeneratedDataset) -> None:
    (generated.out / "data/.DS_Store").write_text("junk")
    code, said, _ = imagemint("verify", "out")
    assert code == 0
    assert "\nignored: data/.DS_Store (left by a desktop or an editor)\n" in said


def test_verify_without_the_model_finds_damage_all_the_same(
    imagemint: Callable[..., Said], generated: GeneratedDataset
) -> None:
    flip_bit(generated.out / "data/train-000001.tar")
    code, _, complaint = imagemint("verify", "out")
    assert code == 1
    assert "out: 1 problem\n  data/train-000001.tar: " in complaint


def test_a_missing_file_is_one_problem(imagemint: Callable[..., Said], generated: GeneratedDataset) -> None:
    for kind in ("tar", "parquet"):
        (generated.out / f"data/train-000001.{kind}").unlink()
    problems = json.loads(imagemint("verify", "out", "--json")[1])["problems"]
    assert sorted(problems) == [f"data/train-000001.{kind}: missing" for kind in ("parquet", "tar")]


@pytest.mark.parametrize("part", ["data", "manifest.json", "data/train-000000.tar"])
@pytest.mark.parametrize("command", [("show",), ("verify",), ("record", "3"), ("report",)], ids=" ".join)
def test_a_part_of_a_dataset_leads_to_the_whole(
    command: tuple[str, ...], part: str, imagemint: Callable[..., Said], generated: GeneratedDataset
) -> None:
    name, *more = command
    assert imagemint(name, f"out/{part}", *more) == (
        1, "", f"imagemint: out/{part}: is a part of a dataset. Give the dataset's folder, {generated.out}.\n"
    )  # fmt: skip


def test_a_report_that_did_not_come_along_is_told_of_in_plain_words(imagemint: Callable[..., Said]) -> None:
    code, _, complaint = imagemint("report", "out")
    assert code == 1
    assert complaint.startswith(
        "imagemint: out/report/index.html is missing, and can be made again only in the checkout "
    )


def test_a_program_reads_what_verify_finds(imagemint: Callable[..., Said], generated: GeneratedDataset) -> None:
    code, said, complaint = imagemint("verify", "out", "--json")
    found = json.loads(said)
    assert (code, complaint) == (0, "")
    assert (found["files"], found["records"], found["problems"]) == (6, 30, [])
    assert found["dataset_id"] == generated.manifest.dataset_id
    flip_bit(generated.out / "data/train-000001.tar")
    code, said, _ = imagemint("verify", "out", "--json")
    assert code == 1
    assert len(json.loads(said)["problems"]) == 1


def test_a_program_reads_how_a_record_compares(imagemint: Callable[..., Said], tmp_path: Path) -> None:
    save_tiny_pair(tmp_path / "models/tiny")
    code, said, _ = imagemint("record", "out", "14", "--json")
    assert code == 0
    assert json.loads(said) == {
        "dataset": "out",
        "index": 14,
        "file": "data/train-000001.parquet",
        "row": 2,
        "label": "owl",
        "equal": True,
        "compared": "generated again: the same bytes",
    }
    (tmp_path / "models").rename(tmp_path / "elsewhere")
    code, said, _ = imagemint("record", "out", "14", "--json")
    assert code == 0
    assert json.loads(said)["equal"] is None


def test_a_record_that_differs_from_what_the_model_generates_is_an_error(
    imagemint: Callable[..., Said], generated: GeneratedDataset, tmp_path: Path
) -> None:
    save_tiny_pair(tmp_path / "models/tiny")
    manifest = json.loads((generated.out / MANIFEST).read_text())
    manifest["config"]["sample"]["seed"] += 1
    (generated.out / MANIFEST).write_text(json.dumps(manifest))
    code, said, complaint = imagemint("record", "out", "14")
    assert code == 1
    assert "record 14 differs from what the model generates: " in complaint
    assert "generated again" not in said
    code, said, complaint = imagemint("record", "out", "14", "--json")
    found = json.loads(said)
    assert (code, found["equal"]) == (1, False)
    assert found["compared"] in complaint


def test_verify_makes_records_again_with_the_model(imagemint: Callable[..., Said], tmp_path: Path) -> None:
    save_tiny_pair(tmp_path / "models/tiny")
    for given in ([], ["--model", "models/tiny"]):
        code, said, _ = imagemint("verify", "out", "--records", "3", *given)
        assert code == 0
        assert "\n3 of 3 random records equal what the model generates\n" in said


def test_record_without_the_model_shows_what_is_stored_and_says_what_is_missing(
    imagemint: Callable[..., Said], generated: GeneratedDataset, tmp_path: Path
) -> None:
    digest = generated.manifest.model.digest[:16]
    code, said, complaint = imagemint("record", "out", "14", "--out", "14.png")
    assert (code, complaint) == (0, "")
    assert said.splitlines() == [
        "record 14 of out: row 2 of data/train-000001.parquet, owl",
        "14.png: the image as it is stored",
        f"not generated again: the model {digest} is not here, models/tiny {NONE}",
    ]
    assert (tmp_path / "14.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("command", [("verify", "out"), ("record", "out", "3")])
def test_a_model_folder_that_holds_none_or_another_is_an_error(
    imagemint: Callable[..., Said], tmp_path: Path, command: tuple[str, ...]
) -> None:
    code, _, complaint = imagemint(*command, "--model", "nowhere")
    assert (code, complaint.count("--model")) == (1, 1)
    assert f"nowhere {NONE}" in complaint
    save_tiny_pair(tmp_path / "other", seed=1)
    code, _, complaint = imagemint(*command, "--model", "other")
    assert (code, complaint.count("--model")) == (1, 1)
    assert "The dataset tiny was generated by another model" in complaint


def test_a_damaged_model_of_the_checkout_does_not_keep_the_files_from_being_checked(
    imagemint: Callable[..., Said], tmp_path: Path
) -> None:
    save_tiny_pair(tmp_path / "models/tiny")
    (tmp_path / "models/tiny" / DESCRIPTION).write_text("{}")
    code, said, _ = imagemint("verify", "out")
    assert code == 0
    assert "no record was generated again: models/tiny/model.json is no model description" in said


def test_show_needs_no_model(imagemint: Callable[..., Said], tmp_path: Path) -> None:
    code, _, complaint = imagemint("show", "out", "-n", "10", "--out", "sheet.png")
    assert (code, complaint) == (0, "")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("command", [("show",), ("verify",), ("record",)], ids=" ".join)
def test_a_place_that_cannot_be_looked_at_is_told_of_in_one_line(
    imagemint: Callable[..., Said], command: tuple[str, ...]
) -> None:
    """A name that is too long is refused by the system as a locked folder is, for the administrator, too."""
    index = ["3"] if command == ("record",) else []
    code, _, complaint = imagemint(*command, "d" * 300, *index, *(["--out", "x.png"] if command != ("verify",) else []))
    assert (code, complaint.count("\n")) == (1, 1)
    assert complaint.endswith("cannot be read: File name too long.\n")
    if command != ("show",):
        code, _, complaint = imagemint(*command, "out", *index, "--model", "m" * 300)
        assert (code, complaint.count("\n")) == (1, 1)
        assert complaint.endswith("cannot be read: File name too long.\n")


@pytest.mark.parametrize("command", [("verify", "half"), ("record", "half", "3")])
def test_a_folder_that_is_no_dataset_is_told_of_to_those_who_only_read_it(
    imagemint: Callable[..., Said], tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "half").mkdir()
    code, _, complaint = imagemint(*command)
    assert code == 1
    assert (
        f"No manifest.json in {tmp_path / 'half'}: not a finished dataset. Fetch the whole dataset, or finish it"
        in complaint
    )


def test_a_shard_that_cannot_be_shown_is_told_of_to_those_who_only_read_it(
    imagemint: Callable[..., Said], generated: GeneratedDataset
) -> None:
    (generated.out / "data/train-000000.parquet").unlink()
    code, _, complaint = imagemint("show", "out", "-n", "3")
    assert code == 1
    assert "train-000000.parquet cannot be read: " in complaint
    assert complaint.endswith("Fetch it again, or run the stage again that writes it.\n")
