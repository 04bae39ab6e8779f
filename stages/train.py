"""Canonical dataset and embedder in, trained pair out: `models/<name>/`."""

import csv
import io
from functools import partial

import torch

from pipeline.cluster import Resources, connect, train_workers
from pipeline.config import Config
from pipeline.data.canonical import describe, require_shape
from pipeline.embedding.embedder import load_embedder
from pipeline.evaluation.judge import ValidationJudge
from pipeline.fingerprint import source_digest
from pipeline.models.spec import PairSpec
from pipeline.models.precision import resolve_precision
from pipeline.models.weights import DESCRIPTION, DISCRIMINATOR, GENERATOR, load_pair
from pipeline.storage import copy_whole, read_json, write_atomically, write_json
from pipeline.training.ray_train import TrainingJob, train_on_ray
from pipeline.training.trainer import Metrics, Recipe
from stages.command import Command, is_whole, main

CODE = (
    "pipeline.embedding",
    "pipeline.evaluation.distances",
    "pipeline.evaluation.judge",
    "pipeline.evaluation.model_quality",
    "pipeline.models",
    "pipeline.training",
)


def train(command: Command) -> None:
    """Trains, or goes on with an interrupted run, and puts the finished model into the output."""
    config, dataset = command.config, describe(command.data)
    embedder = load_embedder(command.model)
    shape = {"size": config.data.size, "channels": config.model.channels, "classes": len(config.data.classes)}
    require_shape(command.data, **shape, wanted_by="the config")
    require_shape(command.data, **embedder.shape, wanted_by=f"the embedder in {command.model}")
    with connect() as resources:
        recipe, spec = _recipe(config, resources), _spec(config)
        workers = train_workers(config.cluster.train_workers, resources, recipe.batch_size)
        threads = max(resources.cpus // max(workers, resources.nodes), 1)
        parameters = {
            "model": config.model.model_dump(mode="json"),
            "train": {**config.train.model_dump(mode="json"), "precision": recipe.precision},
            "data": dataset["digest"],
            "described": {key: dataset[key] for key in ("name", "classes", "source")},  # written into model.json
            "embedder": embedder.digest,
            "code": source_digest(*CODE),
            "software": {"torch": torch.__version__},
            "device": {"kind": "cuda" if resources.gpus else "cpu", "workers": workers, "threads": threads},
        }
        fingerprint = command.fingerprint(parameters)
        with command.run(fingerprint) as run:
            if not is_whole(load_pair, run / "model"):
                command.say(f"{workers} worker(s) of {threads} thread(s), {recipe.precision}, run {run.name}")
                judge = partial(
                    ValidationJudge, command.model.absolute(), command.data.absolute(), spec, recipe.precision
                )
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
                        threads=threads,
                        use_gpu=resources.gpus > 0,
                        data=command.data.absolute(),
                        make_judge=judge,
                        run=run,
                        provenance=provenance,
                    )
                )
            for name in (GENERATOR, DISCRIMINATOR, DESCRIPTION):
                copy_whole(run / "model" / name, command.out / name)
            for stale in (command.out / "samples").glob("images-*.png"):
                stale.unlink()
            for picture in sorted((run / "samples").glob("images-*.png")):
                copy_whole(picture, command.out / "samples" / picture.name)
            history: list[Metrics] = read_json(run / "history.json", "training history")
            best: Metrics = read_json(run / "model" / DESCRIPTION, "model description")["metrics"]
    write_json(command.metrics / "train.json", {**best, "trained_images": history[-1]["images_seen"]})
    write_atomically(command.metrics / "training.csv", _csv(history))
    command.say(
        f"best at {best['images_seen']:,} images: fd_domain on validation {best['validation_fd_domain']:.1f} -> {command.out}"
    )


def _recipe(config: Config, resources: Resources) -> Recipe:
    train = config.train
    return Recipe(
        loss=train.loss,
        r1=train.penalty.r1,
        r2=train.penalty.r2,
        penalty_every=train.penalty.every,
        total_images=train.total_images,
        batch_size=train.batch_size,
        learning_rate=train.learning_rate,
        final_learning_rate=train.final_learning_rate,
        betas=train.betas,
        ema_half_life_images=train.ema_half_life_images,
        checkpoint_every_images=train.checkpoint_every_images,
        precision=resolve_precision(train.precision, "cuda" if resources.gpus else "cpu"),
        seed=train.seed,
    )


def _spec(config: Config) -> PairSpec:
    model = config.model
    return PairSpec(
        architecture=model.architecture,
        resolution=model.resolution,
        image_size=config.data.size,
        channels=model.channels,
        classes=len(config.data.classes),
        latent_size=model.latent.size,
        latent_prior=model.latent.prior,
        width=model.width,
    )


def _csv(history: list[Metrics]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(history[0]))
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue().encode()


if __name__ == "__main__":
    main("train", __doc__, "models", train)
