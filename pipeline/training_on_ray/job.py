"""Bind training to Ray Train: workers, restarts, progress, and what a run leaves behind.

No other file of training imports Ray Train.
"""

import math
import os
import shutil
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import ray
import ray.train
import torch
from ray.exceptions import RayError
from ray.train.torch import TorchConfig, TorchTrainer, get_device
from ray.util.queue import Queue
from torch import nn

from pipeline.base.cpu import machine_memory, use_cpu
from pipeline.base.errors import UserError
from pipeline.base.log import is_drawn
from pipeline.cluster.connection import on_driver_node
from pipeline.cluster.first_error import FirstError, start_on_driver_node
from pipeline.data.canonical import load_split
from pipeline.data.parquet_blocks import ParquetBlocks
from pipeline.models.calibration import Calibration
from pipeline.models.pair import build_discriminator, build_generator
from pipeline.models.spec import PairSpec
from pipeline.models.weights import save_pair
from pipeline.runs.input_files import InputFiles
from pipeline.runs.usage import UsageMeter
from pipeline.runs.working_copy import WorkingCopy, working_copy
from pipeline.store.files import own_temporary_folder
from pipeline.store.folder import Folder
from pipeline.training.batches import RealImages, ResidentImages, StreamedImages
from pipeline.training.block_shuffle import BlockShuffleSampler
from pipeline.training.checkpoint import CheckpointWriter, load_newest_checkpoint
from pipeline.training.recipe import Recipe
from pipeline.training.replicas import WorkerContext
from pipeline.training.trainer import Evaluation, Evaluator, Trainer, TrainingStoppedError
from pipeline.training_on_ray.history import finite_or_none, write_history
from pipeline.training_on_ray.reporting import STAGE, ProgressReporter, log_lines_of
from pipeline.training_on_ray.tensorboard import BoardWriter

WORKER_RESTARTS = 3
POLL_S = 0.5  # of Ray's controller: by default it finds out after 2 s what its workers did
POLL_VARIABLE = "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"
GLOO_INTERFACE = "GLOO_SOCKET_IFNAME"
CHECKPOINTS, HISTORY = "checkpoints", "history.json"  # in the run
ERROR = "error.txt"  # in the run: the details of what was not foreseen
RESIDENT_SHARE = 0.25  # of a device's memory, all workers on it together


class DrawingEvaluator(Evaluator, Protocol):
    """Describe an evaluator that also writes sample images."""

    def grid(self, generator: nn.Module, path: Path) -> None:
        """Write a PNG with images of the first classes."""
        ...

    def interpolation(self, generator: nn.Module, path: Path) -> None:
        """Write a PNG whose rows go from one latent to another."""
        ...

    def calibrate(self, generator: nn.Module, discriminator: nn.Module) -> tuple[Calibration, float]:
        """Return the calibration of a finished pair, and how surely its discriminator tells real from fake.

        The second is from 0.5 to 1.
        """
        ...


@dataclass(frozen=True)
class Provenance:
    """Hold what `model.json` says of where a model comes from, in the order of its keys."""

    name: str  # of the preset
    classes: list[str]
    fingerprint: str  # of the run
    data: dict[str, object]  # digest and source of the canonical dataset
    embedder: str  # digest


@dataclass(frozen=True)
class TrainingJob:
    """Hold all that a worker needs, wherever it runs."""

    spec: PairSpec
    recipe: Recipe
    workers: int
    fewest: int  # workers that go on where nodes were lost, until these are back
    threads: int  # CPU threads of each worker
    use_gpu: bool
    interface: str | None  # the network between the nodes, where it has the same name on each
    data: InputFiles
    placement: str  # of the images: auto, resident or streamed
    make_evaluator: Callable[[], DrawingEvaluator]
    run: Folder
    tensorboard: bool
    provenance: Provenance


