"""Measure privacy: whether synthetic images give away the images that their model was trained on.

Everything is measured against held-out real images: they are as like the training images as the subject makes them, and
nothing was learned from them. What comes nearer to the training images than they do has learned some of them by heart.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pipeline.embedding.nearest import nearest_distances, nearest_rows
from pipeline.evaluation.inversion import reconstruction_errors
from pipeline.evaluation.resampling import Part, random_subset, with_errors
from pipeline.models.generate import discriminate
from pipeline.models.precision import resolve_precision
from pipeline.models.weights import TrainedPair

if TYPE_CHECKING:
    from pipeline.base.progress_meter import Track

NEAR_SHARE = 0.01  # of the held-out images: what is nearer to a training image than all but these is near
PAIRS = 12
ATTACKED = 500
BATCH = 500

Labelled = tuple[Tensor, Tensor]  # uint8 [N, C, H, W], int64 [N]
NearestRows = tuple[Tensor, Tensor]  # distances, float [N], and rows, int64 [N]


def logit_attack(pair: TrainedPair, train: Labelled, holdout: Labelled) -> dict[str, float]:
    """Measure how surely the discriminator's logit tells training images from held-out ones, with as many of both.

    The result is `membership_logit_auc` and its error, to four digits.
    """
    members, others = (
        discriminate(
            pair.discriminator,
            pair.spec,
            images,
            labels,
            batch_size=BATCH,
            precision=resolve_precision("auto", "cpu"),
        )
        for images, labels in (
            (random_subset(train[0], len(holdout[0])), random_subset(train[1], len(holdout[0]))),
            holdout,
        )
    )

    def by_logit(members: Part, others: Part) -> dict[str, float]:
        return {"membership_logit_auc": membership_auc(*members, *others)}

    return _four_digits(with_errors(by_logit, (members,), (others,)))


def inversion_attack(pair: TrainedPair, train: Labelled, holdout: Labelled, track: "Track") -> dict[str, float]:
    """Measure how surely an attacker who has the generator tells training images from held-out ones.

    The attacker goes by how well the generator can make an image. The result is `membership_inversion_auc` and its
    error, to four digits, of up to `ATTACKED` random images of both kinds. `track` shows the progress.
    """
    count = min(ATTACKED, len(train[0]), len(holdout[0]))
    on_images = track("attacking the generator", 2 * count, "images")
    members, others = (
        reconstruction_errors(pair, random_subset(images, count), random_subset(labels, count), on_images)
        for images, labels in (train, holdout)
    )

    def by_error(members: Part, others: Part) -> dict[str, float]:
        return {"membership_inversion_auc": membership_auc(-members[0], -others[0])}

    return _four_digits(with_errors(by_error, (members,), (others,)))


def privacy_metrics(fake: Tensor, train: Tensor, holdout: Tensor, nearest: NearestRows) -> dict[str, float]:
    """Return how near synthetic images lie to training images, and what an attacker learns from that.

    All metrics are rounded to four digits. Each has its standard error, `_error`, over random halves of the images that
    distances start from.

    `nearest_train_ratio` is the median distance to the nearest training image, over that of held-out images: 1 where
    the synthetic ones are no nearer. `near_train_share` is the share that is nearer than all but 1 % of the held-out
    ones: 0.01 where they are no nearer. (The very nearest held-out image is no measure: real collections hold a few
    images twice.)

    `authenticity` is the share of synthetic images farther from their nearest training image than that one is from its
    own nearest neighbour among the others. It follows Alaa et al. 2022 (arXiv:2102.08921), section 3.3.
    `authenticity_real` is the same of held-out images.

    `membership_auc` says how surely an attacker who has the synthetic images and a set of others tells which of those
    were trained on. The attacker goes by their distance to the nearest synthetic one (area under the ROC curve: 0.5 not
    at all, 1 always).

    Args:
        fake: features of the synthetic images, `float [N, features]`.
        train: features of all training images, `float [M, features]`.
        holdout: features of the held-out images, `float [K, features]`.
        nearest: what `nearest_rows` returns for the fakes and the training images.
    """
    to_train, rows = nearest
    held_out, nearest_to_held_out = nearest_rows(holdout, train)
    sets = (
        (to_train, _authentic(to_train, train[rows], train)),
        (held_out, _authentic(held_out, train[nearest_to_held_out], train)),
        (nearest_distances(random_subset(train, len(holdout)), fake),),
        (nearest_distances(holdout, fake),),
    )
    return _four_digits(with_errors(_of_distances, *sets))


def nearest_pairs(nearest: NearestRows) -> Tensor:
    """Return the closest pairs, nearest first, as rows of fakes and of training images: `int64 [up to PAIRS, 2]`.

    They are for people to compare by eye.
    """
    to_train, rows = nearest
    closest = to_train.argsort(stable=True)[:PAIRS]
    return torch.stack([closest, rows[closest]], dim=1)


def _four_digits(metrics: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in metrics.items()}


def _of_distances(fakes: Part, held_out: Part, members: Part, others: Part) -> dict[str, float]:
    to_train, authentic = fakes
    held_out_to_train, held_out_authentic = held_out
    return {
        "nearest_train_ratio": float(to_train.median() / held_out_to_train.median()),
        "near_train_share": float((to_train < held_out_to_train.quantile(NEAR_SHARE)).float().mean()),
        "authenticity": float(authentic.mean()),
        "authenticity_real": float(held_out_authentic.mean()),
        "membership_auc": membership_auc(-members[0], -others[0]),
    }


def _authentic(distances: Tensor, nearest: Tensor, train: Tensor) -> Tensor:
    own = nearest_distances(nearest, train, neighbour=2)  # the nearest of all is itself
    return (distances > own).float()


def membership_auc(members: Tensor, others: Tensor) -> float:
    """Return how surely a score tells members, `float [N]`, from others, `float [M]`, being high for members.

    It is the area under the ROC curve: 0.5 not at all, 1 always.
    """
    truth = torch.cat([torch.ones(len(members)), torch.zeros(len(others))])
    from sklearn.metrics import roc_auc_score  # 90 MB, which an audit is spared until its workers have ended

    return float(roc_auc_score(truth.numpy(), torch.cat([members, others]).numpy()))
