"""Train the embedder of a dataset: the work of the stage `embed`."""

import time
from functools import partial

import torch

from pipeline.base.pace import Pace
from pipeline.base.progress import Progress
from pipeline.data.canonical import load_split
from pipeline.data.description import UNSEEN, DatasetDescription, describe
from pipeline.embedding.classifier import DomainClassifier, FeatureNetwork, Fit, accuracy, train_classifier
from pipeline.embedding.embedder import (
    CLASSIFIER,
    DESCRIPTION,
    SELF_SUPERVISED,
    WEIGHTS,
    load_embedder,
    save_embedder,
)
from pipeline.embedding.self_supervised import recognised_share, train_self_supervised
from pipeline.images.shape import ImageShape
from pipeline.models.precision import resolve_precision
from pipeline.runs.code import code_digest
from pipeline.runs.command import Command
from pipeline.runs.fingerprint import run_identity
from pipeline.runs.run import Run, is_whole
from pipeline.store.files import copy_whole, read_json, write_json

CODE = ("pipeline.embedding.embedder", "pipeline.embedding.self_supervised")  # what weights depend on
# Of each kind, the name of what says how good it is, and that in words.
QUALITY = {
    CLASSIFIER: ("accuracy", "accuracy on holdout"),
    SELF_SUPERVISED: ("recognised", "holdout images recognised from another part of them"),
}


def embed(command: Command) -> None:
    """Train the embedder on `train` and report its quality on `holdout`.

    The embedder is the domain classifier or, without labels, the network that replaces it.
    """
    settings, dataset = command.config.embed, describe(command.data)
    identity = run_identity(
        command.stage,
        {
            "embed": settings.model_dump(mode="json"),
            "data": dataset.digest,
            "code": code_digest(*CODE),
            "software": {"torch": torch.__version__},
            "device": {
                "kind": "cpu",
                "threads": torch.get_num_threads(),
                "precision": resolve_precision("auto", "cpu"),
            },
        },
    )
    with Run.open(command.config.root, command.stage, identity, fresh=command.fresh) as run:
        if not is_whole(load_embedder, run.path):
            train = _train_classifier if len(dataset.classes) > 1 else _train_without_labels
            network, description = train(command, dataset)
            save_embedder(run.path, network, {**description, "data": dataset.digest, "fingerprint": identity})
        run.note_preset(command.config.name)
        for name in (WEIGHTS, DESCRIPTION):
            copy_whole(run.path / name, command.out / name)
        description = read_json(run.path / DESCRIPTION, "embedder description")
    name, words = QUALITY[description["kind"]]
    quality = description[f"holdout_{name}"]
    write_json(command.metrics / "embed.json", {"kind": description["kind"], f"holdout_{name}": quality})
    command.say(f"{words} {quality:.1%} -> {command.out / WEIGHTS}")


def _train_classifier(command: Command, dataset: DatasetDescription) -> tuple[FeatureNetwork, dict[str, object]]:
    """Return the trained classifier, with its shape and its accuracy on images that it has not seen."""
    shape, classes, features = dataset.image.shape, len(dataset.classes), command.config.embed.features
    images, labels = load_split(command.data, "train")
    build = partial(DomainClassifier, shape, classes, features)
    network = train_classifier(build, images, labels, _fit(command), FitProgress(command))
    assert isinstance(network, DomainClassifier)
    measured = {f"{split}_accuracy": accuracy(network, *load_split(command.data, split)) for split in UNSEEN}
    return network, {"network": {**_stored(shape, features), "classes": classes}, **measured}


def _train_without_labels(command: Command, dataset: DatasetDescription) -> tuple[FeatureNetwork, dict[str, object]]:
    """Return the network that replaces the classifier, with its shape and the share of unseen images it recognises."""
    shape, features = dataset.image.shape, command.config.embed.features
    images, _ = load_split(command.data, "train")
    command.say("one class only: the embedder learns without labels, by recognising each image from a part of it")
    network = train_self_supervised(
        partial(FeatureNetwork, shape, features), images, _fit(command), FitProgress(command)
    )
    measured = {
        f"{split}_recognised": recognised_share(network, load_split(command.data, split)[0]) for split in UNSEEN
    }
    return network, {"network": _stored(shape, features), **measured}


def _stored(shape: ImageShape, features: int) -> dict[str, int]:
    """Return what the embedder's description says of its network."""
    return {"size": shape.side, "channels": shape.channels, "features": features}


def _fit(command: Command) -> Fit:
    settings = command.config.embed
    return Fit(settings.total_images, settings.batch_size, settings.learning_rate, settings.seed)


class FitProgress:
    """Log how far the training is: in lines ten times on the way."""

    def __init__(self, command: Command) -> None:
        """Begin now."""
        self._command, self._total = command, command.config.embed.total_images
        self._seen = 0
        self._pace = Pace(time.monotonic())

    def __call__(self, share: float, loss: float) -> None:
        """Say that so much of the training is done, from 0 to 1, with the current loss."""
        before, self._seen = self._seen, round(share * self._total)
        self._pace.add(self._seen - before)
        now = time.monotonic()
        progress = Progress(
            done=self._seen,
            total=self._total,
            unit="images",
            rate=f"{self._pace.rate(now):,.0f} images/s",
            seconds_left=self._pace.seconds_left(self._total - self._seen, now),
            note=f"loss {loss:.3f}",
        )
        tenth = 10 * self._seen // self._total > 10 * before // self._total
        line = f"{self._seen:,} of {self._total:,} images, {progress.note}" if tenth else ""
        self._command.progress(progress, line, loss=round(loss, 4))
