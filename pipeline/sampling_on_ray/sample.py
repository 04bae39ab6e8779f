"""The work of the stage `sample`."""

import importlib.metadata
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Self

from pipeline import __version__
from pipeline.base.errors import UserError
from pipeline.base.pace import Pace, in_words
from pipeline.cluster.connection import Resources, connect
from pipeline.cluster.gauges import RunGauges
from pipeline.models.hardware import device_name
from pipeline.models.precision import resolve_precision
from pipeline.models.weights import DESCRIPTION, DISCRIMINATOR, GENERATOR, TrainedPair, load_pair
from pipeline.runs.code import code_digest
from pipeline.runs.command import Command
from pipeline.runs.fingerprint import run_identity
from pipeline.runs.input_files import share
from pipeline.runs.run import Run, local_root, require_space, store_prefix
from pipeline.runs.usage import TIME, UsageMeter, usage_of
from pipeline.sampling.assemble import assemble, require_same_records, reserved
from pipeline.sampling.filters.filter import Filter
from pipeline.sampling.filters.fitting import fit_filters
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.manifest import ManifestHeader, build_manifest
from pipeline.sampling.settings import GenerationSettings
from pipeline.sampling.shards.commits import Commit, ShardTarget, committed
from pipeline.sampling.shards.ranges import ShardPlan, plan_shards
from pipeline.sampling.status import Request, read_request, write_request
from pipeline.sampling_on_ray.job import StoredGenerator, WorkerPool, make_shards
from pipeline.store.files import require_free_space, write_json

# What the bytes of a record depend on, and no more: a dataset is not another one because of a better `verify`.
CODE = ("pipeline.sampling_on_ray.job", "pipeline.sampling.filters.fitting")
SOFTWARE = ("torch", "pyarrow", "opencv-python-headless", "deflate", "numpy", "scipy")


def sample(command: Command) -> None:
    """Makes the shards that are missing and publishes the dataset, its manifest last."""
    config, pair = command.config, load_pair(command.model)
    _require_space(command, pair)
    with connect(config.root, config.cluster.sample_workers, on_gpus=True) as resources:
        plan = SamplingPlan.of(command, pair, resources)
        with (
            reserved(command.out),
            Run.open(config.root, command.stage, plan.identity, fresh=command.fresh) as run,
        ):
            request = _take_up(command, plan, run)
            target = ShardTarget(run.folder, plan.identity, tuple(config.sample.formats), tuple(plan.header.classes))
            _make_missing(command, plan, run, target)
            manifest = build_manifest(target, _all_committed(target, plan.shards), plan.header)
            prefix = store_prefix(config.root, f"datasets/{manifest.name}/{manifest.dataset_id[:16]}")
            assemble(target, manifest, command.out, prefix)
            write_request(run.folder, request.model_copy(update={"published": True}))
            write_json(command.metrics / f"sample_{TIME}", asdict(usage_of(run.folder)))
    kept = manifest.count / sum(shard.candidates for shard in manifest.shards)
    filtered = f" ({kept:.1%} of the candidates)" if plan.filters else ""
    command.say(f"{manifest.count:,} images{filtered}, dataset {manifest.dataset_id[:16]} -> {prefix or command.out}")


@dataclass(frozen=True)
class SamplingPlan:
    """What a config asks for, on what there is."""

    shards: list[ShardPlan]
    settings: GenerationSettings
    filters: list[Filter]
    identity: str  # of the records: the same whatever their number, and the workers
    header: ManifestHeader
    pool: WorkerPool
    resources: Resources

    @classmethod
    def of(cls, command: Command, pair: TrainedPair, resources: Resources) -> Self:
        """Plan for a model; fits the filters."""
        config, wanted = command.config, command.config.sample
        use_gpu = resources.gpus > 0
        precision = resolve_precision(config.train.precision, "cuda" if use_gpu else "cpu")
        settings = GenerationSettings.of(wanted, pair.spec.condition, pair.label_names, precision)
        filters = fit_filters(wanted.filters, RecordGenerator(pair, settings), command.model, command.data)
        software = {name: importlib.metadata.version(name) for name in SOFTWARE}
        identity = run_identity(
            command.stage,
            {
                "sample": wanted.model_dump(mode="json", exclude={"count"}),
                "filters": [each.about for each in filters],
                "model": pair.digest,
                "classes": pair.label_names,
                "code": code_digest(*CODE),
                "software": software,
                "device": {"kind": "cuda" if use_gpu else "cpu", "precision": precision, "threads": 1},
            },
        )
        return cls(
            shards=plan_shards(wanted.count, wanted.shard_size),
            settings=settings,
            filters=filters,
            identity=identity,
            header=_header(command, pair, precision, {**software, "device": device_name(use_gpu)}, filters),
            pool=WorkerPool.of(config.cluster.sample_workers, resources),
            resources=resources,
        )


def _require_space(command: Command, pair: TrainedPair) -> None:
    config, settings = command.config, command.config.sample
    if local_root(config.root) is not None:
        needed = settings.count * _bytes_per_image(pair) * len(settings.formats)
        require_space(config.root, needed, "sample")
        require_free_space(command.out, needed, "sample", "--out FOLDER")


