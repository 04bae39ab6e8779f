"""Run the stage `train`."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import torch

from pipeline.base.errors import UserError
from pipeline.base.junk import is_junk
from pipeline.cluster.connection import Resources, connect, fewest_train_workers, threads_each, train_workers
from pipeline.config import Config
from pipeline.data.canonical import require_shape
from pipeline.data.description import DatasetDescription, describe
from pipeline.embedding.embedder import DESCRIPTION as EMBEDDER
from pipeline.embedding.embedder import WEIGHTS, Embedder, load_embedder
from pipeline.evaluation.few import warnings_of_few
from pipeline.evaluation.validation_evaluator import ValidationEvaluator
from pipeline.images.shape import ImageShape
from pipeline.models.spec import PairSpec
from pipeline.models.weights import DESCRIPTION, DISCRIMINATOR, GENERATOR, load_pair
from pipeline.runs.code import code_digest
from pipeline.runs.command import Command
from pipeline.runs.earlier_runs import config_parameters, remember_parameters, restart
from pipeline.runs.fingerprint import run_identity
from pipeline.runs.input_files import InputFiles, files_below, upload_if_remote
from pipeline.runs.run import Run, is_whole
from pipeline.runs.usage import TIME, usage_of
from pipeline.store.files import copy_whole, read_json, write_atomically, write_json
from pipeline.training.history import EvaluationRow
from pipeline.training.recipe import Recipe
from pipeline.training_on_ray.configured import spec_of
from pipeline.training_on_ray.history import evaluation_in, history_csv, read_history
from pipeline.training_on_ray.job import CHECKPOINTS, HISTORY, Provenance, TrainingJob, train_on_ray

CODE = ("pipeline.training_on_ray.job", "pipeline.evaluation.validation_evaluator")  # what weights depend on
VALIDATION_IMAGES = "validation_images"  # how many, in metrics


def train(command: Command) -> None:
    """Train, or go on with an interrupted run, and put the finished model into the output."""
    config, dataset = command.config, describe(command.data)
    embedder = load_embedder(command.model)
    shape = ImageShape.square(config.model.channels, config.data.size)
    require_shape(command.data, shape, len(dataset.classes), wanted_by="the config")
    require_shape(command.data, embedder.shape, embedder.classes, wanted_by=f"the embedder in {command.model}")
    validation_images = dataset.splits["validation"].rows
    for line in remarks(config, dataset):
        command.say(line)
    with connect(config.root, config.cluster.train_workers, on_gpus=True) as resources:
        _require_extras(config, resources)
        plan = TrainingPlan.of(config, dataset, embedder, resources)
        identity = run_identity(command.stage, plan.parameters)
        with Run.open(config.root, command.stage, identity, fresh=command.fresh) as run:
            if not is_whole(load_pair, run.download("model") / "model"):
                why = None if command.fresh else _why_from_0(config, plan, run)
                if why is not None:
                    command.say(f"training {why}")
                remember_parameters(run.folder, config.name, plan.named_parameters(config))
                workers = f"{plan.workers} worker(s) of {plan.threads} thread(s)"
                command.say(f"{workers}, {plan.recipe.precision}, run {run.name}")
                data = upload_if_remote(command.data, files_below(command.data), config.root)
                embedder_files = upload_if_remote(command.model, (WEIGHTS, EMBEDDER), config.root)
                train_on_ray(_job(config, plan, run, data, embedder_files))
            best = _keep(run, command.out, command.metrics, validation_images)
    command.say(
        f"best at {best.images_seen:,} images: fd_domain on {validation_images:,} validation images "
        f"{best.validation['validation_fd_domain']:.1f} -> {command.out}"
    )


@dataclass(frozen=True)
class TrainingPlan:
    """Hold how a config is trained on what there is."""

    dataset: DatasetDescription
    embedder: str  # digest
    spec: PairSpec
    recipe: Recipe
    workers: int
    fewest: int  # workers that go on where nodes were lost
    threads: int  # of each worker
    resources: Resources
    code: str  # digest

    @classmethod
    def of(cls, config: Config, dataset: DatasetDescription, embedder: Embedder, resources: Resources) -> Self:
        """Plan for the networks and the recipe of a config."""
        recipe = Recipe.of(config.train, "cuda" if resources.gpus else "cpu")
        wanted = config.cluster.train_workers
        workers = train_workers(wanted, resources, recipe.batch_size, recipe.accumulation)
        return cls(
            dataset=dataset,
            embedder=embedder.digest,
            spec=spec_of(config, len(dataset.classes)),
            recipe=recipe,
            workers=workers,
            fewest=fewest_train_workers(wanted, workers, recipe.batch_size, recipe.accumulation),
            threads=threads_each(workers, resources),
            resources=resources,
            code=code_digest(*CODE),
        )

    @property
    def device(self) -> str:
        """Return the kind of device, cpu or cuda."""
        return "cuda" if self.resources.gpus else "cpu"

    @property
    def parameters(self) -> dict[str, object]:
        """Return all that the weights depend on, but for the workers and their threads.

        These show in the last bits of sums alone: a run may go on with others.
        """
        return {
            "data": self.dataset.digest,
            "pair": asdict(self.spec),
            "recipe": self.recipe.record(),  # what `auto` and null stand for
            "described": self.dataset.model_dump(include={"name", "classes", "source"}),  # written into model.json
            "embedder": self.embedder,
            "code": self.code,
            "software": {"torch": torch.__version__},
            "device": self.device,
        }

    def named_parameters(self, config: Config) -> dict[str, object]:
        """Return what a user may have changed since an earlier run of the preset, in words that name it."""
        return {
            **config_parameters(config),
            "the data": self.dataset.digest,
            "the embedder": self.embedder,
            "the code": self.code,
            "torch": torch.__version__,
            "device": self.device,
        }


def remarks(config: Config, dataset: DatasetDescription) -> Iterator[str]:
    """Yield what the user should know of this data before training."""
    if config.model.conditioning == "class" and len(dataset.classes) == 1:
        yield "one class only: the networks are not conditioned on it, and records will have no labels"
    counted = {VALIDATION_IMAGES: dataset.splits["validation"].rows}
    for warning in (*warnings_of_little(dataset.splits["train"].rows, config), *warnings_of_few(counted)):
        yield f"warning: {warning}"


def _why_from_0(config: Config, plan: TrainingPlan, run: Run) -> str | None:
    """Return why training starts from 0 where an earlier run of the preset is there."""
    if run.folder.entries(CHECKPOINTS):
        return None
    return restart(config.root, config.name, plan.named_parameters(config), config.train.total_images)


def _job(config: Config, plan: TrainingPlan, run: Run, data: InputFiles, embedder: InputFiles) -> TrainingJob:
    dataset = plan.dataset
    return TrainingJob(
        spec=plan.spec,
        recipe=plan.recipe,
        workers=plan.workers,
        fewest=plan.fewest,
        threads=plan.threads,
        use_gpu=plan.resources.gpus > 0,
        interface=plan.resources.interface,
        data=data,
        placement=config.train.data,
        make_evaluator=partial(_evaluator, embedder, data, plan.spec, plan.recipe.precision),
        run=run.folder,
        tensorboard=config.train.tensorboard,
        provenance=Provenance(
            name=config.name,
            classes=dataset.classes,
            fingerprint=run.identity,
            data={"digest": dataset.digest, "source": dataset.source.model_dump()},
            embedder=plan.embedder,
        ),
    )


def _keep(run: Run, out: Path, metrics: Path, validation_images: int) -> EvaluationRow:
    """Put model, samples and metrics of a finished run into the output; return the best evaluation."""
    finished = run.download("model", "samples", HISTORY)
    for name in (GENERATOR, DISCRIMINATOR, DESCRIPTION):
        copy_whole(finished / "model" / name, out / name)
    for stale in sample_images_in(out / "samples"):
        stale.unlink()
    for picture in sample_images_in(finished / "samples"):
        copy_whole(picture, out / "samples" / picture.name)
    history = read_history(finished / HISTORY)
    described = finished / "model" / DESCRIPTION
    description = read_json(described, "model description")
    best = evaluation_in(description["metrics"], f"model description {described}")
    ended = {
        "trained_images": history[-1].images_seen,
        "findings": len(description["findings"]),
        VALIDATION_IMAGES: validation_images,
    }
    write_json(metrics / "train.json", {**description["metrics"], **ended})
    write_json(metrics / f"train_{TIME}", asdict(usage_of(run.folder)))
    write_atomically(metrics / "training.csv", history_csv(history).encode())
    return best


def warnings_of_little(images: int, config: Config) -> list[str]:
    """Return a line where there are so few training images that a network learns them by heart."""
    batch, total = config.train.batch_size, config.train.total_images
    if images >= batch:
        return []
    return [
        f"{images:,} training images, fewer than train.batch_size {batch}: every batch holds some of them more than once, and each is "
        f"shown about {round(total / images):,} times. Expect copies of them"
    ]


def sample_images_in(folder: Path) -> list[Path]:
    """Return the sample images of a folder, by name, without what desktops leave."""
    return sorted(path for path in folder.glob("*.png") if not is_junk(path.name))


def _evaluator(embedder: InputFiles, data: InputFiles, spec: PairSpec, precision: str) -> ValidationEvaluator:
    """Return the evaluator, on the node that evaluates."""
    return ValidationEvaluator(embedder.local(), data.local(), spec, precision)


def _require_extras(config: Config, resources: Resources) -> None:
    """Refuse at once what an hour of training would otherwise end in."""
    if config.train.tensorboard and find_spec("tensorboard") is None:
        raise UserError(
            "train.tensorboard: true, but the package tensorboard is not installed: pip install -e '.[tensorboard]', or use false."
        )
    compiler = os.environ.get("CXX", "g++")
    if config.train.compile and not resources.gpus and shutil.which(compiler) is None:
        raise UserError(
            f"train.compile: true needs a C++ compiler, but there is no {compiler}: install one (Debian: apt-get "
            "install g++), "
            "name it in CXX, or use false."
        )
