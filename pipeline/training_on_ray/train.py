"""The work of the stage `train`."""

import csv
import io
import os
import shutil
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch

from pipeline.base.errors import UserError
from pipeline.base.junk import is_junk
from pipeline.cluster.connection import Resources, connect, fewest_train_workers, threads_each, train_workers
from pipeline.config import Config
from pipeline.data.canonical import describe, require_shape
from pipeline.embedding.embedder import DESCRIPTION as EMBEDDER
from pipeline.embedding.embedder import WEIGHTS, load_embedder
from pipeline.evaluation.few import warnings_of_few
from pipeline.evaluation.judge import ValidationJudge
from pipeline.models.spec import PairSpec
from pipeline.models.weights import DESCRIPTION, DISCRIMINATOR, GENERATOR, load_pair
from pipeline.runs.code import code_digest
from pipeline.runs.command import Command
from pipeline.runs.earlier_runs import config_parameters, remember_parameters, restart
from pipeline.runs.fingerprint import run_identity
from pipeline.runs.input_files import SharedFolder, files_below, share
from pipeline.runs.run import Run, is_whole
from pipeline.runs.usage import TIME, spent_on
from pipeline.store.files import copy_whole, read_json, write_atomically, write_json
from pipeline.training.diagnostics import Metrics
from pipeline.training_on_ray.configured import recipe_of, spec_of
from pipeline.training_on_ray.job import CHECKPOINTS, TrainingJob, train_on_ray

CODE = ("pipeline.training_on_ray.job", "pipeline.evaluation.judge")  # what weights depend on


def train(command: Command) -> None:
    """Trains, or goes on with an interrupted run, and puts the finished model into the output."""
    config, dataset = command.config, describe(command.data)
    embedder = load_embedder(command.model)
    shape = {"size": config.data.size, "channels": config.model.channels, "classes": len(dataset["classes"])}
    require_shape(command.data, **shape, wanted_by="the config")
    require_shape(command.data, **embedder.shape, wanted_by=f"the embedder in {command.model}")
    if config.model.conditioning == "class" and len(dataset["classes"]) == 1:
        command.say("one class only: the networks are not conditioned on it, and what is sampled has no labels")
    counted = {"validation_images": dataset["splits"]["validation"]["rows"]}
    warnings = [*warnings_of_little(dataset["splits"]["train"]["rows"], config), *warnings_of_few(counted)]
    for warning in warnings:
        command.say(f"warning: {warning}")
    with connect(config.root, config.cluster.train_workers, on_gpus=True) as resources:
        _require_extras(config, resources)
        device = "cuda" if resources.gpus else "cpu"
        recipe, spec = recipe_of(config, device), spec_of(config, len(dataset["classes"]))
        workers = train_workers(config.cluster.train_workers, resources, recipe.batch_size, recipe.accumulation)
        fewest = fewest_train_workers(config.cluster.train_workers, workers, recipe.batch_size, recipe.accumulation)
        threads = threads_each(workers, resources)
        parameters = {
            "data": dataset["digest"],
            "pair": asdict(spec),
            "recipe": asdict(recipe),  # what `auto` and null stand for
            "described": {key: dataset[key] for key in ("name", "classes", "source")},  # written into model.json
            "embedder": embedder.digest,
            "code": code_digest(*CODE),
            "software": {"torch": torch.__version__},
            # Not the workers and their threads, which show in the last bits of sums alone: a run may go on with others.
            "device": device,
        }
        identity = run_identity(command.stage, parameters)
        with Run.open(config.root, command.stage, identity, fresh=command.fresh) as run:
            if not is_whole(load_pair, run.bring("model") / "model"):
                told = {
                    **config_parameters(config),
                    "the data": dataset["digest"],
                    "the embedder": embedder.digest,
                    "the code": parameters["code"],
                    "torch": torch.__version__,
                    "device": device,
                }
                if not command.fresh and not run.folder.entries(CHECKPOINTS):
                    why = restart(config.root, config.name, told, config.train.total_images)
                    if why is not None:
                        command.say(f"training {why}")
                remember_parameters(run.folder, config.name, told)
                command.say(f"{workers} worker(s) of {threads} thread(s), {recipe.precision}, run {run.name}")
                data = share(command.data, files_below(command.data), config.root)
                embedder_files = share(command.model, (WEIGHTS, EMBEDDER), config.root)
                provenance = {
                    "name": config.name,
                    "classes": dataset["classes"],
                    "fingerprint": identity,
                    "data": {"digest": dataset["digest"], "source": dataset["source"]},
                    "embedder": embedder.digest,
                }
                train_on_ray(
                    TrainingJob(
                        spec=spec,
                        recipe=recipe,
                        workers=workers,
                        fewest=fewest,
                        threads=threads,
                        use_gpu=resources.gpus > 0,
                        interface=resources.interface,
                        data=data,
                        placement=config.train.data,
                        make_judge=partial(_judge, embedder_files, data, spec, recipe.precision),
                        run=run.folder,
                        tensorboard=config.train.tensorboard,
                        provenance=provenance,
                    )
                )
            made = run.bring("model", "samples", "history.json")
            for name in (GENERATOR, DISCRIMINATOR, DESCRIPTION):
                copy_whole(made / "model" / name, command.out / name)
            for stale in pictures_in(command.out / "samples"):
                stale.unlink()
            for picture in pictures_in(made / "samples"):
                copy_whole(picture, command.out / "samples" / picture.name)
            history: list[Metrics] = read_json(made / "history.json", "training history")
            description = read_json(made / "model" / DESCRIPTION, "model description")
            best: Metrics = description["metrics"]
            spent = spent_on(run.folder)
    ended = {"trained_images": history[-1]["images_seen"], "findings": len(description["findings"])}
    write_json(command.metrics / "train.json", {**best, **ended, **counted})
    write_json(command.metrics / f"train_{TIME}", asdict(spent))
    write_atomically(command.metrics / "training.csv", _csv(history).encode())
    command.say(
        f"best at {best['images_seen']:,} images: fd_domain on {counted['validation_images']:,} validation images "
        f"{best['validation_fd_domain']:.1f} -> {command.out}"
    )


