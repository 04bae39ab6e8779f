"""Write a run's metrics and images as TensorBoard logs, for those who follow several runs in a browser."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.images.png import decode_png
from pipeline.training.history import EvaluationRow


class BoardWriter:
    """Write one point a metric at each evaluation; take back what an interrupted run wrote after its last checkpoint.

    Args:
        folder: where the logs go.
        history: the evaluations of the run so far.
    """

    def __init__(self, folder: Path, history: Sequence[EvaluationRow]) -> None:
        from torch.utils.tensorboard import SummaryWriter  # of an extra, and slow to import

        # A run that has gone back passes the same number of images twice: evaluations are counted instead.
        self.evaluations = len(history)
        self._writer = SummaryWriter(str(folder), purge_step=self.evaluations + 1)

    def add(self, row: EvaluationRow, pictures: Path) -> None:
        """Write the metrics of a new evaluation, and those of its images that exist."""
        self.evaluations += 1
        for name, value in row.record().items():
            self._writer.add_scalar(name, value, self.evaluations)
        drawn = {"images": f"images-{row.images_seen:09d}.png", "interpolation": "interpolation.png"}
        for name, file in drawn.items():
            if (pictures / file).exists():  # after a rollback nothing new is drawn
                pixels = decode_png((pictures / file).read_bytes(), channels=3)
                self._writer.add_image(name, pixels, self.evaluations, dataformats="HWC")
        self._writer.flush()
