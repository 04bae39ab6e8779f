"""Which attempt of a record passes, and what that does to records."""

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.base.errors import UserError
from pipeline.models.weights import TrainedPair
from pipeline.sampling.filters.filter import Candidates
from pipeline.sampling.filters.kinds.density_ratio import DensityRatio
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.selection import first_refusals
from pipeline.sampling.shards.ranges import ShardPlan
from tests.unit.tiny import SETTINGS, SHARD_SIZE

pytestmark = pytest.mark.usefixtures("one_thread")

HALF = DensityRatio([1.0, 1.0, 0.0])
WHOLE = ShardPlan(1, SHARD_SIZE, SHARD_SIZE)


@dataclass
class Bright:
    """Refuses images whose pixels are darker than a bound on average."""

    bound: float
    kind = "bright"
    description: Any = None

    def accepts(self, candidates: Candidates) -> np.ndarray:
        return (candidates.images.float().mean(dim=(1, 2, 3)) >= self.bound).numpy()


def middle_brightness(pair: TrainedPair) -> float:
    return float(
        np.median(RecordGenerator(pair, SETTINGS).shard(ShardPlan(0, 0, 60)).records.images.mean(axis=(1, 2, 3)))
    )


def test_every_record_is_the_first_of_its_candidates_that_passes(tiny_pair: TrainedPair) -> None:
    bound = middle_brightness(tiny_pair)
    kept = RecordGenerator(tiny_pair, SETTINGS, [Bright(bound)]).shard(WHOLE)
    records = kept.records
    assert (records.images.mean(axis=(1, 2, 3)) >= bound).all()
    assert records.attempts is not None
    assert 0 < records.attempts.max() < 60
    plain = RecordGenerator(tiny_pair, SETTINGS).shard(WHOLE).records
    assert records.labels.tolist() == plain.labels.tolist()
    first = records.attempts == 0
    assert 0 < first.sum() < SHARD_SIZE
    np.testing.assert_array_equal(records.images[first], plain.images[first])
    assert (plain.images[~first].mean(axis=(1, 2, 3)) < bound).all()
    assert kept.refused == {"bright": int(records.attempts.sum())}


@given(rows=st.integers(1, SHARD_SIZE))
@settings(max_examples=12)
def test_a_partial_shard_holds_the_first_records_of_the_whole_one(tiny_pair: TrainedPair, rows: int) -> None:
    filters = [HALF, Bright(middle_brightness(tiny_pair))]
    whole, part = (
        RecordGenerator(tiny_pair, SETTINGS, filters).shard(plan).records for plan in (WHOLE, replace(WHOLE, rows=rows))
    )
    for name in ("images", "labels", "indices", "logits", "attempts"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:rows])


def test_refusals_are_counted_by_the_filter_that_refused(tiny_pair: TrainedPair) -> None:
    filters = [HALF, Bright(middle_brightness(tiny_pair))]
    kept = RecordGenerator(tiny_pair, SETTINGS, filters).shard(WHOLE)
    assert kept.refused["density_ratio"] > 0
    assert kept.refused["bright"] > 0
    assert sum(kept.refused.values()) == kept.records.attempts.sum()


def test_chances_of_attempts_are_their_own_so_that_a_ratio_decides_a_share(tiny_pair: TrainedPair) -> None:
    class Coin(DensityRatio):
        """A ratio of one half for all."""

        def accepts(self, candidates: Candidates) -> np.ndarray:
            return candidates.chances < 0.5

    refused = sum(
        RecordGenerator(tiny_pair, SETTINGS, [Coin([])]).selected_attempts(6 * batch)[1].sum() for batch in range(100)
    )
    assert refused / 600 == pytest.approx(1.0, abs=0.2)


def test_a_filter_that_nothing_passes_ends_with_a_message(tiny_pair: TrainedPair) -> None:
    class Strict(Bright):
        """Refuses all, under a name of which there is advice."""

        kind = "near_copy"

    with pytest.raises(UserError) as caught:
        RecordGenerator(tiny_pair, SETTINGS, [Strict(256)]).shard(WHOLE)
    message = str(caught.value)
    assert re.search(r"none of 1000 candidates for record 12 passed \(refused by near_copy 1000\)", message)
    assert message.endswith("would not end. Lower near_copy's share, or train longer.")


@dataclass
class Refusing:
    """Refuses the images with some pixels, and remembers which it was shown."""

    pixels: set[int]
    kind = "refusing"
    description: Any = None

    def accepts(self, candidates: Candidates) -> np.ndarray:
        self.shown = candidates.images.flatten().tolist()
        return np.array([pixel not in self.pixels for pixel in self.shown], dtype=bool)


def blank_candidates(count: int) -> Candidates:
    """Images of one pixel, which is their number; all else is 0."""
    pixels = torch.arange(count, dtype=torch.uint8)[:, None, None, None]
    return Candidates(pixels, torch.zeros(count, dtype=torch.int64), np.zeros(count, np.float32), np.full(count, 0.5))


def test_each_candidate_is_refused_by_the_first_filter_that_does_and_later_ones_do_not_see_it() -> None:
    first, second = Refusing({1, 2}), Refusing({2, 3})
    refused_by = first_refusals([first, second], blank_candidates(5))
    assert refused_by.tolist() == [-1, 0, 0, 1, -1]
    assert second.shown == [0, 3, 4]


def test_filters_after_one_that_refused_all_have_nothing_to_do() -> None:
    refused_by = first_refusals([Refusing({0, 1}), DensityRatio([0.0])], blank_candidates(2))
    assert refused_by.tolist() == [0, 0]
