"""What sampling a preset comes to: which of its keys make other records, and what the manifest says."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.cluster.connection import Resources
from pipeline.config.load import load_config
from pipeline.models.weights import TrainedPair
from pipeline.sampling_on_ray.plan import SamplingPlan
from tests.unit.tiny import CLASSES

DESCRIPTION = {
    "name": "tiny",
    "classes": list(CLASSES),
    "data": {"digest": "0" * 64, "source": {"name": "noise", "licence": "CC0-1.0"}},
}


@pytest.fixture
def pair(tiny_pair: TrainedPair) -> TrainedPair:
    """The tiny pair with what training says about a model."""
    return replace(tiny_pair, description=DESCRIPTION)


def plan(preset: Path, pair: TrainedPair, *overrides: str) -> SamplingPlan:
    """The plan for a preset with overrides, on two CPUs."""
    return SamplingPlan.of(
        load_config(preset, ["sample.batch_size=10", "sample.shard_size=500", *overrides]),
        pair,
        Resources(2, 0, 1, (2,)),
        model=preset.parent,
        data=preset.parent,
    )


def test_shards_cover_the_records_and_the_pool_the_cluster(preset: Path, pair: TrainedPair) -> None:
    made = plan(preset, pair)
    assert [shard.rows for shard in made.shards] == [500, 500]
    assert (made.pool.workers, made.pool.grow, made.pool.device) == (2, True, "cpu")


@pytest.mark.parametrize(
    ("override", "other_records"),
    [
        ("sample.count=2000", False),
        ("cluster.sample_workers=1", False),
        ("gates={unique_share: {min: 0.5}}", False),
        ("sample.seed=1", True),
        ("sample.filters=[{kind: density_ratio}]", True),
    ],
)
def test_the_identity_is_of_the_records(preset: Path, pair: TrainedPair, override: str, other_records: bool) -> None:
    assert (plan(preset, pair, override).identity != plan(preset, pair).identity) == other_records


def test_the_manifest_says_what_records_were_made_of_and_not_where(preset: Path, pair: TrainedPair) -> None:
    header = plan(preset, pair, "sample.filters=[{kind: density_ratio}]").header
    assert (header.name, header.classes, header.model.digest) == ("tiny", list(CLASSES), pair.digest)
    assert (header.image.height, header.image.channels, header.source.licence) == (6, 1, "CC0-1.0")
    assert [each.kind for each in header.filters] == ["density_ratio"]
    assert not {"root", "cluster"} & header.config.root.keys()
    assert "device" in header.software
