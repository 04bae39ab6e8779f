"""The work of the stage `audit`."""

import torch

from pipeline.audit.outputs import Nearest, Shown, write_all
from pipeline.audit.real_baseline import holdout_of, kept_by, metrics_beside_real
from pipeline.audit.scan import scan_shards
from pipeline.base.cpu import keep_freed_memory
from pipeline.base.errors import UserError
from pipeline.base.metric import MetricValues
from pipeline.config.constants import FEWEST
from pipeline.data.canonical import load_split, require_shape
from pipeline.data.description import describe
from pipeline.embedding.embedder import Embedder, load_embedder
from pipeline.evaluation.dataset_stats import DatasetStats
from pipeline.evaluation.evidence import AuditedRecords, Evidence
from pipeline.evaluation.few import warnings_of_few
from pipeline.evaluation.privacy import Labelled, nearest_pairs, some
from pipeline.models.weights import TrainedPair, load_pair
from pipeline.report.source import source_findings
from pipeline.runs.command import Command
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
    classes = len(_known_classes(command, manifest))
    shape = {"size": manifest.image.height, "channels": manifest.image.channels, "classes": classes}
    require_shape(command.data, **shape, wanted_by=f"the dataset in {command.out}")
    source = source_findings(command.data)
    embedder, pair = load_embedder(command.model), load_pair(command.model)
    holdout = holdout_of(command)
    content = _read_back(command, dataset, manifest, embedder, pair)
    keep_freed_memory()  # from here on this process computes, and alone
    command.say("measuring how real and how varied the records are")
    evidence = _evidence(command, manifest, embedder, pair, content, holdout)
    metrics = metrics_beside_real(command, evidence)
    metrics["dataset_id"] = manifest.dataset_id
    everything = {**evaluation, **metrics}
    write_all(command, manifest, everything, Shown(content.images, content.labels, holdout, _nearest(evidence), source))
    write_json(command.metrics / "audit.json", metrics)  # last: accept goes by it
    command.say(f"{_in_words(metrics)} -> {command.out / 'report' / 'index.html'}")
    for warning in warnings_of_few(everything):
        command.say(f"warning: {warning}")


def _known_classes(command: Command, manifest: Manifest) -> list[str]:
    """Return the classes that the records are of, as far as is known: without labels they can have been made from any."""
    classes: list[str] = manifest.classes or describe(command.data).classes
    return classes


def _evaluation_of(command: Command, manifest: Manifest) -> MetricValues:
    """Return the metrics of the model that made the dataset; refuse a dataset that cannot be measured."""
    file = command.metrics / "evaluate.json"
    evaluation: MetricValues = read_json(file, "evaluation (made by the stage evaluate)")
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


def _evidence(
    command: Command,
    manifest: Manifest,
    embedder: Embedder,
    pair: TrainedPair,
    content: DatasetStats,
    holdout: Labelled,
) -> Evidence:
    """Return what can be measured from: all records by what was gathered of them, `evaluate.images` of them, and the real images."""
    config, images = command.config, content.images
    chosen = some(torch.arange(len(images)), min(config.evaluate.images, len(images)))
    return Evidence(
        embedder=embedder,
        pair=pair,
        names=_known_classes(command, manifest),
        fake=images[chosen],
        asked=None if content.labels is None else content.labels[chosen],
        holdout=holdout,
        load_train=lambda: load_split(command.data, "train"),
        seed=config.evaluate.seed,
        records=AuditedRecords(
            dataset_id=manifest.dataset_id,
            data_digest=describe(command.data).digest,
            stats=content,
            comparisons=len(images) if config.audit.full else COMPARED,
            settings=config.audit,
        ),
        say=command.say,
        kept=kept_by(command, command.stage),
    )


def _nearest(evidence: Evidence) -> Nearest:
    """Return the records that lie nearest to training images, and those images."""
    assert evidence.records is not None
    pairs = nearest_pairs(evidence.nearest_train)
    return evidence.records.compared[pairs[:, 0]], evidence.train[0][pairs[:, 1]]


def _in_words(metrics: MetricValues) -> str:
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