def train_on_ray(job: TrainingJob) -> None:
    """Train until `job.run/model` holds the finished model. An interrupted run goes on from its last checkpoint."""
    os.environ.setdefault(POLL_VARIABLE, str(POLL_S))
    lines, first_error = Queue(actor_options=on_driver_node()), start_on_driver_node(FirstError)
    # Our own digested checkpoints hold the truth; Ray would also restore its controller, from a state of its own. Nobody
    # reads that, so it may lie on whatever node the controller runs.
    state = str(own_temporary_folder() / f"train-{str(job.run).rpartition('-')[2]}")
    shutil.rmtree(state, ignore_errors=True)
    resources = {"GPU": 1.0} if job.use_gpu else {"CPU": float(job.threads)}
    trainer = TorchTrainer(
        _worker,
        train_loop_config={"job": job, "lines": lines, "first_error": first_error, "followed": is_drawn(STAGE)},
        torch_config=TorchConfig(backend="nccl" if job.use_gpu else "gloo"),
        scaling_config=ray.train.ScalingConfig(
            num_workers=job.workers if job.fewest == job.workers else (job.fewest, job.workers),  # type: ignore[arg-type]  # annotated as its predecessor
            use_gpu=job.use_gpu,
            resources_per_worker=resources,
        ),
        run_config=ray.train.RunConfig(
            name="train",
            storage_path=state,
            worker_runtime_env={"env_vars": _network(job.interface)},  # type: ignore[call-arg]  # annotated as its predecessor
            failure_config=ray.train.FailureConfig(max_failures=WORKER_RESTARTS),
        ),
    )
    hint = f"Its checkpoints stay in {job.run / CHECKPOINTS}."
    try:
        with log_lines_of(lines):
            _fit(trainer)
    except ray.train.TrainingFailedError as error:
        raise UserError(f"Training failed: {_reason(error)}. {hint}") from error
    finally:
        shutil.rmtree(state, ignore_errors=True)
    with suppress(RayError):  # the run is finished, whatever became of the channel
        if message := ray.get(first_error.message.remote()):
            raise UserError(f"Training {message} {hint}")


def _network(interface: str | None) -> dict[str, str]:
    """Return the environment that shows Gloo the way to the other nodes.

    By itself it offers them what this machine's name resolves to, often the loopback.
    """
    chosen = os.environ.get(GLOO_INTERFACE, interface)
    return {} if chosen is None else {GLOO_INTERFACE: chosen}


def _fit(trainer: TorchTrainer) -> None:
    """Run `trainer.fit()` in another thread: in the main one it would take Ctrl-C over, and end without a word."""
    fitted: Future[None] = Future()

    def fit() -> None:
        try:
            trainer.fit()
            fitted.set_result(None)
        except BaseException as error:
            fitted.set_exception(error)

    # A daemon: when the main thread is interrupted, Ray is shut down under it, and nobody waits for it.
    threading.Thread(target=fit, daemon=True).start()
    fitted.result()


def _reason(error: BaseException) -> str:
    text = str(error.__cause__ or error).strip()
    return text.splitlines()[-1] if text else type(error).__name__


def _worker(config: dict[str, Any]) -> None:
    """Train, and report what would happen again, since Ray starts a worker that raises anew."""
    job: TrainingJob = config["job"]
    context = ray.train.get_context()
    try:
        _train(job, config["lines"], followed=config["followed"])
    except TrainingStoppedError as error:  # on every worker
        why = f"was stopped {error}. Use a lower train.learning_rate, stronger penalties, or another policy in train.diagnostics."
    except UserError as error:
        if context.get_world_size() > 1:
            raise  # the others would wait for this one for ever
        why = f"failed: {error}"
    except Exception as error:
        if context.get_world_size() > 1:
            raise
        job.run.write(ERROR, traceback.format_exc().encode())
        why = f"failed: {type(error).__name__}: {error}. More in {job.run / ERROR}."
    else:
        return
    if context.get_world_rank() == 0:
        ray.get(config["first_error"].report.remote(why))


def _train(job: TrainingJob, lines: Queue, *, followed: bool) -> None:
    ray_context = ray.train.get_context()
    use_cpu(job.threads)
    context = WorkerContext(ray_context.get_world_rank(), ray_context.get_world_size(), get_device())
    data = job.data.local()
    images = _real_images(job, data, context, ray_context.get_local_world_size())
    evaluator = job.make_evaluator() if context.rank == 0 else None
    trainer = Trainer(job.spec, job.recipe, images, context, evaluator)

    reporter = ProgressReporter(lines, job.provenance.name, job.provenance.fingerprint, job.recipe.total_images)

    def warn(message: str) -> None:
        if context.rank == 0:
            reporter.say(message)

    with working_copy(job.run) as copy:
        copy.pull(CHECKPOINTS)
        saved = load_newest_checkpoint(copy.path / CHECKPOINTS, warn)
        if saved is not None:
            trainer.restore(saved)
            warn(f"going on from {trainer.gan.images_seen:,} images")
        trainer.gan.require_equal()  # each worker has read its own copy
        reporter.begins(trainer.gan.images_seen)
        shown = followed and context.rank == 0
        with reporter.followed(lambda: trainer.gan.images_seen) if shown else nullcontext():
            _run(job, trainer, evaluator, copy, reporter)


