"""What one worker can know of its place, and the checksum by which workers compare; see also the test of two workers."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pipeline.training.replicas import (
    WorkerContext,
    average_buffers,
    distribute,
    from_first_worker,
    mean_over_workers,
    parameter_sum,
    require_equal_replicas,
)


@given(workers=st.integers(1, 8), share=st.integers(1, 20))
def test_the_shares_of_all_workers_are_equal_and_make_up_the_batch(workers: int, share: int) -> None:
    rows = list(range(workers * share))
    shares = [rows[WorkerContext(rank, workers).share_of(len(rows))] for rank in range(workers)]
    assert [row for part in shares for row in part] == rows
    assert {len(part) for part in shares} == {share}


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))


def test_the_checksum_of_weights_sees_the_smallest_difference() -> None:
    net = network()
    before = parameter_sum(net)
    with torch.no_grad():
        net[0].weight[1, 2] = torch.nextafter(net[0].weight[1, 2], torch.tensor(math.inf))
    on_interval = parameter_sum(net)
    with torch.no_grad():
        net[1].running_mean[0] = torch.nextafter(net[1].running_mean[0], torch.tensor(math.inf))
    assert len({int(total) for total in (before, on_interval, parameter_sum(net))}) == 3


def test_the_checksum_sees_two_weights_that_changed_places() -> None:
    net = network()
    before = parameter_sum(net)
    with torch.no_grad():
        net[0].weight[0] = net[0].weight[0].flip(0)
    assert parameter_sum(net) != before


@pytest.mark.parametrize("kind", [math.nan, math.inf])
def test_the_checksum_of_weights_that_are_not_finite_is_still_one(kind: float) -> None:
    first, second = network(), network()
    second.load_state_dict(first.state_dict())
    for net in (first, second):
        with torch.no_grad():
            net[0].weight[0, 0] = kind
    assert parameter_sum(first) == parameter_sum(second)


def test_a_worker_that_is_alone_needs_no_connection() -> None:
    alone, net = WorkerContext(), network()
    before = parameter_sum(net)
    assert distribute(net, alone) is net
    average_buffers([net], alone)
    require_equal_replicas([net], alone, 0)
    assert parameter_sum(net) == before
    assert mean_over_workers(torch.tensor([3.0]), alone) == 3
    assert from_first_worker(torch.tensor([3.0]), alone) == 3
