"""What an image takes, measured on the first records."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.errors import UserError
from pipeline.cli.console import main
from pipeline.cli.plan import forecast, measure, requests_of, room, scaled, seconds_of
from pipeline.cluster.connection import Resources
from pipeline.config import load_config
from pipeline.models.weights import TrainedPair
from pipeline.runs.earlier_runs import config_parameters, remember_parameters
from pipeline.sampling.generate import RecordGenerator
from pipeline.store.local import LocalFolder
from tests.unit.config_cases import CONF
from tests.unit.tiny import CLASSES, SETTINGS, generate_dataset

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_sizes_are_those_of_the_shards_that_will_be_made(tiny_pair: TrainedPair, tmp_path: Path) -> None:
    seconds, sizes = measure(
        RecordGenerator(tiny_pair, SETTINGS), ["parquet", "webdataset"], CLASSES, rows=12, at_least_s=0, device="cpu"
    )
    assert seconds > 0
    (shard,) = generate_dataset(tmp_path, tiny_pair, count=12).manifest.shards
    assert sizes == {"parquet": shard.bytes / 12, "webdataset": shard.also[0].bytes / 12}


def test_nodes_are_of_the_kind_that_are_there() -> None:
    assert scaled(Resources(8, 4, 2, (4, 4)), 5) == Resources(20, 10, 5, (4,) * 5)
    assert scaled(Resources(2, 0, 1, (2,)), 1) == Resources(2, 0, 1, (2,))


def test_the_last_round_takes_as_long_as_the_others() -> None:
    assert seconds_of(count=100, shard_size=10, workers=4, seconds=0.5) == 3 * 10 * 0.5
    assert seconds_of(count=5, shard_size=10, workers=1, seconds=2) == 10


@given(st.integers(1, 10**4), st.integers(1, 10**3), st.integers(1, 100))
def test_more_workers_never_take_longer_nor_less_than_their_share(count: int, shard_size: int, workers: int) -> None:
    alone, together = (seconds_of(count, shard_size, each, 1.0) for each in (1, workers))
    assert alone / workers <= together <= alone
    assert together >= count / workers


def test_a_million_shards_in_two_formats() -> None:
    asked = requests_of(shards=1_000_000, formats=2)
    assert asked.writes == 4_000_000 + 1_000_000 + 2 * (1_000 + 2_000)
    assert asked.reads == 1_000_000


def test_a_disk_that_is_too_small_is_told_apart(tmp_path: Path) -> None:
    assert not room(str(tmp_path), 1.0).startswith("only ")
    assert room(str(tmp_path), 1e18).startswith("only ")
    assert room("s3://bucket/x", 1e18) == "they will be stored in s3://bucket/x"


def test_a_plan_says_first_that_training_would_start_from_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = load_config(CONF / "digits.yaml", ["train.total_images=12800"])
    run = LocalFolder(tmp_path / "runs" / "train-0123456789abcdef")
    remember_parameters(run, "digits", config_parameters(before))
    now = load_config(CONF / "digits.yaml", ["train.total_images=25600"])
    first = next(forecast(now, tmp_path / "no model", tmp_path / "no data"))
    assert str(first) == (
        "training   starts from 0: train.total_images was 12,800, is 25,600; "
        "the earlier run is kept in runs/train-0123456789abcdef"
    )
    with pytest.raises(UserError, match="no model"):  # nothing to say of a run that can be taken up again
        next(forecast(before, tmp_path / "no model", tmp_path / "no data"))


def test_a_plan_compares_config_keys_alone_and_its_help_promises_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(CONF / "digits.yaml")
    run = LocalFolder(tmp_path / "runs" / "train-0123456789abcdef")
    remember_parameters(run, "digits", {**config_parameters(config), "the data": "a" * 64, "device": "cuda"})
    with pytest.raises(UserError, match="no model"):
        next(forecast(config, tmp_path / "no model", tmp_path / "no data"))
    assert main(["plan", "--help"]) == 0
    assert "which config keys would make training start from 0" in " ".join(capsys.readouterr().out.split())
