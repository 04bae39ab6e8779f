"""Reject candidates by the discriminator, which estimates how much more frequent each one is among real images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pipeline.base.errors import UserError
from pipeline.base.section import Section
from pipeline.runs.fingerprint import six_digits
from pipeline.sampling.filters.filter import FilterKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pipeline.sampling.filters.filter import Candidates, Fitting

FITTED_IMAGES = 1_000  # generated of each label


class DensityRatioFilter(Section):
    """Accept images in proportion to how much more frequent they are among real ones.

    The method follows Azadi et al. 2019 (arXiv:1810.06758).
    """

    kind: Literal["density_ratio"]
    acceptance: Annotated[float, Field(ge=0.05, le=0.95)] = Field(
        0.7, description="Share of the candidates kept, in each class: less is stricter, and takes longer."
    )


@dataclass(frozen=True)
class DensityRatio:
    """Reject candidates by the discriminator's ratio of densities, after Azadi et al. 2019 (arXiv:1810.06758).

    A candidate passes with probability min(1, r / c), where r is the ratio of the densities of real and generated
    images at this image. With c as the largest ratio of all (the paper with its gamma at 0), accepted images would be
    distributed as real ones. Hardly any candidate would pass, however. The paper's gamma shifts a logit to accept more;
    here c is lowered until the requested share passes.
    """

    log_bounds: list[float]  # log c of each label
    kind = "density_ratio"

    @property
    def description(self) -> dict[str, object]:
        """Return the kind and the bound of each label."""
        return {"kind": self.kind, "log_bounds": self.log_bounds}

    def accepts(self, candidates: Candidates) -> NDArray[np.bool_]:
        """Return which candidates pass, `bool [N]`, by the random number of each."""
        import numpy as np

        bounds = np.array(self.log_bounds)[candidates.labels.numpy()]
        return np.asarray(np.log(candidates.chances) < candidates.log_ratios - bounds)


def _fit(wanted: DensityRatioFilter, fitting: Fitting) -> DensityRatio:
    """Return a filter that accepts the wanted share of the generated images of each label.

    Raises:
        UserError: the discriminator tells real images from generated ones no better than a coin.
    """
    if not fitting.discriminates:
        raise UserError(
            "sample.filters: density_ratio relies on the discriminator, but this model's discriminator tells real "
            "images from fakes no better than chance (discriminator_auc in its model.json); leave the filter out, or "
            "train longer."
        )
    logits, labels = fitting.generated(FITTED_IMAGES)
    bounds = [0.0] * (int(labels.max()) + 1)
    for label in sorted(set(labels.tolist())):
        bounds[label] = _log_bound(logits[labels == label], wanted.acceptance)
    return DensityRatio(bounds)


def _log_bound(log_ratios: NDArray[np.float64], acceptance: float) -> float:
    """Return the log c for which min(1, r / c) is `acceptance` on average, to six digits."""
    import numpy as np
    from scipy.optimize import brentq

    def surplus(log_bound: float) -> float:
        return float(np.exp(np.minimum(0, log_ratios - log_bound)).mean()) - acceptance

    # All pass at the least ratio; this far above the greatest, fewer than the share.
    return six_digits(brentq(surplus, log_ratios.min(), log_ratios.max() - np.log(acceptance) + 1))


FILTER = FilterKind(
    DensityRatioFilter,
    _fit,
    effect="images that the discriminator finds more frequent among real ones are kept more often, which changes how "
    "often each kind of image occurs",
    remedy="raise density_ratio's acceptance",
)
