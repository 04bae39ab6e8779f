"""The publishing of a dataset: what it replaces, and what it leaves alone."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import UserError
from pipeline.config.schema import Prices
from pipeline.models.weights import TrainedPair
from pipeline.report.card import write_card
from pipeline.report.croissant import write_croissant
from pipeline.report.page import ReportImages, write_report
from pipeline.runs.output_places import require_own_dataset
from pipeline.runs.usage import ResourceUsage
from pipeline.sampling.assemble import DatasetOutput
from pipeline.sampling.manifest import MANIFEST, read_manifest
from pipeline.sampling.shards.commits import committed
from pipeline.sampling.shards.wids import WIDS
from pipeline.store.files import file_sha256
from tests.project import digests
from tests.unit.report_data import METRICS, pixels
from tests.unit.tiny import COUNT, SAMPLE, GeneratedDataset, flip_bit, manifest_header

pytestmark = pytest.mark.usefixtures("one_thread")


def names(generated: GeneratedDataset) -> list[str]:
    return sorted(path.relative_to(generated.out).as_posix() for path in generated.out.rglob("*") if path.is_file())


SIX_FILES = [f"data/train-{shard:06d}.{ending}" for shard in range(3) for ending in ("parquet", "tar")]


def test_a_published_dataset_is_its_manifest_and_the_files_it_lists(generated: GeneratedDataset) -> None:
    manifest = read_manifest(generated.out)
    assert manifest == generated.manifest
    assert manifest.count == COUNT == sum(shard.rows for shard in manifest.shards)
    assert names(generated) == [*SIX_FILES, WIDS, MANIFEST]
    for shard in manifest.shards:
        for file in shard.files:
            assert file_sha256(generated.out / file.file) == file.sha256


def test_publishing_removes_what_an_earlier_dataset_left(generated: GeneratedDataset) -> None:
    data = generated.out / "data"
    (generated.out / MANIFEST).unlink()
    earlier = generated.target.run.path.with_name("earlier") / "shards" / "train-000003.parquet"
    earlier.parent.mkdir(parents=True)
    (data / "train-000000.parquet").rename(data / earlier.name)
    earlier.hardlink_to(data / earlier.name)
    (data / "train-000001.tar").unlink()
    (data / ".train-000001.tar.77.tmp").write_bytes(b"half")
    DatasetOutput(generated.out).assemble(generated.target, generated.manifest)
    assert names(generated) == [*SIX_FILES, WIDS, MANIFEST]


def test_publishing_twice_is_publishing_once(generated: GeneratedDataset) -> None:
    DatasetOutput(generated.out).assemble(generated.target, generated.manifest)
    assert names(generated) == [*SIX_FILES, WIDS, MANIFEST]


def test_publishing_replaces_what_is_damaged_and_leaves_the_run_whole(generated: GeneratedDataset) -> None:
    flip_bit(generated.out / "data" / "train-000001.parquet")
    DatasetOutput(generated.out).assemble(generated.target, generated.manifest)
    listed = generated.manifest.shards[1]
    assert file_sha256(generated.out / listed.file) == listed.sha256
    assert sorted(committed(generated.target, generated.plans)) == [0, 1, 2]


def test_a_publication_that_fails_half_way_leaves_no_manifest(generated: GeneratedDataset) -> None:
    (generated.target.run.path / "shards" / "train-000002.parquet").unlink()
    with pytest.raises((OSError, UserError)):
        DatasetOutput(generated.out).assemble(generated.target, generated.manifest)
    assert not (generated.out / MANIFEST).exists()
    with pytest.raises(UserError, match="not a finished dataset"):
        read_manifest(generated.out)


@pytest.mark.parametrize(
    "foreign",
    [
        "README.md",
        "croissant.json",
        "manifest.json",
        "report/index.html",
        "report/thesis.html",
        "data/holiday.jpg",
        "data/mine/dataset.json",
        "data/train-00000-of-00001.parquet",
        "data/train-000007.parquet",
        "data/train-000007.tar",
        "data/wids.json",
        "data/location.json",
        "data/train-images-idx3-ubyte",
    ],
)
@pytest.mark.parametrize("beside", ["nothing", "a dataset"])
def test_a_folder_that_holds_something_else_is_refused_and_left_alone(
    generated: GeneratedDataset, tmp_path: Path, foreign: str, beside: str
) -> None:
    out = tmp_path / "elsewhere"
    if beside == "a dataset":
        shutil.copytree(generated.out, out)
    (out / foreign).unlink(missing_ok=True)
    (out / foreign).parent.mkdir(parents=True, exist_ok=True)
    (out / foreign).write_text("precious")
    before = digests(out)
    if (beside, foreign) == ("a dataset", MANIFEST):
        # Shards of ours alone: it was a manifest of ours, and is damaged.
        DatasetOutput(out).assemble(generated.target, generated.manifest)
        return
    with pytest.raises(UserError, match=f"holds {out / foreign.removesuffix('/dataset.json')}, which this stage"):
        DatasetOutput(out).assemble(generated.target, generated.manifest)
    assert digests(out) == before


@pytest.fixture
def precious(generated: GeneratedDataset, tmp_path: Path) -> Path:
    """A finished dataset that no run here has made."""
    folder = tmp_path / "precious"
    shutil.copytree(generated.out, folder)
    for path in (folder / "data").iterdir():
        flip_bit(path)
    return folder


@pytest.mark.parametrize("name", ["data", "report", "metrics"])
def test_a_link_to_the_folder_of_another_dataset_is_refused(
    generated: GeneratedDataset, tmp_path: Path, precious: Path, name: str
) -> None:
    (precious / name).mkdir(exist_ok=True)
    before, out = digests(precious), tmp_path / "new"
    out.mkdir()
    (out / name).symlink_to(precious / name)
    with pytest.raises(
        UserError, match=f"new: holds {out / name}, a link to a folder elsewhere, .*nothing was touched"
    ):
        DatasetOutput(out).assemble(generated.target, generated.manifest)
    assert digests(precious) == before


def test_shards_without_a_manifest_are_taken_for_leftovers_where_a_run_has_the_same_and_nowhere_else(
    generated: GeneratedDataset, tmp_path: Path, precious: Path
) -> None:
    leftover = tmp_path / "leftover"
    shutil.copytree(generated.out / "data", leftover / "data")  # of a publication on another disk: no hard links
    DatasetOutput(leftover).assemble(generated.target, generated.manifest)
    assert read_manifest(leftover) == generated.manifest
    (precious / MANIFEST).unlink()
    before = digests(precious)
    with pytest.raises(UserError, match=r"remove data/train-000000.parquet, .* and more of the kind if that is what"):
        DatasetOutput(precious).assemble(generated.target, generated.manifest)
    assert digests(precious) == before
    with pytest.raises(UserError, match="which this stage has not written"):
        require_own_dataset(leftover.with_name("precious"), None)  # a root in an object store has no runs here


def test_what_a_desktop_leaves_is_no_obstacle_and_stays(generated: GeneratedDataset) -> None:
    left = ["data/.DS_Store", "data/._train-000000.parquet", "report/Thumbs.db", "data/.ipynb_checkpoints/x.json"]
    for name in left:
        (generated.out / name).parent.mkdir(exist_ok=True)
        (generated.out / name).write_text("junk")
    (generated.out / MANIFEST).unlink()
    DatasetOutput(generated.out).assemble(generated.target, generated.manifest)
    assert names(generated) == sorted([*left, *SIX_FILES, WIDS, MANIFEST])


def test_what_an_audit_wrote_of_another_dataset_is_removed(generated: GeneratedDataset) -> None:
    """What audit writes is known by its content, or this would be refused."""
    write_card(generated.out / "README.md", generated.manifest, METRICS)
    write_croissant(generated.out / "croissant.json", generated.manifest, "1.0.0", "2026-01-31")
    images = {name: pixels() for name in generated.manifest.classes}
    write_report(
        generated.out / "report" / "index.html",
        manifest=generated.manifest,
        metrics={**METRICS, "duplicates": 1, "class_balance": 0.75, "diversity": dict.fromkeys(images, 0.5)},
        verdicts=[],
        pictures=ReportImages(images, images, (pixels(), pixels())),
        usage={"sample": ResourceUsage(100, 1.0, 1.0)},
        prices=Prices(),
    )
    require_own_dataset(generated.out, generated.target.run.path.parent)
    (generated.out / MANIFEST).unlink()  # as DVC does before it runs the stage
    DatasetOutput(generated.out).assemble(generated.target, generated.manifest)
    assert names(generated) == [*SIX_FILES, WIDS, MANIFEST]
    assert not (generated.out / "report").exists()


# Not mixed -----------------------------------------------------------------------------------------------------------


def test_another_count_of_the_same_records_may_take_the_place(
    generated: GeneratedDataset, tiny_pair: TrainedPair
) -> None:
    DatasetOutput(generated.out).require_same_records(generated.target.fingerprint, manifest_header(tiny_pair))
    DatasetOutput(generated.out.parent / "new").require_same_records("0" * 64, manifest_header(tiny_pair))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 4}, "sample.seed: 3 there, 4 now"),
        ({"labels": {"cat": 1}}, "sample.labels: 'balanced' there, {'cat': 1} now"),
        ({}, "the code of imagemint"),
    ],
    ids=str,
)
def test_other_records_are_not_mixed_and_what_differs_is_said(
    generated: GeneratedDataset, tiny_pair: TrainedPair, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match="--fresh to replace") as caught:
        DatasetOutput(generated.out).require_same_records("0" * 64, manifest_header(tiny_pair, SAMPLE | changes))
    assert said in str(caught.value)
    assert str(caught.value).count(" there, ") == len(changes)


def test_a_damaged_manifest_does_not_keep_a_dataset_from_being_made_again(
    generated: GeneratedDataset, tiny_pair: TrainedPair
) -> None:
    path = generated.out / MANIFEST
    path.write_bytes(path.read_bytes()[:100])
    DatasetOutput(generated.out).require_same_records("0" * 64, manifest_header(tiny_pair))


def test_the_same_records_in_another_format_may_take_the_place(
    generated: GeneratedDataset, tiny_pair: TrainedPair
) -> None:
    DatasetOutput(generated.out).require_same_records(
        "0" * 64, manifest_header(tiny_pair, SAMPLE | {"formats": ["parquet"]})
    )


def test_a_dataset_of_another_format_version_is_not_replaced_unasked(
    generated: GeneratedDataset, tiny_pair: TrainedPair
) -> None:
    (generated.out / MANIFEST).write_text(json.dumps({**generated.manifest.model_dump(), "format_version": 2}))
    with pytest.raises(UserError, match="format version 2"):
        DatasetOutput(generated.out).require_same_records(generated.target.fingerprint, manifest_header(tiny_pair))


def test_records_of_another_model_are_not_mixed(generated: GeneratedDataset, unconditional_pair: TrainedPair) -> None:
    with pytest.raises(UserError) as caught:
        DatasetOutput(generated.out).require_same_records("0" * 64, manifest_header(unconditional_pair))
    assert str(caught.value).startswith(f"{generated.out}: holds a dataset of other records")
    assert "model.digest: " in str(caught.value)
    assert "classes: " in str(caught.value)


def test_an_output_is_worked_on_by_one_at_a_time(tmp_path: Path) -> None:
    said = f"^{tmp_path / 'out'}: another process"  # the place may be the checkout's own: no --out was given
    with (
        DatasetOutput(tmp_path / "out").reserved(),
        pytest.raises(UserError, match=said),
        DatasetOutput(tmp_path / "out").reserved(),
    ):
        pass
    with DatasetOutput(tmp_path / "out").reserved(), DatasetOutput(tmp_path / "elsewhere").reserved():
        pass
    assert not list((tmp_path / "out").iterdir())
