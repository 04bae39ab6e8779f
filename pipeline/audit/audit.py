"""The work of the stage `audit`."""

from typing import Any

import torch

from pipeline.audit.outputs import Nearest, Shown, write_all
from pipeline.audit.real_baseline import holdout_of, real_baseline
from pipeline.audit.scan import scan_shards
from pipeline.audit.shard_stats import DatasetStats, dataset_metrics
from pipeline.audit.usefulness import usefulness_metrics
from pipeline.base.cpu import keep_freed_memory
from pipeline.base.errors import UserError
from pipeline.config.constants import FEWEST
from pipeline.data.canonical import describe, load_split, require_shape
from pipeline.embedding.embedder import Embedder, load_embedder
from pipeline.evaluation.few import warnings_of_few
from pipeline.evaluation.moments import Moments
from pipeline.evaluation.privacy import Labelled, inversion_attack, privacy_of_images, some
from pipeline.evaluation.quality import LabelledFeatures, quality_metrics
from pipeline.models.weights import TrainedPair, load_pair
from pipeline.report.source import source_findings
from pipeline.runs.command import Command
from pipeline.runs.fingerprint import six_digits
from pipeline.sampling.manifest import Manifest, open_dataset
from pipeline.sampling.verify import verify_files, verify_records
from pipeline.store.files import read_json, write_json
from pipeline.store.folder import Folder

REGENERATED = 20
COMPARED = 10_000  # records whose distances to training images are measured; a full audit measures all


def audit(command: Command) -> None:
    """Reads every byte back, measures, writes the report; a damaged dataset is refused."""
    dataset, manifest = open_dataset(command.out)
    evaluation = _evaluation_of(command, manifest)
    (command.metrics / "audit.json").unlink(missing_ok=True)
    # A dataset without labels can have been made from any classes.
    known_classes = manifest.classes or describe(command.data)["classes"]
    require_shape(command.data, manifest.image.shape, len(known_classes), wanted_by=f"the dataset in {command.out}")
    source = source_findings(command.data)
    embedder, pair = load_embedder(command.model), load_pair(command.model)
    holdout = holdout_of(command, embedder)
    content = _read_back(command, dataset, manifest, embedder, pair)
    keep_freed_memory()  # from here on this process computes, and alone
    command.say("measuring how real and how varied the records are")
    metrics = _quality_metrics(command, embedder, content, holdout, known_classes)
    train, test = load_split(command.data, "train"), load_split(command.data, "holdout")
    privacy, nearest = _privacy_metrics(command, embedder, pair, content, (train, test))
    metrics |= privacy
    if content.labels is not None:
        synthetic = (content.images, content.labels)
        metrics |= usefulness_metrics(command, manifest.dataset_id, synthetic, train, test)
    metrics["dataset_id"] = manifest.dataset_id
    everything = {**evaluation, **metrics}
    write_all(command, manifest, everything, Shown(content.images, content.labels, test, nearest, source))
    write_json(command.metrics / "audit.json", metrics)  # last: accept goes by it
    command.say(f"{_in_words(metrics)} -> {command.out / 'report' / 'index.html'}")
    for warning in warnings_of_few(everything):
        command.say(f"warning: {warning}")


def _evaluation_of(command: Command, manifest: Manifest) -> dict[str, Any]:
    """Return the metrics of the model that made the dataset; refuse a dataset that cannot be measured."""
    file = command.metrics / "evaluate.json"
    evaluation: dict[str, Any] = read_json(file, "evaluation (made by the stage evaluate)")
    if evaluation.get("model") != manifest.model.digest:
        raise UserError(f"{file} is about another model than {command.out} was made with: run evaluate again.")
    if manifest.count < FEWEST:
        raise UserError(
            f"{command.out} has {manifest.count} records, an audit needs at least {FEWEST}: raise sample.count."
        )
    return evaluation


def _read_back(
    command: Command, dataset: Folder, manifest: Manifest, embedder: Embedder, pair: TrainedPair
) -> DatasetStats:
    """Read every shard back and return what all of them hold; a byte that is wrong refuses the dataset."""
    config = command.config
    findings = verify_files(dataset, manifest)
    keep = max(config.evaluate.images, COMPARED, config.audit.total_images if manifest.classes else 0)
    content = scan_shards(command, embedder, dataset, manifest, findings, keep)
    verify_records(dataset, manifest, pair, findings, REGENERATED)
    if findings.problems:
        raise UserError(
            f"{command.out} is not what its manifest says:\n"
            + "\n".join(f"  {problem}" for problem in findings.problems)
            + "\nRun sample again: it replaces what is damaged."
        )
    assert content is not None  # nothing was found wrong
    command.say(f"{manifest.count:,} records read back from {findings.files} files; {findings.regenerated}")
    return content


def _privacy_metrics(
    command: Command, embedder: Embedder, pair: TrainedPair, content: DatasetStats, real: tuple[Labelled, Labelled]
) -> tuple[dict[str, Any], Nearest]:
    """Measure how near the records are to training images; return that, and the nearest pairs as images."""
    command.say("looking for training images among the records")
    train, holdout = real
    compared = some(content.images, len(content.images) if command.config.audit.full else COMPARED)
    metrics, pairs = privacy_of_images(embedder, pair, compared, train, holdout)
    if command.config.audit.full:
        command.say("attacking the generator: can it make training images better than held-out ones?")
        metrics |= inversion_attack(pair, train, holdout)
    return metrics, (compared[pairs[:, 0]], train[0][pairs[:, 1]])


def _in_words(metrics: dict[str, Any]) -> str:
    taught = "no labels to learn from"
    if "tstr_accuracy" in metrics:
        taught = (
            f"trained on synthetic {metrics['tstr_accuracy']:.1%}, on real {metrics['trtr_accuracy']:.1%}, on both "
            f"{metrics['augmented_accuracy']:.1%}"
        )
    return (
        f"{taught}; {metrics['unique_share']:.3%} unique, {metrics['train_copies']} copies of training images, "
        f"{metrics['near_train_share']:.1%} nearer to one than 99 % of held-out images are"
    )


def _quality_metrics(
    command: Command, embedder: Embedder, content: DatasetStats, holdout: LabelledFeatures, known_classes: list[str]
) -> dict[str, Any]:
    """Measure how real and how varied: of all records what can be gathered shard by shard, of `evaluate.images` the rest."""
    count = min(command.config.evaluate.images, len(content.images))
    chosen = some(torch.arange(len(content.images)), count)
    asked = None if content.labels is None else content.labels[chosen]
    figures = quality_metrics(embedder, embedder.features(content.images[chosen]), asked, holdout, known_classes)
    beside = real_baseline(command, embedder, holdout, count, conditional=asked is not None)
    return {
        **dataset_metrics(content, Moments.of(holdout[0].double().numpy())),
        **figures,
        **beside,
        "fd_domain_ratio": six_digits(figures["fd_domain"] / beside["fd_domain_real"]),
        "images": count,
        "real_images": len(holdout[1]),
    }
