"""Real images on their way to the step: the same ones wherever they are held, and no more of them than are needed."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pipeline.training.batches import ResidentImages, StepInputs, StreamedImages, prepared
from pipeline.training.block_shuffle import BlockShuffleSampler
from tests.project import ROOT

CPU = torch.device("cpu")
LABELS = torch.arange(57) % 5
IMAGES = torch.randint(0, 256, (57, 3, 6, 6), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
PATIENCE_S = 60  # until a test that waits for another thread gives up


class Shelf:
    """Blocks of IMAGES that notes which were read."""

    def __init__(self, block: int) -> None:
        self.block = block
        self.read: list[int] = []

    def load(self, block: int) -> tuple[Tensor, Tensor]:
        self.read.append(block)
        rows = slice(block * self.block, (block + 1) * self.block)
        return IMAGES[rows], LABELS[rows]


def streamed(block: int = 4, window: int = 3, seed: int = 0) -> StreamedImages:
    return StreamedImages(Shelf(block), BlockShuffleSampler(len(IMAGES), seed, block, window), 8, CPU)


def resident(block: int = 4, window: int = 3, seed: int = 0) -> ResidentImages:
    return ResidentImages(IMAGES, LABELS, BlockShuffleSampler(len(IMAGES), seed, block, window), 8, CPU)


def assert_equal_batches(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> None:
    assert [torch.equal(a, b) for a, b in zip(first, second, strict=True)] == [True, True]
    assert first[0].stride() == second[0].stride()  # convolutions of another layout round differently


@given(
    block=st.integers(1, 20),
    window=st.integers(1, 4),
    seed=st.integers(0, 99),
    positions=st.lists(st.integers(0, 300), min_size=1, max_size=5),  # jumps back among them
    count=st.integers(1, 70),  # more than an epoch among them
    data=st.data(),
)
@settings(max_examples=40)
def test_streamed_and_resident_images_are_the_same_batches_bit_for_bit(
    block: int, window: int, seed: int, positions: list[int], count: int, data: st.DataObject
) -> None:
    here, there = resident(block, window, seed), streamed(block, window, seed)
    share = slice(data.draw(st.integers(0, count - 1)), count)
    for position in positions:
        assert_equal_batches(here.at(position, count, share), there.at(position, count, share))


def test_a_batch_is_what_the_order_says_scaled_and_padded_for_the_network() -> None:
    images, labels = resident().at(50, 16, slice(4, 12))
    chosen = BlockShuffleSampler(len(IMAGES), 0, 4, 3).indices(50, 16)[4:12]
    assert torch.equal(labels, LABELS[chosen])
    assert images.shape == (8, 3, 8, 8)
    torch.testing.assert_close(images[:, :, 1:7, 1:7], IMAGES[chosen] / 127.5 - 1)
    assert (images[:, :, [0, 7]] == -1).all()


def test_shares_make_up_the_batch() -> None:
    images = streamed()
    whole = images.at(40, 12, slice(0, 12))
    shares = [images.at(40, 12, slice(first, first + 4)) for first in (0, 4, 8)]
    assert_equal_batches(whole, tuple(torch.cat(part) for part in zip(*shares, strict=True)))


def test_no_more_than_two_windows_are_held_and_each_block_is_read_once_an_epoch() -> None:
    images, held = streamed(block=4, window=3), []
    epochs, batch = 4, 6
    for position in range(0, epochs * len(IMAGES), batch):
        images.at(position, batch, slice(0, batch))
        held.append(len(images._read))
    assert max(held) <= 2 * 3
    shelf = images.blocks
    assert isinstance(shelf, Shelf)
    blocks = -(-len(IMAGES) // 4)
    # A block that is among the last of one epoch and the first of the next is kept; the next window is read ahead.
    assert blocks * (epochs - 1) <= len(shelf.read) <= blocks * epochs + 2 * 3


def test_the_next_window_is_read_before_it_is_needed() -> None:
    images = streamed(block=4, window=3)
    images.at(0, 2, slice(0, 2))
    for future in images._read.values():
        future.result(PATIENCE_S)
    shelf = images.blocks
    assert isinstance(shelf, Shelf)
    assert set(shelf.read) == set(images.order.blocks_ahead(0))
    assert {index // 4 for index in images.order.indices(0, 24).tolist()} == set(shelf.read)


class BadBlockError(Exception):
    pass


def test_a_block_that_cannot_be_read_ends_the_batch_that_needs_it() -> None:
    class Damaged:
        def load(self, block: int) -> tuple[Tensor, Tensor]:
            raise BadBlockError(f"block {block}")

    images = StreamedImages(Damaged(), BlockShuffleSampler(8, 0, 4, 1), 8, CPU)
    with pytest.raises(BadBlockError, match="block"):
        images.at(0, 2, slice(0, 2))


# Prepared ahead ------------------------------------------------------------------------------------------------------


def test_batches_come_in_order_each_with_its_number() -> None:
    assert list(prepared(lambda number: number**2, [3, 1, 4, 1, 5])) == [(3, 9), (1, 1), (4, 16), (1, 1), (5, 25)]
    assert list(prepared(lambda number: number, [])) == []


def test_one_is_prepared_while_the_one_before_is_used_and_no_more() -> None:
    ready = [threading.Event() for _ in range(6)]
    elsewhere = []

    def prepare(number: int) -> int:
        elsewhere.append(threading.current_thread() is not threading.main_thread())
        ready[number].set()
        return number

    with closing(prepared(prepare, range(6))) as batches:
        for number, _ in batches:
            if number + 1 < 6:
                assert ready[number + 1].wait(PATIENCE_S)
            assert not any(event.is_set() for event in ready[number + 2 :])
    assert all(elsewhere)


def test_an_exception_comes_after_what_was_prepared_before_it() -> None:
    def prepare(number: int) -> int:
        if number == 2:
            raise BadBlockError("two")
        return number

    batches, seen = prepared(prepare, range(5)), []
    with pytest.raises(BadBlockError, match="two"):
        seen.extend(number for number, _ in batches)
    assert seen == [0, 1]


def test_when_closed_nothing_more_is_prepared_and_no_thread_is_left() -> None:
    made = []

    def endless() -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1

    batches = prepared(lambda number: made.append(number), endless())
    with closing(batches):
        next(batches), next(batches)
    assert made == [0, 1, 2]
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_preparing_takes_one_core_and_leaves_the_step_its_own() -> None:
    # In a new process, where no thread has settled its number of cores.
    code = """
