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
from pipeline.report.curves import curves_png
from pipeline.runs.code import code_digest
from pipeline.runs.earlier_runs import config_parameters, remember_parameters, restart
from pipeline.runs.input_files import SharedFolder, files_below, share
from pipeline.runs.usage import TIME, spent_on
from pipeline.runs.working_copy import mirrored
from pipeline.store.files import copy_whole, read_json, write_atomically, write_json
from pipeline.training.diagnostics import Metrics
from pipeline.training_on_ray.configured import recipe_of, spec_of
from pipeline.training_on_ray.train import CHECKPOINTS, TrainingJob, train_on_ray
from stages.command import Command, is_whole

CODE = ("pipeline.training_on_ray.train", "pipeline.evaluation.judge")  # what weights depend on


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
        workers = train_workers(
            config.cluster.train_workers, resources, recipe.batch_size, recipe.accumulation, config.model.batch_group
        )
        fewest = fewest_train_workers(
            config.cluster.train_workers, workers, recipe.batch_size, recipe.accumulation, config.model.batch_group
        )
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
        fingerprint = command.fingerprint(parameters)
        place = command.place_of_run(fingerprint)
        with command.working_in(place, fingerprint), mirrored(place) as mirror:
            run = mirror.path
            mirror.pull("model")
            if not is_whole(load_pair, run / "model"):
                told = {
                    **config_parameters(config),
                    "the data": dataset["digest"],
                    "the embedder": embedder.digest,
                    "the code": parameters["code"],
                    "torch": torch.__version__,
                    "device": device,
                }
                if not command.fresh and not place.entries(CHECKPOINTS):
                    why = restart(config.root, config.name, told, config.train.total_images)
                    if why is not None:
                        command.say(f"training {why}")
                remember_parameters(place, config.name, told)
                name = str(place).rpartition("/")[2]
                command.say(f"{workers} worker(s) of {threads} thread(s), {recipe.precision}, run {name}")
                data = share(command.data, files_below(command.data), config.root)
                embedder_files = share(command.model, (WEIGHTS, EMBEDDER), config.root)
                provenance = {
                    "name": config.name,
                    "classes": dataset["classes"],
                    "fingerprint": fingerprint,
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
                        run=place,
                        tensorboard=config.train.tensorboard,
                        provenance=provenance,
                    )
                )
            mirror.pull("model", "samples", "history.json")
            for name in (GENERATOR, DISCRIMINATOR, DESCRIPTION):
                copy_whole(run / "model" / name, command.out / name)
            for stale in pictures_in(command.out / "samples"):
                stale.unlink()
            for picture in pictures_in(run / "samples"):
                copy_whole(picture, command.out / "samples" / picture.name)
            history: list[Metrics] = read_json(run / "history.json", "training history")
            description = read_json(run / "model" / DESCRIPTION, "model description")
            best: Metrics = description["metrics"]
            spent = spent_on(place)
    ended = {"trained_images": history[-1]["images_seen"], "findings": len(description["findings"])}
    write_json(command.metrics / "train.json", {**best, **ended, **counted})
    write_json(command.metrics / f"train_{TIME}", asdict(spent))
    training = _csv(history)
    write_atomically(command.metrics / "training.csv", training.encode())
    write_atomically(command.out / "samples" / "curves.png", curves_png(training))
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
