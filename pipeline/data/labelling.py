"""Turn the names that a source gives its classes into numbers of classes."""

import re
import unicodedata
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.base.errors import UserError
from pipeline.config.constants import ONLY_CLASS

OTHER_CLASS = "of a class that data.classes leaves out"
NO_LABEL = "no label"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")  # 01 is a name


@dataclass(frozen=True)
class Labelled:
    """Hold `labels: int64 [N]`, numbers among `classes`; a label is -1 where `reasons` says why there is none."""

    classes: list[str]
    labels: NDArray[np.int64]
    reasons: dict[int, str]
    warnings: list[str] = field(default_factory=list)  # one sentence each


def natural_key(name: str) -> tuple[list[str | tuple[int, str]], str]:
    """Return the key by which names sort as people count: 1, 2, 10.

    Names that differ only in leading zeros stay two.
    """
    texts_and_digits = re.split("([0-9]+)", name)
    steps: list[str | tuple[int, str]] = list(texts_and_digits)
    for place in range(1, len(steps), 2):
        digits = texts_and_digits[place].lstrip("0")
        steps[place] = (len(digits), digits)  # as numbers are compared, without a limit of digits
    return steps, name


def number_labels(found: pa.ChunkedArray, of_source: list[str] | None, wanted: list[str] | None) -> Labelled:
    """Number the classes by the natural order of their names. Names that look the same in Unicode (NFC) are one class.

    Args:
        found: the label of each image, string [N]; null: no label. Labels are names, or numbers in digits where
            the source counts its classes (`of_source`, or `wanted` alone).
        of_source: the source's own names for its numbers; None: it has no such names.
        wanted: the config's `data.classes`, names in the order of the labels; None: all that occur.

    Raises:
        UserError: `data.classes` does not fit the labels of the source.
    """
    found = pc.utf8_normalize(found, form="NFC")
    wanted = None if wanted is None else [unicodedata.normalize("NFC", name) for name in wanted]
    values = sorted((value for value in pc.unique(found).to_pylist() if value is not None), key=natural_key)
    if not values:
        if wanted is not None and len(wanted) > 1:
            raise UserError(f"data.classes: {len(wanted)} names, but the source has no labels; give one name, or none.")
        return Labelled(wanted or [ONLY_CLASS], np.zeros(len(found), np.int64), {})
    names = {value: value for value in values}
    if of_source is not None or (
        wanted is not None and all(_NUMBER.fullmatch(value) for value in values) and not set(values) & set(wanted)
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
    warnings = []
    if wanted is not None:
        classes = wanted
    elif of_source is not None:
        classes = [name for name in of_source if name in names.values()]
        if empty := [name for name in of_source if name not in classes]:
            warnings = [
                f"Of the classes that the source names, these have no image and are left out: {', '.join(empty)}."
            ]
    else:
        classes = values
    missing = sorted(set(classes) - set(names.values()), key=classes.index)
    if missing:
        raise UserError(
            f"data.classes: the source has no image of {', '.join(missing)}; leave out classes that do not occur. It has "
            f"{', '.join(sorted(names.values(), key=natural_key)[:20])}."
        )
    number = {value: classes.index(name) if name in classes else -1 for value, name in names.items()}
    encoded = pc.index_in(found, pa.array(list(number), pa.string()))
    positions = encoded.fill_null(len(number)).to_numpy()
    labels = np.array([*number.values(), -1], np.int64)[positions]
    reasons = {
        row: NO_LABEL if positions[row] == len(number) else OTHER_CLASS for row in np.flatnonzero(labels < 0).tolist()
    }
    return Labelled(list(classes), labels, reasons, warnings)