def _take_up(command: Command, plan: SamplingPlan, run: Run) -> Request:
    """Write into the run what it is asked for, once nothing of other records is in the way."""
    # By the same command, which may have been told --fresh.
    begun = None if command.fresh else read_request(run.folder)
    going_on = begun is not None and begun.out == str(command.out.absolute()) and not begun.published
    if not command.fresh and not going_on:
        require_same_records(command.out, plan.identity, plan.header)
    request = Request(
        name=command.config.name,
        out=str(command.out.absolute()),
        fingerprint=plan.identity,
        count=command.config.sample.count,
        shard_size=command.config.sample.shard_size,
        started=time.time(),
    )
    write_request(run.folder, request)
    return request


def _make_missing(command: Command, plan: SamplingPlan, run: Run, target: ShardTarget) -> None:
    config, resources = command.config, plan.resources
    done = committed(target, plan.shards)
    missing = [shard for shard in plan.shards if shard.shard not in done]
    if not missing:
        return
    command.say(
        f"{len(missing)} of {len(plan.shards)} shards to make with {plan.pool.workers} worker(s), run {run.name}"
    )
    gauges = RunGauges(command.stage, config.name, plan.identity)
    progress = _Progress(command, target, plan.shards, missing, gauges, min(plan.pool.workers, len(missing)))
    stopwatch = UsageMeter(run.folder, cores=resources.cpus, gpus=resources.gpus)
    try:
        model = share(command.model, (GENERATOR, DISCRIMINATOR, DESCRIPTION), config.root)
        generator = StoredGenerator(model, plan.settings, plan.filters)
        make_shards(generator, target, missing, plan.pool, progress.one_more)
    finally:
        with suppress(UserError):  # what went wrong before says more
            stopwatch.lap(progress.made)


def _all_committed(target: ShardTarget, shards: Sequence[ShardPlan]) -> list[Commit]:
    done = committed(target, shards)
    lost = [shard.name for shard in shards if shard.shard not in done]
    if lost:
        raise UserError(
            f"{target.run}: {lost[0]} and {len(lost) - 1} more were made, but are not there whole any more: something else changes this "
            "run. Run the same command again: it makes what is missing."
        )
    return list(done.values())


def _header(
    command: Command, pair: TrainedPair, precision: str, software: dict[str, str], filters: Sequence[Filter]
) -> ManifestHeader:
    spec = pair.spec
    source = pair.description["data"]
    config = command.config.model_dump(
        mode="json", exclude={"root": True, "cluster": True, "data": {"source": {"path"}}}
    )
    header = {
        "name": command.config.name,
        "classes": pair.label_names,
        "image": {**spec.shape._asdict(), "encoding": command.config.sample.encoding},
        "model": {"digest": pair.digest, "uri": f"models/{pair.description['name']}"},
        "source": {
            "digest": source["digest"],
            "name": source["source"]["name"],
            "licence": source["source"]["licence"],
        },
        "config": config,
        "precision": precision,
        "software": {"imagemint": __version__, "ray": importlib.metadata.version("ray"), **software},
        "filters": [each.about for each in filters],
    }
    return ManifestHeader.model_validate(header)


def _bytes_per_image(pair: TrainedPair) -> int:
    """An upper bound: noise as JPEG of quality 100, with what a record and a tar header add, in the run and in the output."""
    return int(1.7 * math.prod(pair.spec.shape)) + 3_500


class _Progress:
    def __init__(
        self,
        command: Command,
        target: ShardTarget,
        plans: Sequence[ShardPlan],
        missing: Sequence[ShardPlan],
        gauges: RunGauges,
        workers: int,
    ) -> None:
        self.command, self.target, self.gauges, self.workers = command, target, gauges, workers
        self.shards, self.images = len(plans), sum(plan.rows for plan in plans)
        self.missing = {plan.shard: plan for plan in missing}
        self.made = self.candidates = 0
        self.pace: Pace | None = None  # before the first shard

    def one_more(self, shard: int, candidates: int) -> None:
        plan = self.missing.pop(shard)
        now = time.monotonic()
        if self.pace is None:  # Ray and the workers took a while to be there
            commit = committed(self.target, [plan]).get(shard)
            took = 0.0 if commit is None else commit.seconds
            self.pace = Pace(now - took, at_once=self.workers)
        self.pace.add(plan.rows)
        self.made += plan.rows
        self.candidates += candidates
        left = sum(plan.rows for plan in self.missing.values())
        seconds_left = self.pace.seconds_left(left, now)
        figures: dict[str, Any] = {
            "shards": self.shards - len(self.missing),
            "shards_wanted": self.shards,
            "images": self.images - left,
            "images_wanted": self.images,
            "images_per_s": round(self.pace.rate(now), 1),
            "acceptance": round(self.made / self.candidates, 4),
        }
        self.gauges.show(**figures)
        self.command.say(
            f"shard {shard} committed, {figures['shards']} of {self.shards} | {figures['images_per_s']:,.0f} images/s"
            + (f" | {in_words(seconds_left)} left" if seconds_left else ""),
            **figures,
        )
