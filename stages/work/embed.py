"""The work of the stage `embed`."""

from functools import partial

import torch

from pipeline.data.canonical import describe, load_split
from pipeline.embedding.classifier import DomainClassifier, Fit, accuracy, train_classifier
from pipeline.embedding.embedder import DESCRIPTION, WEIGHTS, load_embedder, save_embedder
from pipeline.errors import UserError
from pipeline.fingerprint import source_digest
from pipeline.models.precision import resolve_precision
from pipeline.storage import copy_whole, read_json, write_json
from stages.command import Command, is_whole


def embed(command: Command) -> None:
    """Trains the classifier on `train`, reports its accuracy on `holdout`."""
    settings, dataset = command.config.embed, describe(command.data)
    if len(dataset["classes"]) < 2:
        raise UserError(
            f"{command.data}: the data has one class only ({dataset['classes'][0]}); what measures distances learns by telling classes "
            "apart. Sort the images into two folders or more, or use a source with labels."
        )
    fingerprint = command.fingerprint(
        {
            "embed": settings.model_dump(mode="json"),
            "data": dataset["digest"],
            "code": source_digest("pipeline.embedding", "pipeline.models.precision"),
            "software": {"torch": torch.__version__},
            "device": {
                "kind": "cpu",
                "threads": torch.get_num_threads(),
                "precision": resolve_precision("auto", "cpu"),
            },
        }
    )
    with command.run(fingerprint) as run:
        if not is_whole(load_embedder, run):
            shape = {
                "size": dataset["image"]["height"],
                "channels": dataset["image"]["channels"],
                "classes": len(dataset["classes"]),
                "features": settings.features,
            }
            fit = Fit(settings.total_images, settings.batch_size, settings.learning_rate, settings.seed)
            images, labels = load_split(command.data, "train")
            network = train_classifier(
                partial(DomainClassifier, **shape),
                images,
                labels,
                fit,
                lambda seen, loss: command.say(f"{seen:,} of {fit.total_images:,} images, loss {loss:.3f}"),
            )
            assert isinstance(network, DomainClassifier)
            measured = {f"{split}_accuracy": accuracy(network, *load_split(command.data, split))
                        for split in ("validation", "holdout")}  # fmt: skip
            save_embedder(
                run, network, {"network": shape, "data": dataset["digest"], "fingerprint": fingerprint, **measured}
            )
        for name in (WEIGHTS, DESCRIPTION):
            copy_whole(run / name, command.out / name)
        description = read_json(run / DESCRIPTION, "embedder description")
    write_json(command.metrics / "embed.json", {"holdout_accuracy": description["holdout_accuracy"]})
    command.say(f"accuracy on holdout {description['holdout_accuracy']:.1%} -> {command.out / WEIGHTS}")