import torch
from pipeline.training.batches import prepared
torch.set_num_threads(2)
assert [used for _, used in prepared(lambda _: torch.get_num_threads(), range(2))] == [1, 1]
assert torch.get_num_threads() == 2, torch.get_num_threads()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# Parts ---------------------------------------------------------------------------------------------------------------


def inputs(count: int, draws: bool) -> StepInputs:
    random = torch.Generator().manual_seed(0)
    real, latents, mix = (torch.rand(count, *shape, generator=random) for shape in ((1, 8, 8), (5,), ()))
    return StepInputs(real, torch.arange(count), latents, mix, torch.rand(count, 3, 7) if draws else None)


@pytest.mark.parametrize("draws", [False, True])
@pytest.mark.parametrize("parts", [1, 2, 3, 6])
def test_parts_are_equal_and_in_order_and_make_up_the_whole(parts: int, draws: bool) -> None:
    whole = inputs(12, draws)
    pieces = whole.split(parts)
    assert [len(piece.labels) for piece in pieces] == [12 // parts] * parts
    for name in ("real", "labels", "latents", "mix", *(["draws"] if draws else [])):
        assert torch.equal(torch.cat([getattr(piece, name) for piece in pieces]), getattr(whole, name))
    assert draws or all(piece.draws is None for piece in pieces)
