"""Gather what a preset has made, as `imagemint summary` and the end of `imagemint run all` tell it."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.base.errors import UserError
from pipeline.base.json_object import JsonObject
from pipeline.base.metric import MetricValues
from pipeline.config.load import presets
from pipeline.report.summary import summary
from pipeline.sampling.manifest import Manifest, read_manifest
from pipeline.store.files import read_json


@dataclass(frozen=True)
class Results:
    """Hold what a preset has made: its dataset, and all metrics of evaluate, audit and accept."""

    name: str
    manifest: Manifest
    metrics: MetricValues

    @property
    def files(self) -> dict[str, str]:
        """Return what to open, and what each of it is."""
        dataset = f"datasets/{self.name}"
        return {
            f"{dataset}/report/index.html": "the report",
            f"{dataset}/README.md": f'the card; load_dataset("{dataset}") reads the images',
            f"models/{self.name}/samples/": "images from the generator during training",
        }

    def text(self) -> str:
        """Return some lines for people."""
        others = ", ".join(each for each in presets() if each != self.name)
        identity = f"Identity  dataset {self.manifest.dataset_id[:16]}, preset {self.name} (others: {others})"
        return f"{summary(self.manifest, self.metrics, self.files)}\n{identity}"

    def values(self) -> JsonObject:
        """Return the same for a program."""
        return {
            "preset": self.name,
            "dataset_id": self.manifest.dataset_id,
            "records": self.manifest.count,
            "files": list(self.files),
            "metrics": self.metrics,
        }


def results_of(name: str) -> Results:
    """Return what a preset has made; refuse a dataset that is not audited and accepted as it is now."""
    dataset = Path("datasets") / name
    manifest = read_manifest(dataset)
    metrics: MetricValues = {}
    for stage in ("evaluate", "audit", "accept"):
        metrics |= read_json(Path("metrics") / name / f"{stage}.json", f"metrics of the stage {stage}")
    if metrics["dataset_id"] != manifest.dataset_id:
        raise UserError(f"{dataset} has not been audited and accepted in its current state. Run `imagemint run all`.")
    return Results(name, manifest, metrics)
