"""Offer numbers of a running stage to Prometheus.

Ray offers them on the node where they are set, with `ray_` before their names.
"""

from unicodedata import normalize

from ray.util.metrics import Gauge

from pipeline.config.metrics import in_training

PREFIX = "imagemint_"
LABELS = ("stage", "preset", "run")
_OF_RUNS = {
    "images": "Images generated so far; in training, real images seen",
    "images_wanted": "Images that the whole run generates; in training, real images that it sees",
    "images_per_s": "Images per second since the first shard began; in training, since the last checkpoint",
    "shards": "Shards committed so far",
    "shards_wanted": "Shards that the whole run commits",
    "acceptance": "Share of the candidates that passed the filters since the command started",
    "generator_loss": "Mean loss of the generator since the last checkpoint",
    "discriminator_loss": "Mean loss of the discriminator since the last checkpoint",
    "findings": "Findings of the training diagnostics so far",
}


def _of_metrics() -> dict[str, str]:
    described: dict[str, str] = {}
    for _, metric, view in in_training():
        if view.gauge is not None:
            described.setdefault(view.gauge, f"On validation images: {metric.definition}")
    # Ray takes ASCII alone.
    return {name: normalize("NFKD", text).encode("ascii", "ignore").decode() for name, text in described.items()}


# Descriptions by name, which stands after `PREFIX`.
GAUGES = _OF_RUNS | _of_metrics()


class RunGauges:
    """Offer the gauges of one run while this process lives."""

    def __init__(self, stage: str, preset: str, fingerprint: str) -> None:
        self._labels = dict(zip(LABELS, (stage, preset, fingerprint[:16]), strict=True))
        self._gauges: dict[str, Gauge] = {}

    def show(self, **values: float) -> None:
        """Set gauges by their names in `GAUGES`."""
        for name, value in values.items():
            if name not in self._gauges:
                self._gauges[name] = Gauge(PREFIX + name, description=GAUGES[name], tag_keys=LABELS)
            self._gauges[name].set(value, tags=self._labels)
