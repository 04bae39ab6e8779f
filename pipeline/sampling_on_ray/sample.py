"""Run the stage `sample`."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict

from pipeline.base.errors import UserError
from pipeline.cluster.connection import Resources, connect
from pipeline.cluster.gauges import RunGauges
from pipeline.models.spec import PairSpec
from pipeline.models.weights import DESCRIPTION, DISCRIMINATOR, GENERATOR, load_pair
from pipeline.runs.command import Command
from pipeline.runs.input_files import upload_if_remote
from pipeline.runs.run import Run, require_space
from pipeline.runs.usage import TIME, UsageMeter, usage_of
from pipeline.sampling.assemble import DatasetOutput
from pipeline.sampling.manifest import build_manifest
from pipeline.sampling.shards.commits import ShardTarget, missing_shards, require_committed
from pipeline.sampling.status import Request, is_going_on, write_request
from pipeline.sampling_on_ray.job import StoredGenerator, generate_shards
from pipeline.sampling_on_ray.plan import SamplingPlan
from pipeline.sampling_on_ray.progress import SamplingProgress
from pipeline.store.files import write_json
from pipeline.store.folder import Folder


def sample(command: Command) -> None:
    """Generate the shards that are missing, and assemble the dataset, its manifest last."""
    config, wanted, say = command.config, command.config.sample, command.say
    pair = load_pair(command.model)
    output = DatasetOutput(command.out, config.root)
    needed = wanted.count * len(wanted.formats) * _bytes_per_image(pair.spec)
    require_space(config.root, needed, command.stage, command.out)
    with connect(config.root, config.cluster.sample_workers, on_gpus=True) as resources:
        plan = SamplingPlan.of(config, pair, resources, model=command.model, data=command.data)
        with (
            output.reserved(),
            Run.open(config.root, command.stage, plan.identity, fresh=command.fresh) as run,
        ):
            request = Request(
                name=config.name,
                out=str(command.out.absolute()),
                fingerprint=plan.identity,
                count=wanted.count,
                shard_size=wanted.shard_size,
                started=time.time(),
            )
            # Where an interrupted request to the same output goes on, the user may have begun it with --fresh.
            if not command.fresh and not is_going_on(run.folder, request):
                output.require_same_records(plan.identity, plan.header)
            write_request(run.folder, request)
            target = ShardTarget(run.folder, plan.identity, tuple(wanted.formats), tuple(plan.header.classes))
            missing = missing_shards(target, plan.shards)
            if missing:
                workers = plan.pool.workers
                say(f"{len(missing)} of {len(plan.shards)} shards to generate with {workers} worker(s), run {run.name}")
                gauges = RunGauges(command.stage, config.name, plan.identity)
                progress = SamplingProgress(target, plan.shards, missing, workers, gauges, command.progress)
                with _metered(run.folder, resources, progress):
                    model = upload_if_remote(command.model, (GENERATOR, DISCRIMINATOR, DESCRIPTION), config.root)
                    generator = StoredGenerator(model, plan.settings, plan.filters)
                    generate_shards(generator, target, missing, plan.pool, progress.one_more)
            manifest = build_manifest(target, require_committed(target, plan.shards), plan.header)
            place = output.assemble(target, manifest)
            write_request(run.folder, request.model_copy(update={"published": True}))
            write_json(command.metrics / f"sample_{TIME}", asdict(usage_of(run.folder)))
    acceptance = manifest.count / sum(shard.candidates for shard in manifest.shards)
    filtered = f" ({acceptance:.1%} of the candidates)" if plan.filters else ""
    say(f"{manifest.count:,} images{filtered}, dataset {manifest.dataset_id[:16]} -> {place}")


def _bytes_per_image(spec: PairSpec) -> int:
    """Return the most bytes that an image takes, in the run and in the output.

    The bound is noise as JPEG of quality 100, with what a record and a tar header add.
    """
    return int(1.7 * math.prod(spec.shape)) + 3_500


@contextmanager
def _metered(run: Folder, resources: Resources, progress: SamplingProgress) -> Iterator[None]:
    """Add what is generated within the block, and how long it takes, to what the run took."""
    meter = UsageMeter(run, cores=resources.cpus, gpus=resources.gpus)
    try:
        yield
    finally:
        with suppress(UserError):  # what went wrong before says more
            meter.lap(progress.made)
