"""Shards on their way between processes."""

import numpy as np
import pytest

from pipeline.sampling.records import GeneratedShard, Records


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("filtered", [True, False])
def test_a_shard_arrives_as_it_was_sent(labelled: bool, filtered: bool) -> None:
    numbers = np.arange(3)
    records = Records(
        images=np.arange(48, dtype=np.uint8).reshape(3, 4, 4, 1),
        labels=numbers % 2 if labelled else None,
        indices=numbers + 7,
        logits=numbers.astype(np.float32) / 3,
        attempts=numbers[::-1].copy() if filtered else None,
    )
    sent = GeneratedShard(records, {"near_copy": 3, "density_ratio": 0} if filtered else {}, seconds=1.5)
    columns = sent.columns()
    assert {len(column) for column in columns.values()} == {1}
    arrived = GeneratedShard.of_columns({"shard": np.array([0]), "message": np.array([""]), **columns})
    assert (arrived.refused, arrived.seconds) == (sent.refused, sent.seconds)
    for name, array in vars(records).items():
        np.testing.assert_array_equal(getattr(arrived.records, name), array)
    assert (arrived.records.labels is None) is not labelled
    assert (arrived.records.attempts is None) is not filtered
