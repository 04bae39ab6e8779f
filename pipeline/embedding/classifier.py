"""Train and use image classifiers that are small enough for a laptop.

Two networks share it: the domain classifier, whose features measure distances, and the classifier that measures the
usefulness of a dataset. They differ in kind on purpose, so that the second is no echo of the first.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.images.shape import ImageShape
from pipeline.models.layout import channels_last
from pipeline.models.precision import resolve_precision

SMALLEST_MAP = 4  # px


class FeatureNetwork(nn.Module):
    """Compute features by strided convolutions with batch norm; they are the space of `fd_domain`.

    `features(images float [N, C, H, W] in [-1, 1]) -> float [N, features]`, none below 0.
    """

    classes = 1  # of the data that it is for

    def __init__(self, shape: ImageShape, features: int) -> None:
        super().__init__()
        self.shape = shape
        layers = [*_block(shape.channels, 32, stride=2), *_block(32, 64, stride=1)]
        sides, maps = _halved(shape[1:]), 64
        while max(sides) > SMALLEST_MAP:
            after = min(2 * maps, 256)
            layers += _block(maps, after, stride=2)
            sides, maps = _halved(sides), after
            if max(sides) <= 2 * SMALLEST_MAP:
                break
        self.maps = nn.Sequential(*layers, nn.Flatten())
        self.project = nn.Linear(maps * math.prod(sides), features)

    def features(self, images: Tensor) -> Tensor:
        return F.relu(self.project(self.maps(images)))


class DomainClassifier(FeatureNetwork):
    """Classify images of the domain, by features in between: `forward -> logits float [N, classes]`."""

    def __init__(self, shape: ImageShape, classes: int, features: int) -> None:
        super().__init__(shape, features)
        self.classes = classes
        self.logits = nn.Linear(features, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.logits(self.features(images))
        return logits


def _halved(sides: Sequence[int]) -> list[int]:
    """Return height and width of the maps after a stride of 2."""
    return [math.ceil(side / 2) for side in sides]


def _block(before: int, after: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]


class UsefulnessClassifier(nn.Module):
    """Classify images by plain convolutions with max pooling, the textbook network.

    `forward(images float [N, C, H, W]) -> logits [N, classes]`.
    """

    def __init__(self, shape: ImageShape, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        maps = shape.channels
        for after in (32, 64):
            layers += [nn.Conv2d(maps, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            maps = after
        height, width = (min(side // 4, 7) for side in shape[1:])
        self.maps = nn.Sequential(*layers, nn.AdaptiveAvgPool2d((height, width)), nn.Flatten())
        self.hidden = nn.Linear(maps * height * width, 128)
        self.logits = nn.Linear(128, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.logits(F.relu(self.hidden(self.maps(images))))
        return logits


@dataclass(frozen=True)
class Fit:
    """Describe how long and how a classifier is trained; `total_images` counts repeats."""

    total_images: int
    batch_size: int
    learning_rate: float
    seed: int


def train_classifier(
    build: Callable[[], nn.Module],
    images: Tensor,
    labels: Tensor,
    fit: Fit,
    progress: Callable[[float, float], None] | None = None,
) -> nn.Module:
    """Train what `build` makes, by AdamW and one learning-rate cycle (Smith & Topin 2018, arXiv:1708.07120).

    Args:
        build: makes the network; its initial weights come from `fit.seed`.
        images: `uint8 [N, C, H, W]`.
        labels: `int64 [N]`.
        fit: budget and rates.
        progress: told how much of the training is done, from 0 to 1, and the current loss, about a hundred times.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(fit.seed)
        network = channels_last(build())
        steps = max(fit.total_images // fit.batch_size, 1)
        optimizer = torch.optim.AdamW(network.parameters(), fit.learning_rate, weight_decay=0.01, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, fit.learning_rate, total_steps=max(steps, 2))
        order = torch.empty(0, dtype=torch.int64)
        for step in range(steps):
            while len(order) < fit.batch_size:
                order = torch.cat([order, torch.randperm(len(images))])
            batch, order = order[: fit.batch_size], order[fit.batch_size :]
            with autocast():
                logits = network(to_classifier(images[batch]))
            loss = F.cross_entropy(logits.float(), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            if progress is not None and ((step + 1) % max(steps // 100, 1) == 0 or step + 1 == steps):
                progress((step + 1) / steps, loss.item())
    network.eval()
    return network


def to_classifier(images: Tensor) -> Tensor:
    """Convert pixels to a classifier's input: `uint8 [N, C, H, W]` -> `float [N, C, H, W]` in [-1, 1]."""
    return (images.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def in_batches(function: Callable[[Tensor], Tensor], images: Tensor, batch_size: int = 500) -> Tensor:
    """Return `function` of `uint8 [N, C, H, W]` images, applied batch by batch as to a classifier: `float [N, …]`."""
    with autocast():
        return torch.cat([function(to_classifier(batch)).float() for batch in images.split(batch_size)])


def accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the share of images that `network` labels correctly."""
    return float((in_batches(network, images).argmax(dim=1) == labels).float().mean())


def autocast() -> torch.autocast:
    """Return a context that computes in bfloat16 where the processor multiplies it natively."""
    return torch.autocast("cpu", torch.bfloat16, enabled=resolve_precision("auto", "cpu") == "bf16")