def _run(
    job: TrainingJob,
    trainer: Trainer,
    evaluator: DrawingEvaluator | None,
    copy: WorkingCopy,
    reporter: ProgressReporter,
) -> None:
    """Train to the end; the worker with the evaluator leaves checkpoints, images and the model in the run."""
    run = copy.path
    board = BoardWriter(run / "tensorboard", trainer.history) if job.tensorboard and evaluator is not None else None
    meter = UsageMeter(
        job.run,
        cores=trainer.context.workers * job.threads,
        gpus=trainer.context.workers if job.use_gpu else 0,
        images=trainer.gan.images_seen,
    )
    with CheckpointWriter(run / CHECKPOINTS, written=copy.push) as checkpoints:

        def on_checkpoint(trainer: Trainer, evaluation: Evaluation) -> None:
            if evaluator is not None:
                if evaluation.action != "stop":  # a stopped run that is started again comes to the same stop
                    checkpoints.save(len(trainer.history), trainer.state())
                meter.lap(evaluation.row.images_seen)
                if evaluation.action != "rollback":  # which has brought the best weights back, drawn already
                    _write_sample_images(run / "samples", trainer, evaluator)
                reporter.evaluated(evaluation, trainer.gan.images_seen, len(trainer.findings))
                if board is not None:
                    board.add(evaluation.row, run / "samples")
            ray.train.report(evaluation.row.record())

        warned = False

        def on_interval(trainer: Trainer) -> None:
            """Save what was learned since the last checkpoint, when the cluster is about to take a node away."""
            nonlocal warned
            notice = ray.train.get_preemption_info()  # which Ray makes the same for all workers
            if notice is None or warned:
                return
            warned = True
            trainer.settle()
            if evaluator is not None:
                checkpoints.save(len(trainer.history), trainer.state())
                reporter.say(
                    f"{len(notice.preempted_node_ids)} node(s) will be taken away soon: checkpoint at "
                    f"{trainer.gan.images_seen:,} images"
                )

        trainer.run(on_checkpoint, on_interval)
    if evaluator is not None:
        _export(job, run, trainer, evaluator)
        copy.push()


def _real_images(job: TrainingJob, data: Path, context: WorkerContext, workers_here: int) -> RealImages:
    blocks = ParquetBlocks(data, "train")
    order = BlockShuffleSampler(blocks.size, job.recipe.seed, blocks.block)
    memory = _memory(context.device) / (1 if job.use_gpu else workers_here)
    fits = blocks.size * math.prod(job.spec.shape) < RESIDENT_SHARE * memory
    if job.placement == "resident" or (job.placement == "auto" and fits):
        return ResidentImages(*load_split(data, "train"), order, job.spec.resolution, context.device)
    return StreamedImages(blocks, order, job.spec.resolution, context.device)


def _memory(device: torch.device) -> int:
    """Return the bytes of memory that the device has in all; of a container's memory, what it may use."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return machine_memory()


def _write_sample_images(folder: Path, trainer: Trainer, evaluator: DrawingEvaluator) -> None:
    average = trainer.gan.average
    evaluator.grid(average, folder / f"images-{trainer.history[-1].images_seen:09d}.png")
    evaluator.interpolation(average, folder / "interpolation.png")


def _export(job: TrainingJob, run: Path, trainer: Trainer, evaluator: DrawingEvaluator) -> None:
    best = trainer.best
    assert best.evaluation is not None  # the last step always ends in an evaluation
    generator, discriminator = build_generator(job.spec), build_discriminator(job.spec)
    generator.load_state_dict(best.parts["average"])
    discriminator.load_state_dict(best.parts["discriminator"])
    calibration, told_apart = evaluator.calibrate(generator.eval(), discriminator.eval())
    write_history(run / HISTORY, trainer.history)
    description = {
        **vars(job.provenance),
        "recipe": job.recipe.record(),
        "workers": trainer.context.workers,  # at the end
        "images_seen": best.images_seen,
        "metrics": finite_or_none(best.evaluation.record()),
        "discriminator_auc": round(told_apart, 4),
        "findings": [asdict(finding) for finding in trainer.findings],
    }
    save_pair(
        run / "model",
        job.spec,
        best.parts["average"],
        best.parts["discriminator"],
        calibration,
        description,
    )
