"""Refuse near copies: images as near to a training image as few held-out images are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pipeline.base.section import Section
from pipeline.runs.fingerprint import six_digits
from pipeline.sampling.filters.filter import FilterKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pipeline.sampling.filters.filter import Candidates, Fitting, NearestImage


class NearCopyFilter(Section):
    """Refuse images that lie as near to a training image as only the nearest of the validation images do."""

    kind: Literal["near_copy"]
    share: Annotated[float, Field(gt=0, le=0.5)] = Field(
        0.01, description="Share of the validation images, in each class, that the filter would refuse, too."
    )


@dataclass(frozen=True)
class NearCopy:
    """Refuse images that are too near to any training image, by the embedder's features."""

    nearest: NearestImage
    nearest_allowed: list[float]  # for each label
    kind = "near_copy"

    @property
    def description(self) -> dict[str, object]:
        """Return the allowed distances, and the digests of what they were measured with."""
        return {"kind": self.kind, "nearest_allowed": self.nearest_allowed, **self.nearest.description}

    def accepts(self, candidates: Candidates) -> NDArray[np.bool_]:
        """Return which candidates are farther away than the distance allowed to their class, `bool [N]`."""
        distances = self.nearest.distances(candidates.images)
        allowed = distances.new_tensor(self.nearest_allowed)[candidates.labels]
        passed: NDArray[np.bool_] = (distances > allowed).numpy()
        return passed


def _fit(wanted: NearCopyFilter, fitting: Fitting) -> NearCopy:
    """Return a filter with a least distance for each class, under which the wanted share of its validation images lies."""
    distances, labels = fitting.validation_distances()
    groups = [distances[labels == label] for label in range(fitting.classes)] or [distances]
    # A class that validation has no image of is measured by all.
    allowed = [six_digits(float((group if len(group) else distances).quantile(wanted.share))) for group in groups]
    return NearCopy(fitting.nearest_training_image(), allowed)


FILTER = FilterKind(
    NearCopyFilter,
    _fit,
    effect="images that lie as near to a training image as few held-out images do are refused",
    remedy="lower near_copy's share",
)
