"""Run the stage `evaluate`."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from pipeline.audit.real_baseline import ResultCache, holdout_of, metrics_with_real_baseline
from pipeline.base.metric import MetricValues
from pipeline.config.schema import OtherFeatures
from pipeline.data.canonical import load_split, require_shape
from pipeline.data.description import describe
from pipeline.embedding.embedder import load_embedder
from pipeline.embedding.external import inception, onnx
from pipeline.evaluation.evidence import Evidence, OtherSpace
from pipeline.evaluation.few import warnings_of_few
from pipeline.images.shape import ImageShape
from pipeline.models.precision import resolve_precision
from pipeline.models.weights import load_pair
from pipeline.runs.command import Command
from pipeline.sampling.filters.fitting import fit_filters
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.settings import GenerationSettings
from pipeline.sampling.shards.ranges import ShardPlan
from pipeline.store.files import write_json


def evaluate(command: Command) -> None:
    """Measure fakes against `holdout`, and as many real training images (where there are) in their place."""
    config, dataset = command.config, describe(command.data)
    pair, embedder = load_pair(command.model), load_embedder(command.model)
    spec, names = pair.spec, dataset.classes
    # An unconditional pair fits any classes.
    require_shape(command.data, spec.shape, spec.classes or len(names), wanted_by=f"the model in {command.model}")
    require_shape(command.data, embedder.shape, embedder.classes, wanted_by=f"the embedder in {command.model}")
    other = feature_space(config.evaluate.features, spec.shape)
    count, seed = config.evaluate.images, config.evaluate.seed
    holdout = holdout_of(command.data)
    # As `sample` will generate them, since the dataset's card shows these metrics.
    how = GenerationSettings.of(
        config.sample, spec.condition, pair.label_names, resolve_precision(config.train.precision, "cpu")
    )
    generator = RecordGenerator(pair, replace(how, seed=seed))
    filters = fit_filters(config.sample.filters, generator, command.model, command.data)
    command.say(f"generating {count:,} images")
    on_batch = command.track("generating", count, "images")
    records = replace(generator, filters=filters).shard(ShardPlan(0, 0, count), on_batch).records
    fake = torch.from_numpy(how.encoding.stored(records.images).transpose(0, 3, 1, 2))
    cache = ResultCache(config.root, command.fresh)
    evidence = Evidence(
        embedder=embedder,
        pair=pair,
        names=names,
        fake=fake,
        requested=None if records.labels is None else torch.from_numpy(records.labels),
        holdout=holdout,
        load_train=partial(load_split, command.data, "train"),
        data_digest=dataset.digest,
        seed=seed,
        other=other,
        say=command.say,
        track=command.track,
        cached=partial(cache.get, command.stage),
    )
    metrics = {
        **metrics_with_real_baseline(evidence, cache),
        "validation_images": dataset.splits["validation"].rows,  # that the checkpoint was chosen by
        "split": "holdout",
        "seed": seed,
        "embedder": embedder.digest,
        "model": pair.digest,
    }
    write_json(command.metrics / "evaluate.json", metrics)
    command.say(
        f"fd_domain {metrics['fd_domain']:.1f} (baseline of real images {metrics['fd_domain_real']:.1f}), "
        f"coverage {metrics['coverage']:.2f}, {_variety_in_words(metrics)}; "
        f"of {count:,} synthetic and {len(holdout[1]):,} real holdout images"
    )
    for warning in warnings_of_few(metrics):
        command.say(f"warning: {warning}")


def _variety_in_words(metrics: MetricValues) -> str:
    """Return how varied the images are, within classes where there are several, and whether those are right."""
    if "diversity_all" in metrics:
        return f"diversity {metrics['diversity_all']:.2f} of real"
    classes_said = (
        f"labels that a classifier confirms {metrics['label_accuracy']:.1%}"
        if "label_accuracy" in metrics
        else f"rarest predicted class at {metrics['class_share_min']:.2f} of an equal share "
        f"(baseline of real images {metrics['class_share_min_real']:.2f})"
    )
    return f"{classes_said}, least within-class diversity {metrics['diversity_min']:.2f} of real"


def feature_space(settings: OtherFeatures | None, shape: ImageShape) -> OtherSpace | None:
    """Return the feature space that the config asks for besides the domain classifier's, for images of `shape`."""
    if settings is None:
        return None
    path = Path(settings.path).expanduser()
    space = inception(path) if settings.kind == "inception" else onnx(path, shape)
    return OtherSpace(settings.kind, settings.path, space)
