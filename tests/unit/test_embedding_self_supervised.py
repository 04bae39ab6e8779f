"""Features learnt without labels: the loss, the views, and what the training makes of them."""

from functools import partial

import pytest
import torch
from torch.nn import functional as F

from pipeline.embedding.classifier import FeatureNetwork, Fit, in_batches
from pipeline.embedding.self_supervised import contrastive_loss, random_view, recognised_share, train_self_supervised
from pipeline.images.shape import ImageShape
from tests.unit.conftest import Labelled

pytestmark = pytest.mark.usefixtures("one_thread")

BUILD = partial(FeatureNetwork, ImageShape(1, 8, 8), 16)


def test_the_loss_is_that_of_the_paper_written_out() -> None:
    first, second = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    views, total = [*first, *second], 0.0
    for i, view in enumerate(views):
        likeness = [torch.exp(F.cosine_similarity(view, other, dim=0) / 0.2) for other in views]
        others = sum(each for k, each in enumerate(likeness) if k != i)
        total -= float(torch.log(likeness[(i + 5) % 10] / others))
    assert float(contrastive_loss(first, second, 0.2)) == pytest.approx(total / 10)


def test_the_loss_is_least_where_partners_are_alike_and_others_are_not() -> None:
    apart = torch.eye(6)
    right = contrastive_loss(apart, apart, 0.2)
    assert right < 0.1 < contrastive_loss(apart, apart.roll(1, 0), 0.2)
    assert contrastive_loss(torch.ones(6, 6), torch.ones(6, 6), 0.2) == pytest.approx(
        float(torch.tensor(11.0).log())
    )  # all alike: a guess among the eleven others


@pytest.mark.parametrize("channels", [1, 3])
def test_a_view_shows_a_part_of_its_own_image_neither_mirrored_nor_turned(channels: int) -> None:
    """In a ramp that gets brighter to the right and downwards, every part does so, too."""
    torch.manual_seed(0)
    ramp = torch.linspace(-1, 1, 16)
    right = ramp.expand(50, channels, 16, 16)
    for images, axis in ((right, 3), (right.transpose(2, 3), 2)):
        views = random_view(images)
        assert views.shape == images.shape
        assert (F.avg_pool2d(views, 4).diff(dim=axis) > 0).all()
        spans = (views.amax(dim=(2, 3)) - views.amin(dim=(2, 3))).mean(dim=1)
        assert spans.std() > 0.1  # parts of different sizes
        assert not torch.equal(views[0], views[1])


def test_colours_of_a_view_change_a_little_only() -> None:
    torch.manual_seed(0)
    red = torch.tensor([0.8, -0.5, -0.5])[:, None, None].expand(200, 3, 8, 8)
    views = random_view(red)
    assert (views[:, 0] > views[:, 1] + 0.5).all()
    assert views.std(dim=0).max() > 0.05


def test_a_network_learns_to_recognise_digits_that_it_has_not_seen(
    digits_without_labels: FeatureNetwork, digits: tuple[Labelled, Labelled]
) -> None:
    _, (unseen, _) = digits
    torch.manual_seed(0)
    untrained = BUILD().eval()
    learnt = recognised_share(digits_without_labels, unseen)
    assert learnt > 1.5 * recognised_share(untrained, unseen)
    assert learnt == recognised_share(digits_without_labels, unseen)


def test_features_tell_the_digits_apart_though_no_label_was_seen(
    digits_without_labels: FeatureNetwork, digits: tuple[Labelled, Labelled]
) -> None:
    (images, labels), (unseen, of_unseen) = digits
    known, found = (in_batches(digits_without_labels.features, each) for each in (images, unseen))
    nearest = torch.cdist(found, known).argmin(dim=1)
    assert (labels[nearest] == of_unseen).float().mean() > 0.85
    assert (known.std(dim=0) > 0.01).sum() >= 8  # not collapsed to a few directions


def test_the_seed_alone_decides_and_the_global_random_state_is_left_alone(digits: tuple[Labelled, Labelled]) -> None:
    images = digits[0][0]
    before = torch.get_rng_state()
    first = train_self_supervised(BUILD, images, Fit(600, 100, 0.003, seed=0)).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    again = train_self_supervised(BUILD, images, Fit(600, 100, 0.003, seed=0)).state_dict()
    other = train_self_supervised(BUILD, images, Fit(600, 100, 0.003, seed=1)).state_dict()
    assert [name for name in first if not torch.equal(first[name], again[name])] == []
    assert not torch.equal(first["project.weight"], other["project.weight"])


class Noting(FeatureNetwork):
    """Notes how many views it is shown."""

    shown: list[int] = []  # noqa: RUF012

    def features(self, images: torch.Tensor) -> torch.Tensor:
        self.shown.append(len(images))
        return super().features(images)


@pytest.mark.parametrize(
    ("images", "steps"),
    [pytest.param(100, [32] * 6, id="more than a batch"), pytest.param(5, [10] * 19, id="less than a batch")],
)
def test_every_view_counts_and_no_batch_holds_an_image_twice(
    images: int, steps: list[int], digits: tuple[Labelled, Labelled]
) -> None:
    Noting.shown = []
    told: list[float] = []
    train_self_supervised(
        lambda: Noting(ImageShape(1, 8, 8), 16),
        digits[0][0][:images],
        Fit(192, 16, 0.003, 0),
        lambda share, _: told.append(share),
    )
    assert Noting.shown == steps
    assert (len(told), told[-1]) == (len(steps), 1)


def test_an_image_of_one_colour_alone_gives_finite_weights() -> None:
    network = train_self_supervised(BUILD, torch.full((20, 1, 8, 8), 255, dtype=torch.uint8), Fit(200, 20, 0.003, 0))
    features = in_batches(network.features, torch.zeros(2, 1, 8, 8, dtype=torch.uint8))
    assert features.isfinite().all()
