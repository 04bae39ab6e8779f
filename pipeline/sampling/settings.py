"""Define what the records of a dataset depend on, besides the model and the filters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config.schema import Sample
from pipeline.images.encodings import Encoding, encoding_named
from pipeline.models.condition import Condition


@dataclass(frozen=True)
class GenerationSettings:
    """Hold what a record depends on, besides the model, its index and the filters."""

    seed: int
    batch_size: int
    precision: str  # fp32 or bf16
    label_cycle: NDArray[np.int64]  # [K], see `pipeline.models.labels`
    truncation: float | None
    encoding: Encoding

    @classmethod
    def of(cls, sample: Sample, condition: Condition, names: Sequence[str], precision: str) -> "GenerationSettings":
        """Return the settings that a config asks for, with a model's condition and the names of its labels.

        Raises:
            UserError: the config gives a weight to a label that the model does not have.
        """
        return cls(
            seed=sample.seed,
            batch_size=sample.batch_size,
            precision=precision,
            label_cycle=condition.cycle(None if sample.labels == "balanced" else sample.labels, names),
            truncation=sample.truncation,
            encoding=encoding_named(sample.encoding, sample.jpeg_quality),
        )
