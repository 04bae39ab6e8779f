"""Augment as strongly as the discriminator's overfitting demands (ADA; Karras et al. 2020, arXiv:2006.06676)."""

import math
from functools import reduce

import torch
from torch import Tensor

from pipeline.training.augment import in_the_form_of, to_full_precision
from pipeline.training.warp import warp

# The fewest images in which the probability rises from 0 to 1 (the paper's section 3).
IMAGES_FROM_0_TO_1 = 500_000

# In the order in which they are applied. Each is gated by a draw of its own, in the same order.
GEOMETRY = ("x_flip", "quarter_turn", "shift", "scale", "first_turn", "stretch", "second_turn", "fine_shift")
COLOUR = ("brightness", "contrast", "luma_flip", "hue", "saturation")
TRANSFORMATIONS = GEOMETRY + COLOUR
# Then one draw for how much of it: two for the shifts, along x and y.
AMOUNTS = (*TRANSFORMATIONS, "shift_y", "fine_shift_y")

# Their strengths in the paper's appendix B.
SHIFT = 0.125  # of the side: range of the uniform one, deviation of the normal one
SCALE_LOG2 = 0.2  # deviation
BRIGHTNESS = 0.2  # deviation
CONTRAST_LOG2 = 0.5  # deviation
SATURATION_LOG2 = 1.0  # deviation

# Uniform draws are multiples of 2^-24, and 0 would be a normal draw of minus infinity.
SMALLEST_DRAW = 2.0**-25


class AdaptiveAugment:
    """Change geometry and colour: apply each transformation to each image with probability `p`, which training adapts.

    The set of transformations is the paper's "bgc", with simplifications for small images. The warp is bilinear,
    without the paper's wavelet filters against aliasing. Beyond the edges lies black instead of a reflection, and grey
    images keep their luma. Images are square.

    Args:
        target: the mean sign of D(real) - D(fake) over pairs, in (-1, 1), at which `p` stays as it is. The paper
            uses 0.6 and the sign of D(real), which needs a logit with a zero.
        device: where the images are.

    Attributes:
        p: `float32 []` in [0, 1] on the device. At 0 images come out exactly as they went in: `torch.where` takes
            the whole image from the input unless one of its gates is open.
    """

    draws_per_image = len(TRANSFORMATIONS) + len(AMOUNTS)

    def __init__(self, target: float, device: torch.device) -> None:
        self.target = target
        self.p = torch.zeros((), device=device)

    def random_numbers(self, generator: torch.Generator, count: int) -> Tensor:
        """Generate the random numbers: see `Augmentation`."""
        return torch.rand(count, self.draws_per_image, generator=generator)

    def __call__(self, images: Tensor, draws: Tensor) -> Tensor:
        """Augment the images: see `Augmentation`."""
        with torch.autocast(images.device.type, enabled=False):
            result = to_full_precision(images)
            gate_draws, amount_draws = draws.split([len(TRANSFORMATIONS), len(AMOUNTS)], dim=1)
            gates = self._gates(gate_draws)
            amounts = _amounts(gates, amount_draws.to(result.dtype))
            result = torch.where(_any_of(GEOMETRY, gates), warp(result, _sources(amounts, images.shape[-1])), result)
            result = torch.where(_any_of(COLOUR, gates), _recolour(result, amounts), result)
            return in_the_form_of(images, result)

    def _gates(self, draws: Tensor) -> dict[str, Tensor]:
        """Decide which transformations each image gets: `bool [N]` for each."""
        gates = dict(zip(TRANSFORMATIONS, (draws < self.p).unbind(1), strict=True))
        # Two turns, one before and one after the stretch: together they happen with probability p.
        once = 1 - (1 - self.p).sqrt()
        for name in ("first_turn", "second_turn"):
            gates[name] = draws[:, TRANSFORMATIONS.index(name)] < once
        return gates

    @torch.no_grad()
    def adapt(self, sign: Tensor, images: int) -> None:
        """Adjust `p` after another `images` images: up if D is too sure of the real ones, down if it is not.

        `sign: float []` is the mean of sign(D(real) - D(fake)) over the pairs of the global batch.
        """
        self.p += torch.sign(sign - self.target) * (images / IMAGES_FROM_0_TO_1)
        self.p.clamp_(0, 1)

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint has to store."""
        return {"p": self.p.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore what `state_dict` returned."""
        self.p.copy_(state["p"])


def _any_of(names: tuple[str, ...], gates: dict[str, Tensor]) -> Tensor:
    return torch.stack([gates[name] for name in names]).any(dim=0)[:, None, None, None]


