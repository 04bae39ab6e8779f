"""The work of the stage `evaluate`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.audit.real_baseline import holdout_of, real_baseline, some_training_images
from pipeline.config.schema import OtherFeatures
from pipeline.data.canonical import describe, load_split, require_shape
from pipeline.embedding.embedder import load_embedder
from pipeline.embedding.external import FeatureSpace, inception, onnx
from pipeline.evaluation.few import warnings_of_few
from pipeline.evaluation.fidelity import distances
from pipeline.evaluation.quality import quality_metrics
from pipeline.images.shape import ImageShape
from pipeline.models.precision import resolve_precision
from pipeline.models.weights import load_pair
from pipeline.runs.command import Command
from pipeline.runs.fingerprint import six_digits
from pipeline.sampling.filters.fitting import fit_filters
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.settings import GenerationSettings
from pipeline.sampling.shards.ranges import ShardPlan
from pipeline.store.files import write_json


def evaluate(command: Command) -> None:
    """Measures fakes against `holdout`, beside as many real training images (where there are) in their place."""
    config, dataset = command.config, describe(command.data)
    pair, embedder = load_pair(command.model), load_embedder(command.model)
    spec, names = pair.spec, dataset["classes"]
    # An unconditional pair fits any classes.
    require_shape(command.data, spec.shape, spec.classes or len(names), wanted_by=f"the model in {command.model}")
    require_shape(command.data, embedder.shape, embedder.classes, wanted_by=f"the embedder in {command.model}")
    space = feature_space(config.evaluate.features, spec.shape)
    count, seed = config.evaluate.images, config.evaluate.seed
    holdout = holdout_of(command, embedder)
    # As `sample` will generate them: the figures stand on the dataset's card.
    how = GenerationSettings.of(
        config.sample, spec.condition, pair.label_names, resolve_precision(config.train.precision, "cpu")
    )
    generator = RecordGenerator(pair, replace(how, seed=seed))
    filters = fit_filters(config.sample.filters, generator, command.model, command.data)
    command.say(f"generating {count:,} images")
    records = replace(generator, filters=filters).shard(ShardPlan(0, 0, count)).records
    fake = torch.from_numpy(how.encoding.stored(records.images).transpose(0, 3, 1, 2))
    asked = None if records.labels is None else torch.from_numpy(records.labels)
    figures = quality_metrics(embedder, embedder.features(fake), asked, holdout, names)
    beside = real_baseline(command, embedder, holdout, count, conditional=asked is not None)
    elsewhere: dict[str, Any] = {}
    if space is not None and config.evaluate.features is not None:
        command.say(f"measuring in the features of {config.evaluate.features.path}")
        real, _ = load_split(command.data, "holdout")
        elsewhere = _figures_elsewhere(
            config.evaluate.features.kind, space, fake, some_training_images(command, count), real
        )
    metrics = {
        **figures,
        **beside,
        "fd_domain_ratio": six_digits(figures["fd_domain"] / beside["fd_domain_real"]),
        **elsewhere,
        "images": count,
        "real_images": len(holdout[1]),
        "validation_images": dataset["splits"]["validation"]["rows"],  # that the checkpoint was chosen by
        "split": "holdout",
        "seed": seed,
        "embedder": embedder.digest,
        "model": pair.digest,
    }
    write_json(command.metrics / "evaluate.json", metrics)
    command.say(
        f"fd_domain {metrics['fd_domain']:.1f} (real against real {metrics['fd_domain_real']:.1f}), "
        f"coverage {metrics['coverage']:.2f}, {_variety_said(metrics)}; "
        f"of {count:,} synthetic and {len(holdout[1]):,} real holdout images"
    )
    for warning in warnings_of_few(metrics):
        command.say(f"warning: {warning}")


def _variety_said(metrics: dict[str, Any]) -> str:
    """Say how varied the images are, within classes where there are some, and whether those are right."""
    if "diversity_all" in metrics:
        return f"diversity {metrics['diversity_all']:.2f} of real"
    classes_said = (
        f"labels right {metrics['label_accuracy']:.1%}"
        if "label_accuracy" in metrics
        else f"rarest predicted class at {metrics['class_share_min']:.2f} of an equal share "
        f"(of real images {metrics['class_share_min_real']:.2f})"
    )
    return f"{classes_said}, least within-class diversity {metrics['diversity_min']:.2f} of real"


def feature_space(settings: OtherFeatures | None, shape: ImageShape) -> FeatureSpace | None:
    """What the config asks for besides the domain classifier, for images of `shape`."""
    if settings is None:
        return None
    path = Path(settings.path).expanduser()
    return inception(path) if settings.kind == "inception" else onnx(path, shape)


def _figures_elsewhere(kind: str, space: FeatureSpace, fake: Tensor, train: Tensor, real: Tensor) -> dict[str, Any]:
    """`fid` and `kid` in Inception's features, else `fd_onnx` and `kid_onnx`; of synthetic images, and of training images in their place."""
    name = {"inception": {"fd": "fid", "kid": "kid"}, "onnx": {"fd": "fd_onnx", "kid": "kid_onnx"}}[kind]
    real_features = space.features(real)
    figures: dict[str, Any] = {f"{kind}_digest": space.digest}
    for ending, images in (("", fake), ("_real", train)):
        for key, value in distances(space.features(images), real_features, scaled=kind != "inception").items():
            which, _, rest = key.partition("_")
            figures[f"{name[which]}{'_' if rest else ''}{rest}{ending}"] = six_digits(value)
    return figures
