"""Figures of a running stage for Prometheus: Ray offers them on the node where they are set, with `ray_` before their names."""

from ray.util.metrics import Gauge

PREFIX = "imagemint_"
LABELS = ("stage", "preset", "run")
GAUGES = {
    "images": "Images made so far; in training, real images seen",
    "images_wanted": "Images that the run will have made, or seen, in the end",
    "images_per_s": "Images a second, since the first shard was begun; in training, since the last checkpoint",
    "shards": "Shards committed so far",
    "shards_wanted": "Shards that the run will have committed in the end",
    "acceptance": "Share of the candidates that the filters kept, since the command was started",
    "generator_loss": "Mean since the last checkpoint",
    "discriminator_loss": "Mean since the last checkpoint",
    "diversity_min": "Collapse: how different the images of the least diverse class are, as a share of the real ones'; below 0.1 is a collapse",
    "fd_domain": "Frechet distance to the validation images in the embedder's features",
    "findings": "Things that went wrong in training so far",
}


class RunGauges:
    """Those of one run. They are offered while this process lives."""

    def __init__(self, stage: str, preset: str, fingerprint: str) -> None:
        self._labels = dict(zip(LABELS, (stage, preset, fingerprint[:16]), strict=True))
        self._gauges: dict[str, Gauge] = {}

    def show(self, **figures: float) -> None:
        """Sets gauges by their names in `GAUGES`."""
        for name, value in figures.items():
            if name not in self._gauges:
                self._gauges[name] = Gauge(PREFIX + name, description=GAUGES[name], tag_keys=LABELS)
            self._gauges[name].set(value, tags=self._labels)