def _amounts(gates: dict[str, Tensor], draws: Tensor) -> dict[str, Tensor]:
    """Return how much of each transformation each image gets, `float [N]` each; 0 changes nothing, in every unit."""
    uniform = dict(zip(AMOUNTS, draws.unbind(1), strict=True))
    normal_draws = torch.special.ndtri(draws.clamp(min=SMALLEST_DRAW))
    normal = dict(zip(AMOUNTS, normal_draws.unbind(1), strict=True))
    amounts = {
        "x_flip": (2 * uniform["x_flip"]).floor(),  # 0 or 1
        "quarter_turn": (4 * uniform["quarter_turn"]).floor(),  # 0 to 3
        "shift": SHIFT * (2 * uniform["shift"] - 1),  # of the side
        "shift_y": SHIFT * (2 * uniform["shift_y"] - 1),
        "scale": SCALE_LOG2 * normal["scale"],
        "first_turn": math.pi * (2 * uniform["first_turn"] - 1),  # radians
        "stretch": SCALE_LOG2 * normal["stretch"],
        "second_turn": math.pi * (2 * uniform["second_turn"] - 1),
        "fine_shift": SHIFT * normal["fine_shift"],
        "fine_shift_y": SHIFT * normal["fine_shift_y"],
        "brightness": BRIGHTNESS * normal["brightness"],
        "contrast": CONTRAST_LOG2 * normal["contrast"],
        "luma_flip": (2 * uniform["luma_flip"]).floor(),
        "hue": math.pi * (2 * uniform["hue"] - 1),
        "saturation": SATURATION_LOG2 * normal["saturation"],
    }
    return {name: torch.where(gates[name.removesuffix("_y")], amount, 0.0) for name, amount in amounts.items()}


def _sources(amounts: dict[str, Tensor], side: int) -> Tensor:
    """Return the affine maps that say where each image's pixels come from: `float [N, 2, 3]`, for `warp`.

    The product consists of inverses, as it leads from the result back to the image. Steps that are as likely as their
    inverses are not inverted.
    """
    pixel = 2 / side
    quarter = amounts["quarter_turn"]
    odd = quarter % 2
    steps = [
        _scaling(1 - 2 * amounts["x_flip"], torch.ones_like(odd)),
        # Whole numbers, unlike what cos and sin make of pi / 2: 1, 0, -1, 0 and 0, 1, 0, -1.
        _rotation((1 - odd) * (1 - quarter), odd * (2 - quarter)),
        _shift((amounts["shift"] * side).round() * pixel, (amounts["shift_y"] * side).round() * pixel),
        _scaling(amounts["scale"].exp2(), amounts["scale"].exp2()),
        _rotation(amounts["first_turn"].cos(), amounts["first_turn"].sin()),
        _scaling(amounts["stretch"].exp2(), (-amounts["stretch"]).exp2()),
        _rotation(amounts["second_turn"].cos(), amounts["second_turn"].sin()),
        _shift(2 * amounts["fine_shift"], 2 * amounts["fine_shift_y"]),
    ]
    return reduce(torch.matmul, steps)[:, :2]


def _scaling(x: Tensor, y: Tensor) -> Tensor:
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return _matrices([[x, zero, zero], [zero, y, zero], [zero, zero, one]])


def _rotation(cos: Tensor, sin: Tensor) -> Tensor:
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    return _matrices([[cos, -sin, zero], [sin, cos, zero], [zero, zero, one]])


def _shift(x: Tensor, y: Tensor) -> Tensor:
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return _matrices([[one, zero, x], [zero, one, y], [zero, zero, one]])


def _matrices(rows: list[list[Tensor]]) -> Tensor:
    """Stack `float [N]` entries to matrices, `float [N, 3, 3]`."""
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def _recolour(images: Tensor, amounts: dict[str, Tensor]) -> Tensor:
    brightness = amounts["brightness"][:, None, None, None]
    contrast = amounts["contrast"].exp2()[:, None, None, None]
    coloured = (images + brightness) * contrast
    if images.shape[1] != 3:
        return coloured
    return (_about_luma(amounts) @ coloured.flatten(2)).view(images.shape)


def _about_luma(amounts: dict[str, Tensor]) -> Tensor:
    """Return the colour matrices, `float [N, 3, 3]`, that flip luma, turn hues and scale saturations.

    All of them preserve the grey axis (1, 1, 1). So their product splits into a part along it and a rotation around it,
    the latter by Rodrigues' formula.
    """
    identity = torch.eye(3, dtype=amounts["hue"].dtype, device=amounts["hue"].device)
    luma = torch.full_like(identity, 1 / 3)
    cross = (identity.roll(1, dims=0) - identity.roll(1, dims=1)) / math.sqrt(3)
    hue, saturation, luma_flip = (amounts[name][:, None, None] for name in ("hue", "saturation", "luma_flip"))
    chroma = hue.cos() * (identity - luma) + hue.sin() * cross
    return (1 - 2 * luma_flip) * luma + saturation.exp2() * chroma
