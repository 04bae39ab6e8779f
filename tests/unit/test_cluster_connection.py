"""How many workers train and sample, on a given cluster."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.base.errors import UserError
from pipeline.cluster.connection import Resources, fewest_train_workers, sample_workers, threads_each, train_workers

counts = st.integers(1, 8)


@given(gpus=st.integers(0, 8), nodes=counts, batch=st.integers(2, 64), accumulation=st.integers(1, 4))
def test_auto_takes_as_many_as_can_share_the_batch(gpus: int, nodes: int, batch: int, accumulation: int) -> None:
    resources = Resources(cpus=16, gpus=gpus, nodes=nodes, node_cpus=(2,) * nodes)
    workers = train_workers("auto", resources, batch, accumulation)

    def fits(count: int) -> bool:
        part, left = divmod(batch, count * accumulation)
        return left == 0 and part >= 2

    possible = [count for count in range(1, (gpus or nodes) + 1) if fits(count)]
    assert workers == max(possible, default=1)
    fewest = fewest_train_workers("auto", workers, batch, accumulation)
    assert all(fits(count) for count in range(fewest, workers))
    assert fewest == 1 or not fits(fewest - 1)
    assert fewest_train_workers(workers, workers, batch, accumulation) == workers


@pytest.mark.parametrize("gpus", [0, 2])
def test_more_workers_than_devices_are_refused(gpus: int) -> None:
    resources = Resources(cpus=2, gpus=gpus, nodes=1, node_cpus=(2,))
    assert train_workers(2, resources, 64, 1) == 2
    with pytest.raises(
        UserError, match=r"train_workers: 3 workers requested, but the cluster has 2 [CG]PUs; use at most 2"
    ):
        train_workers(3, resources, 64, 1)


def test_auto_samples_on_every_device() -> None:
    assert sample_workers("auto", Resources(8, 0, 2, (4, 4))) == 8
    assert sample_workers("auto", Resources(8, 2, 2, (4, 4))) == 2


@given(workers=st.integers(1, 12), cpus=st.lists(st.integers(1, 9), min_size=1, max_size=5).map(tuple))
def test_workers_find_room_for_their_threads(workers: int, cpus: tuple[int, ...]) -> None:
    assume(workers <= sum(cpus))
    threads = threads_each(workers, Resources(sum(cpus), 0, len(cpus), cpus))
    assert sum(each // threads for each in cpus) >= workers


@pytest.mark.parametrize(
    ("workers", "cpus", "threads"), [(1, (2,), 2), (2, (2,), 1), (2, (6, 2), 2), (1, (2, 6), 6), (4, (3, 3, 3), 1), (4, (4, 4), 2)]
)  # fmt: skip
def test_a_worker_has_a_node_of_its_own_where_there_are_enough(workers: int, cpus: tuple[int, ...], threads: int) -> None:  # fmt: skip
    assert threads_each(workers, Resources(sum(cpus), 0, len(cpus), cpus)) == threads
