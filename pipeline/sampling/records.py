"""Define records on their way from the generator to a file.

They are arrays without anything of torch, which writers need not load.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

REFUSED = "refused_"


@dataclass(frozen=True)
class Records:
    """Hold records: `images: uint8 [N, H, W, C]`, `labels, indices, attempts: int64 [N]`, `logits: float32 [N]`.

    `labels` is None where the pair is unconditional: no class was requested, so none is known. `attempts` says which
    candidate of each record passed the filters. It is None without filters, where the first candidate is used.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    indices: NDArray[np.int64]
    logits: NDArray[np.float32]  # calibrated: estimates of log p_data / p_model
    attempts: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class GeneratedShard:
    """Hold a shard's records, how many candidates each kind of filter refused, and the seconds that generating took."""

    records: Records
    refused: dict[str, int]
    seconds: float

    @property
    def candidates(self) -> int:
        """Return how many candidates were generated until every record had one that passed the filters."""
        return len(self.records.indices) + sum(self.refused.values())

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the shard as one row of a table, since arrays travel between processes without being copied.

        Columns that are None are left out.
        """
        arrays = {name: array[None] for name, array in vars(self.records).items() if array is not None}
        counts = {f"{REFUSED}{kind}": np.array([count]) for kind, count in self.refused.items()}
        return {**arrays, **counts, "seconds": np.array([self.seconds])}

    @classmethod
    def of_columns(cls, row: dict[str, NDArray[Any]]) -> "GeneratedShard":
        """Return the shard whose `columns` are given."""
        labels, attempts = (row[name][0] if name in row else None for name in ("labels", "attempts"))
        records = Records(row["images"][0], labels, row["indices"][0], row["logits"][0], attempts)
        refused = {name.removeprefix(REFUSED): int(row[name][0]) for name in row if name.startswith(REFUSED)}
        return cls(records, refused, float(row["seconds"][0]))
