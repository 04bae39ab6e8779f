"""Plan what the stage `sample` generates: which shards, by which settings and filters, and the manifest's header."""

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline import __version__
from pipeline.cluster.connection import Resources
from pipeline.config import Config
from pipeline.config.filters import FilterKeys
from pipeline.models.hardware import device_name
from pipeline.models.precision import resolve_precision
from pipeline.models.weights import TrainedPair
from pipeline.runs.code import code_digest
from pipeline.runs.fingerprint import run_identity
from pipeline.sampling.filters import kinds
from pipeline.sampling.filters.filter import Filter
from pipeline.sampling.filters.fitting import fit_filters
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.manifest import ManifestHeader
from pipeline.sampling.settings import GenerationSettings
from pipeline.sampling.shards.ranges import ShardPlan, plan_shards
from pipeline.sampling_on_ray.job import WorkerPool

# What the bytes of a record depend on, and no more: a dataset is not another one because of a better `verify`.
CODE = ("pipeline.sampling_on_ray.job", "pipeline.sampling.filters.fitting")
SOFTWARE = ("torch", "pyarrow", "opencv-python-headless", "deflate", "numpy", "scipy")


@dataclass(frozen=True)
class SamplingPlan:
    """Hold what a config asks for, on what there is."""

    shards: list[ShardPlan]
    settings: GenerationSettings
    filters: list[Filter]
    identity: str  # of the records: the same whatever their number, and the workers
    header: ManifestHeader
    pool: WorkerPool

    @classmethod
    def of(cls, config: Config, pair: TrainedPair, resources: Resources, *, model: Path, data: Path) -> Self:
        """Plan for a model, and fit the filters.

        `model` and `data` are the folders of the model and of the canonical dataset.
        """
        wanted, pool = config.sample, WorkerPool.of(config.cluster.sample_workers, resources)
        precision = resolve_precision(config.train.precision, pool.device)
        settings = GenerationSettings.of(wanted, pair.spec.condition, pair.label_names, precision)
        filters = fit_filters(wanted.filters, RecordGenerator(pair, settings), model, data)
        software = {name: importlib.metadata.version(name) for name in SOFTWARE}
        identity = run_identity(
            "sample",
            {
                "sample": wanted.model_dump(mode="json", exclude={"count"}),
                "filters": [each.description for each in filters],
                "model": pair.digest,
                "classes": pair.label_names,
                "code": code_digest(*code_of_records(wanted.filters)),
                "software": software,
                "device": {"kind": pool.device, "precision": precision, "threads": 1},
            },
        )
        header = _header(config, pair, precision, {**software, "device": device_name(pool.use_gpu)}, filters)
        return cls(plan_shards(wanted.count, wanted.shard_size), settings, filters, identity, header, pool)


def code_of_records(filters: Sequence[FilterKeys]) -> tuple[str, ...]:
    """Return the modules that the bytes of records depend on.

    Of the filters they are only those in use, so another filter in the same folder changes nothing.
    """
    return (*CODE, *(f"{kinds.__name__}.{each.kind}" for each in filters))


def _header(
    config: Config, pair: TrainedPair, precision: str, software: dict[str, str], filters: Sequence[Filter]
) -> ManifestHeader:
    spec = pair.spec
    source = pair.description["data"]
    header = {
        "name": config.name,
        "classes": pair.label_names,
        "image": {**spec.shape._asdict(), "encoding": config.sample.encoding},
        "model": {"digest": pair.digest, "uri": f"models/{pair.description['name']}"},
        "source": {
            "digest": source["digest"],
            "name": source["source"]["name"],
            "licence": source["source"]["licence"],
        },
        "config": config.model_dump(mode="json", exclude={"root": True, "cluster": True, "data": {"source": {"path"}}}),
        "precision": precision,
        "software": {"imagemint": __version__, "ray": importlib.metadata.version("ray"), **software},
        "filters": [each.description for each in filters],
    }
    return ManifestHeader.model_validate(header)
