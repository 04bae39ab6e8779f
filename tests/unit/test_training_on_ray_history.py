"""The evaluations of a run, as JSON that is read back and as CSV."""

import json
import math
from pathlib import Path

import pytest

from pipeline.base.errors import UserError
from pipeline.training_on_ray.history import evaluation_in, history_csv, read_history, write_history
from tests.unit.training_cases import evaluation_row

FIRST = evaluation_row(1000, validation={"validation_fd_domain": 50.0})
LATER = evaluation_row(2000, rollbacks=1, augmentation=0.25, validation={"validation_fd_domain": 25.0})


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_history(tmp_path / "history.json", [FIRST, LATER])
    assert read_history(tmp_path / "history.json") == [FIRST, LATER]
    assert json.loads((tmp_path / "history.json").read_text()) == [FIRST.record(), LATER.record()]


def test_what_is_not_finite_is_null_in_json_and_empty_in_a_table(tmp_path: Path) -> None:
    broken = evaluation_row(3000, generator_loss=math.inf, validation={"validation_fd_domain": math.nan})
    write_history(tmp_path / "history.json", [broken])
    (record,) = json.loads((tmp_path / "history.json").read_text(), parse_constant=pytest.fail)
    assert (record["generator_loss"], record["validation_fd_domain"]) == (None, None)
    for rows in ([broken], read_history(tmp_path / "history.json")):
        header, line = history_csv(rows).splitlines()
        cells = dict(zip(header.split(","), line.split(","), strict=True))
        assert (cells["images_seen"], cells["generator_loss"], cells["validation_fd_domain"]) == ("3000", "", "")


def test_a_figure_that_some_evaluations_lack_has_a_column_all_the_same() -> None:
    header, first, later = (line.split(",") for line in history_csv([FIRST, LATER]).splitlines())
    assert first[header.index("augmentation")] == ""
    assert later[header.index("augmentation")] == "0.25"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "is damaged"),
        ("{}", "it holds no list of evaluations"),
        ("[]", "it holds no list of evaluations"),
        ("[3]", "3 is no evaluation"),
        ('[{"images_seen": 3}]', "discriminator_loss is missing"),
        (json.dumps([FIRST.record() | {"rollbacks": "none"}]), "rollbacks: 'none' is no number"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong_in_it(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "history.json"
    path.write_text(content)
    with pytest.raises(UserError) as error:
        read_history(path)
    assert str(path) in str(error.value)
    assert said in str(error.value)


def test_an_evaluation_of_another_file_is_named_by_that_one() -> None:
    assert evaluation_in(FIRST.record(), "model description m.json") == FIRST
    with pytest.raises(UserError, match=r"^model description m\.json is damaged: None is no evaluation\.$"):
        evaluation_in(None, "model description m.json")