def warnings_of_little(images: int, config: Config) -> list[str]:
    """Return a line where there are so few training images that a network learns them by heart."""
    batch, total = config.train.batch_size, config.train.total_images
    if images >= batch:
        return []
    return [
        f"{images:,} training images, fewer than train.batch_size {batch}: every batch holds some of them more than once, and each is "
        f"shown about {round(total / images):,} times. Expect copies of them"
    ]


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures of a folder of samples, by name, without what desktops leave."""
    return sorted(path for path in folder.glob("*.png") if not is_junk(path.name))


def _judge(embedder: SharedFolder, data: SharedFolder, spec: PairSpec, precision: str) -> ValidationJudge:
    """Runs on the node that judges."""
    return ValidationJudge(embedder.local(), data.local(), spec, precision)


def _require_extras(config: Config, resources: Resources) -> None:
    """Refuses what an hour of training would otherwise end in."""
    if config.train.tensorboard and find_spec("tensorboard") is None:
        raise UserError(
            "train.tensorboard: true, but the package tensorboard is not installed: pip install -e '.[tensorboard]', or use false."
        )
    compiler = os.environ.get("CXX", "g++")
    if config.train.compile and not resources.gpus and shutil.which(compiler) is None:
        raise UserError(
            f"train.compile: true wants a C++ compiler, but there is no {compiler}: install one (Debian: apt-get install g++), "
            "name it in CXX, or use false."
        )


def _csv(history: list[Metrics]) -> str:
    text = io.StringIO()
    # An evaluation may lack a figure that is not defined there.
    names = dict.fromkeys(name for metrics in history for name in metrics)
    writer = csv.DictWriter(text, fieldnames=list(names))
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()
