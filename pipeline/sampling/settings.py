"""What the records of a dataset depend on, besides the model and the filters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config.schema import Sample
from pipeline.images.encodings import Encoding, encoding_named
from pipeline.sampling.labels import label_cycle


@dataclass(frozen=True)
class GenerationSettings:
    """What a record depends on, besides the model, its index and the filters."""

    seed: int
    batch_size: int
    precision: str  # fp32 or bf16
    label_cycle: NDArray[np.int64]  # [K], see `pipeline.sampling.labels`
    truncation: float | None
    encoding: Encoding

    @classmethod
    def of(cls, sample: Sample, classes: Sequence[str], precision: str) -> "GenerationSettings":
        """What a config says, for labels of the names `classes`.

        Raises:
            UserError: a weight is of none of them.
        """
        return cls(
            seed=sample.seed,
            batch_size=sample.batch_size,
            precision=precision,
            label_cycle=label_cycle(None if sample.labels == "balanced" else sample.labels, classes),
            truncation=sample.truncation,
            encoding=encoding_named(sample.encoding, sample.jpeg_quality),
        )
