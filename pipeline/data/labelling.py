"""From what a source calls its images to numbers of classes."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.config.rules import ONLY_CLASS
from pipeline.errors import UserError

OTHER_CLASS = "of a class that data.classes leaves out"
NO_LABEL = "no label"


@dataclass(frozen=True)
class Labelled:
    """`labels: int64 [N]` among `classes`; -1 where `reasons` says why there is none."""

    classes: list[str]
    labels: NDArray[np.int64]
    reasons: dict[int, str]


def number_labels(found: pa.ChunkedArray, of_source: list[str] | None, wanted: list[str] | None) -> Labelled:
    """Numbers the classes.

    Args:
        found: string [N]: names; where the source counts its classes (`of_source`, or `wanted` alone), numbers in digits; null: none.
        of_source: the source's own names of its numbers.
        wanted: the config's `data.classes`: names in the order of the labels; null: all that occur.
    """
    values = sorted(value for value in pc.unique(found).to_pylist() if value is not None)
    if not values:
        if wanted is not None and len(wanted) > 1:
            raise UserError(f"data.classes: {len(wanted)} names, but the source has no labels; give one name, or none.")
        return Labelled(wanted or [ONLY_CLASS], np.zeros(len(found), np.int64), {})
    names = {value: value for value in values}
    if of_source is not None or (
        wanted is not None and all(value.isdecimal() for value in values) and not set(values) & set(wanted)
    ):
        counted = of_source if of_source is not None else wanted
        assert counted is not None
        largest = max(int(value) for value in values)
        if largest >= len(counted):
            raise UserError(
                f"data.classes: {len(counted)} names, but the source has the label {largest}; "
                f"give one name for each label from 0 to {largest}."
            )
        names = {value: counted[int(value)] for value in values}
    classes = wanted if wanted is not None else of_source if of_source is not None else sorted(values)
    missing = sorted(set(classes) - set(names.values()), key=classes.index)
    if missing:
        raise UserError(
            f"data.classes: the source has no image of {', '.join(missing)}; leave out classes that do not occur. It has "
            f"{', '.join(sorted(names.values())[:20])}."
        )
    number = {value: classes.index(name) if name in classes else -1 for value, name in names.items()}
    encoded = pc.index_in(found, pa.array(list(number), pa.string()))
    positions = encoded.fill_null(len(number)).to_numpy()
    labels = np.array([*number.values(), -1], np.int64)[positions]
    reasons = {
        row: NO_LABEL if positions[row] == len(number) else OTHER_CLASS for row in np.flatnonzero(labels < 0).tolist()
    }
    return Labelled(list(classes), labels, reasons)
