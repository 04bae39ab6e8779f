"""Run the stage `audit`."""

from functools import partial
from pathlib import Path

from pipeline.audit.outputs import Nearest, Shown, write_all
from pipeline.audit.real_baseline import ResultCache, holdout_of, metrics_with_real_baseline
from pipeline.audit.scan import ShardInspector, references_of, scan_shards
from pipeline.base.cpu import keep_freed_memory
from pipeline.base.errors import UserError
from pipeline.base.metric import MetricValues
from pipeline.config.constants import FEWEST
from pipeline.data.canonical import load_split, require_shape
from pipeline.data.description import describe
from pipeline.embedding.embedder import load_embedder
from pipeline.evaluation.evidence import AuditedRecords, Evidence
from pipeline.evaluation.few import warnings_of_few
from pipeline.evaluation.privacy import nearest_pairs
from pipeline.evaluation.resampling import random_subset
from pipeline.models.weights import load_pair
from pipeline.report.source import source_findings
from pipeline.runs.command import Command
from pipeline.sampling.manifest import Manifest, open_dataset
from pipeline.sampling.verify import Findings, verify_files, verify_records
from pipeline.store.files import read_json, write_json

REGENERATED = 20
COMPARED = 10_000  # records whose distances to training images are measured; a full audit measures all


def audit(command: Command) -> None:
    """Read every byte back, measure, and write the report; refuse a damaged dataset."""
    config = command.config
    dataset, manifest = open_dataset(command.out)
    evaluation = _evaluation_of(manifest, command.metrics / "evaluate.json", command.out)
    described = describe(command.data)
    (command.metrics / "audit.json").unlink(missing_ok=True)
    classes = manifest.classes or described.classes  # without labels the records can have been made from any
    require_shape(command.data, manifest.image.shape, len(classes), wanted_by=f"the dataset in {command.out}")
    source = source_findings(command.data)
    embedder, pair = load_embedder(command.model), load_pair(command.model)
    holdout = holdout_of(command.data)
    findings = verify_files(dataset, manifest, command.track)
    _require_undamaged(findings, command.out)
    sample_size = max(config.evaluate.images, COMPARED, config.audit.total_images if manifest.classes else 0)
    inspector = ShardInspector(dataset, manifest, references_of(command.data, embedder, manifest), sample_size)
    content = scan_shards(inspector, config.root, findings, command.progress)
    verify_records(dataset, manifest, pair, findings, REGENERATED, track=command.track)
    _require_undamaged(findings, command.out)
    assert content is not None  # nothing was found wrong
    command.say(f"{manifest.count:,} records read back from {findings.files} files; {findings.regenerated}")
    keep_freed_memory()  # from here on this process computes, and alone
    command.say("measuring how real and how varied the records are")
    cache = ResultCache(config.root, command.fresh)
    count = config.evaluate.images
    evidence = Evidence(
        embedder=embedder,
        pair=pair,
        names=classes,
        fake=random_subset(content.images, count),
        requested=None if content.labels is None else random_subset(content.labels, count),
        holdout=holdout,
        load_train=partial(load_split, command.data, "train"),
        data_digest=described.digest,
        seed=config.evaluate.seed,
        records=AuditedRecords(
            dataset_id=manifest.dataset_id,
            stats=content,
            comparisons=len(content.images) if config.audit.full else COMPARED,
            settings=config.audit,
        ),
        say=command.say,
        track=command.track,
        cached=partial(cache.get, command.stage),
    )
    metrics = {**metrics_with_real_baseline(evidence, cache), "dataset_id": manifest.dataset_id}
    everything = {**evaluation, **metrics}
    write_all(command, manifest, everything, Shown(content.images, content.labels, holdout, _nearest(evidence), source))
    write_json(command.metrics / "audit.json", metrics)  # last: accept goes by it
    command.say(f"{_in_words(metrics)} -> {command.out / 'report' / 'index.html'}")
    for warning in warnings_of_few(everything):
        command.say(f"warning: {warning}")


def _evaluation_of(manifest: Manifest, file: Path, dataset: Path) -> MetricValues:
    """Return the metrics of the model that made the dataset; refuse a dataset that cannot be measured."""
    evaluation: MetricValues = read_json(file, "evaluation (made by the stage evaluate)")
    if evaluation.get("model") != manifest.model.digest:
        raise UserError(
            f"{file} measures another model than the one that generated {dataset}. Run the stage evaluate again."
        )
    if manifest.count < FEWEST:
        raise UserError(
            f"{dataset} has {manifest.count} records, but an audit needs at least {FEWEST}. Raise sample.count."
        )
    return evaluation


def _require_undamaged(findings: Findings, dataset: Path) -> None:
    if findings.problems:
        raise UserError(
            f"{dataset} is not what its manifest says:\n"
            + "\n".join(f"  {problem}" for problem in findings.problems)
            + "\nRun the stage sample again: it replaces damaged files."
        )


def _nearest(evidence: Evidence) -> Nearest:
    """Return the records that lie nearest to training images, and those images."""
    assert evidence.records is not None
    pairs = nearest_pairs(evidence.nearest_train)
    return evidence.records.compared[pairs[:, 0]], evidence.train[0][pairs[:, 1]]


def _in_words(metrics: MetricValues) -> str:
    usefulness = "no labels, so no classifier was trained on the records"
    if "tstr_accuracy" in metrics:
        usefulness = (
            f"accuracy of a classifier trained on synthetic images {metrics['tstr_accuracy']:.1%}, on real images "
            f"{metrics['trtr_accuracy']:.1%}, on both "
            f"{metrics['augmented_accuracy']:.1%}"
        )
    return (
        f"{usefulness}; {metrics['unique_share']:.3%} unique, {metrics['train_copies']} copies of training images, "
        f"{metrics['near_train_share']:.1%} nearer to a training image than 99 % of held-out images"
    )
