"""The one file that binds training to Ray Train: workers, restarts, progress, and what a run leaves behind."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ray.train
import torch
from ray.train.torch import TorchConfig, TorchTrainer, get_device
from ray.util.queue import Queue

from pipeline.data.canonical import load_split
from pipeline.errors import UserError
from pipeline.models.spec import PairSpec
from pipeline.models.weights import save_pair
from pipeline.storage import write_json
from pipeline.training.checkpoint import load_newest_checkpoint, save_checkpoint
from pipeline.training.progress import shown
from pipeline.training.trainer import Judge, Metrics, Place, Recipe, Trainer

WORKER_RESTARTS = 3


@dataclass(frozen=True)
class TrainingJob:
    """All that a worker needs; paths are absolute, since a worker's working folder is not the project's."""

    spec: PairSpec
    recipe: Recipe
    workers: int
    threads: int  # CPU threads of each worker
    use_gpu: bool
    data: Path
    make_judge: Callable[[], Judge]
    run: Path
    provenance: dict[str, Any]


def train_on_ray(job: TrainingJob) -> None:
    """Trains until `job.run/model` holds the finished model. An interrupted run goes on from its last checkpoint."""
    ray_state = job.run / "ray"
    # Our own digested checkpoints hold the truth; Ray would also restore its controller, from a state of its own.
    shutil.rmtree(ray_state, ignore_errors=True)
    progress = Queue(actor_options={"num_cpus": 0})
    resources = {"GPU": 1.0} if job.use_gpu else {"CPU": float(job.threads)}
    trainer = TorchTrainer(
        _worker,
        train_loop_config={"job": job, "progress": progress},
        torch_config=TorchConfig(backend="nccl" if job.use_gpu else "gloo"),
        scaling_config=ray.train.ScalingConfig(
            num_workers=job.workers, use_gpu=job.use_gpu, resources_per_worker=resources
        ),
        run_config=ray.train.RunConfig(
            name="train",
            storage_path=str(ray_state),
            failure_config=ray.train.FailureConfig(max_failures=WORKER_RESTARTS),
        ),
    )
    try:
        with shown(progress, job.recipe.total_images):
            trainer.fit()
    except ray.train.TrainingFailedError as error:
        raise UserError(
            f"Training failed: {_reason(error)}. Checkpoints are kept in {job.run / 'checkpoints'}."
        ) from error
    shutil.rmtree(ray_state, ignore_errors=True)


def _reason(error: BaseException) -> str:
    text = str(error.__cause__ or error).strip()
    return text.splitlines()[-1] if text else type(error).__name__


def _worker(config: dict[str, Any]) -> None:
    job: TrainingJob = config["job"]
    progress: Queue = config["progress"]
    context = ray.train.get_context()
    torch.set_num_threads(job.threads)
    torch.set_flush_denormal(True)  # dying activations would slow the CPU down many times
    place = Place(context.get_world_rank(), context.get_world_size(), get_device())
    images, labels = load_split(job.data, "train")
    judge = job.make_judge()
    trainer = Trainer(job.spec, job.recipe, images, labels, place, judge)
    saved = load_newest_checkpoint(job.run / "checkpoints")
    if saved is not None:
        trainer.restore(saved)

    def on_checkpoint(trainer: Trainer, metrics: Metrics, images_per_s: float) -> None:
        if place.rank == 0:
            save_checkpoint(job.run / "checkpoints", trainer.images_seen, trainer.state())
            judge.picture(trainer.average, job.run / "samples" / f"images-{trainer.images_seen:09d}.png")
            progress.put({**metrics, "images_per_s": images_per_s})
        ray.train.report(metrics)

    trainer.run(on_checkpoint)
    if place.rank == 0:
        _export(job, trainer)


def _export(job: TrainingJob, trainer: Trainer) -> None:
    assert trainer.best is not None  # the last step always ends in a checkpoint, which is judged
    write_json(job.run / "history.json", trainer.history)
    description = {
        **job.provenance,
        "recipe": asdict(job.recipe),
        "workers": job.workers,
        "images_seen": int(trainer.best.metrics["images_seen"]),
        "metrics": trainer.best.metrics,
    }
    save_pair(job.run / "model", job.spec, trainer.best.generator, trainer.best.discriminator, description)
