"""Learn features of images without labels: a network learns to tell every image from all others by parts of it.

It is the classifier's own network, trained with the contrastive loss of SimCLR (Chen et al. 2020, arXiv:2002.05709).
Views are designed to measure distances, not to recognise things: what a view varies, the features learn to overlook. So
views are not blurred, mirrored or turned, and their colours change a little only. Noise is weak, too, but not absent:
without any, noise of 3 % of the range would count for more than a missing class.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.embedding.classifier import FeatureNetwork, Fit, autocast, in_batches, to_classifier
from pipeline.models.layout import channels_last

SMALLEST_VIEW = 0.4  # of the image's area
ASPECT = 4 / 3  # of a view's sides, at most
COLOUR = 0.2  # brightness, in units of [-1, 1], and contrast and each channel's share of it, changed by up to this
NOISE = 0.02  # its standard deviation at most, in units of [-1, 1]
TEMPERATURE = 0.2
HEAD = 128  # numbers that the loss compares; the head that makes them is thrown away after training
RECOGNISED_AMONG = 500  # images


def train_self_supervised(
    build: Callable[[], FeatureNetwork],
    images: Tensor,
    fit: Fit,
    progress: Callable[[float, float], None] | None = None,
) -> FeatureNetwork:
    """Train what `build` makes to find, for one view of an image, the other view of the same image among those of a batch.

    Args:
        build: makes the network; its initial weights come from `fit.seed`.
        images: `uint8 [N, C, H, W]`.
        fit: budget and rates; each image of a batch is shown in two views, and each view counts as an image.
        progress: told how much of the training is done, from 0 to 1, and the current loss, about a hundred times.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(fit.seed)
        network = channels_last(build())
        features = network.project.out_features
        head = nn.Sequential(nn.Linear(features, 2 * features), nn.ReLU(), nn.Linear(2 * features, HEAD))
        # An image that stood in a batch twice would be told from itself.
        batch_size = min(fit.batch_size, len(images))
        steps = max(fit.total_images // (2 * batch_size), 1)
        optimizer = torch.optim.AdamW(
            [*network.parameters(), *head.parameters()], fit.learning_rate, weight_decay=0.01, fused=True
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, fit.learning_rate, total_steps=max(steps, 2))
        order = torch.empty(0, dtype=torch.int64)
        for step in range(steps):
            if len(order) < batch_size:
                order = torch.randperm(len(images))
            batch, order = order[:batch_size], order[batch_size:]
            shown = to_classifier(images[batch])
            views = torch.cat([random_view(shown), random_view(shown)]).contiguous(memory_format=torch.channels_last)
            with autocast():
                found = head(network.features(views))
            first, second = found.float().chunk(2)
            loss = contrastive_loss(first, second, TEMPERATURE)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            if progress is not None and ((step + 1) % max(steps // 100, 1) == 0 or step + 1 == steps):
                progress((step + 1) / steps, loss.item())
    network.eval()
    return network


def random_view(images: Tensor) -> Tensor:
    """Return a random part of each image, scaled to the whole size, with slightly changed light and colour, and noise.

    `float [N, C, H, W]` in and out.
    """
    count, channels, _, _ = images.shape
    side = torch.empty(count).uniform_(SMALLEST_VIEW, 1).sqrt()
    longer = torch.empty(count).uniform_(-0.5, 0.5).mul(math.log(ASPECT)).exp()
    sides = torch.stack([side * longer, side / longer], dim=1).clamp(max=1)
    offsets = torch.empty(count, 2).uniform_(-1, 1) * (1 - sides)
    affine = torch.cat([torch.diag_embed(sides), offsets[:, :, None]], dim=2)
    grid = F.affine_grid(affine, list(images.shape), align_corners=False)
    views: Tensor = F.grid_sample(images, grid, align_corners=False, padding_mode="border")
    brightness, contrast = torch.empty(2, count, 1, 1, 1).uniform_(-COLOUR, COLOUR)
    mean = views.mean(dim=(1, 2, 3), keepdim=True)
    views = (views - mean) * (1 + contrast) + mean + brightness
    if channels > 1:
        views = views * torch.empty(count, channels, 1, 1).uniform_(1 - COLOUR, 1 + COLOUR)
    return views + torch.randn_like(views) * torch.empty(count, 1, 1, 1).uniform_(0, NOISE)


def contrastive_loss(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Return the cross-entropy of finding each view's partner among all other views, by cosine.

    This is NT-Xent (Chen et al. 2020, eq. 1). `first`, `second`: `float [N, D]`, row by row of the same images.
    """
    count = len(first)
    views = F.normalize(torch.cat([first, second]), dim=1)
    likeness = (views @ views.T / temperature).fill_diagonal_(-torch.inf)
    partners = (torch.arange(2 * count) + count) % (2 * count)
    return F.cross_entropy(likeness, partners)


def recognised_share(network: FeatureNetwork, images: Tensor) -> float:
    """Return how often one view of an image is nearest to another view of that image, among views of up to 500 images.

    `images`: `uint8 [N, C, H, W]`. A network that has learned nothing is right once in N; the views are the same each
    time.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        chosen = images[torch.randperm(len(images))[:RECOGNISED_AMONG]]
        first, second = (
            F.normalize(in_batches(lambda batch: network.features(random_view(batch)), chosen), dim=1) for _ in range(2)
        )
    return float(((first @ second.T).argmax(dim=1) == torch.arange(len(chosen))).float().mean())
