"""The work of the stage `audit`."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.audit.real_baseline import floor, holdout_of
from pipeline.audit.scan import look_at_shards
from pipeline.audit.shard_stats import Content, content_metrics
from pipeline.base.cpu import keep_freed_memory
from pipeline.base.errors import UserError
from pipeline.config.constants import FEWEST
from pipeline.data.canonical import describe, load_split, pixel_digests, require_shape
from pipeline.embedding.embedder import Embedder, load_embedder
from pipeline.evaluation.few import warnings_of_few
from pipeline.evaluation.gates import judge_gates
from pipeline.evaluation.moments import Moments
from pipeline.evaluation.privacy import inversion_attack, privacy_of_images, some
from pipeline.evaluation.quality import quality_figures
from pipeline.evaluation.usefulness import Taught, usefulness, usefulness_figures
from pipeline.models.hardware import device_name
from pipeline.models.weights import load_pair
from pipeline.report.card import write_card
from pipeline.report.croissant import write_croissant
from pipeline.report.page import COLUMNS, Pictures, write_report
from pipeline.report.source import source_findings
from pipeline.report.summary import headline
from pipeline.runs.code import code_digest
from pipeline.runs.command import Command
from pipeline.runs.fingerprint import canonical_digest, run_identity, six_digits
from pipeline.runs.run import Run
from pipeline.runs.usage import TIME, spent_on
from pipeline.sampling.manifest import open_dataset
from pipeline.sampling.verify import verify_files, verify_records
from pipeline.store.files import read_json, write_json
from pipeline.store.local import LocalFolder

VERSION = "1.0.0"
REGENERATED = 20
UNLABELLED_SHOWN = 5 * COLUMNS
COMPARED = 10_000  # records whose distances to training images are measured; a full audit measures all
FULL_SEEDS = 5

Labelled = tuple[torch.Tensor, torch.Tensor]  # uint8 [N, C, S, S], int64 [N]


def audit(command: Command) -> None:
    """Reads every byte back, measures, writes the report; a damaged dataset is refused."""
    config, (dataset, manifest) = command.config, open_dataset(command.out)
    evaluation = read_json(command.metrics / "evaluate.json", "evaluation (made by the stage evaluate)")
    if evaluation.get("model") != manifest.model.digest:
        raise UserError(
            f"{command.metrics / 'evaluate.json'} is about another model than {command.out} was made with: run evaluate again."
        )
    if manifest.count < FEWEST:
        raise UserError(
            f"{command.out} has {manifest.count} records, an audit needs at least {FEWEST}: raise sample.count."
        )
    (command.metrics / "audit.json").unlink(missing_ok=True)
    classes = manifest.classes
    # A dataset without labels can have been made from any classes.
    known_classes = classes or describe(command.data)["classes"]
    shape = {"size": manifest.image.height, "channels": manifest.image.channels, "classes": len(known_classes)}
    require_shape(command.data, **shape, wanted_by=f"the dataset in {command.out}")

    findings_of_source = source_findings(command.data)
    embedder, pair = load_embedder(command.model), load_pair(command.model)
    holdout_features = holdout_of(command, embedder)
    findings = verify_files(dataset, manifest)
    keep = max(config.evaluate.images, COMPARED, config.audit.total_images if classes else 0)
    content = look_at_shards(command, embedder, dataset, manifest, findings, keep)
    verify_records(dataset, manifest, pair, findings, REGENERATED)
    if findings.problems:
        raise UserError(
            f"{command.out} is not what its manifest says:\n"
            + "\n".join(f"  {problem}" for problem in findings.problems)
            + "\nRun sample again: it replaces what is damaged."
        )
    assert content is not None  # nothing was found wrong
    command.say(f"{manifest.count:,} records read back from {findings.files} files; {findings.regenerated}")

    keep_freed_memory()  # from here on this process computes, and alone
    command.say("measuring how real and how varied the records are")
    metrics = _quality_metrics(command, embedder, content, holdout_features, known_classes)
    command.say("looking for training images among the records")
    train, holdout = load_split(command.data, "train"), load_split(command.data, "holdout")
    compared = some(content.images, len(content.images) if config.audit.full else COMPARED)
    privacy, pairs = privacy_of_images(embedder, pair, compared, train, holdout)
    metrics |= privacy
    if config.audit.full:
        command.say("attacking the generator: can it make training images better than held-out ones?")
        metrics |= inversion_attack(pair, train, holdout)
    if content.labels is not None:
        synthetic = (content.images, content.labels)
        metrics |= _usefulness_metrics(command, manifest.dataset_id, synthetic, train, holdout)
    metrics["dataset_id"] = manifest.dataset_id
    everything = {**evaluation, **metrics}
    training, walk = command.metrics / "training.csv", command.model / "samples" / "interpolation.png"
    write_report(
        command.out / "report" / "index.html",
        manifest=manifest,
        metrics=everything,
        verdicts=judge_gates(config.gates, everything),
        pictures=Pictures(
            fake=_shown(content.images, content.labels, classes),
            real=_shown(holdout[0], holdout[1] if classes else None, classes),
            nearest=(_for_people(compared[pairs[:, 0]]), _for_people(train[0][pairs[:, 1]])),
            walk=walk.read_bytes() if walk.is_file() else b"",
            training=training.read_text(encoding="utf-8") if training.is_file() else "",
            source=findings_of_source,
        ),
        spent={stage: spent_on(LocalFolder(command.metrics), f"{stage}_{TIME}") for stage in ("train", "sample")},
        prices=config.audit.prices,
    )
    write_croissant(command.out / "croissant.json", manifest, VERSION, datetime.now(UTC).date().isoformat())
    write_card(command.out / "README.md", manifest, everything)
    write_json(command.metrics / "summary.json", headline(everything))
    write_json(command.metrics / "audit.json", metrics)  # last: accept goes by it
    taught = (
        f"trained on synthetic {metrics['tstr_accuracy']:.1%}, on real {metrics['trtr_accuracy']:.1%}, on both "
        f"{metrics['augmented_accuracy']:.1%}; "
        if classes
        else "no labels to learn from; "
    )
    command.say(
        f"{taught}{metrics['unique_share']:.3%} unique, {metrics['train_copies']} copies of training images, "
        f"{metrics['near_train_share']:.1%} nearer to one than 99 % of held-out images are "
        f"-> {command.out / 'report' / 'index.html'}"
    )
    for warning in warnings_of_few(everything):
        command.say(f"warning: {warning}")


def _quality_metrics(
    command: Command, embedder: Embedder, content: Content, holdout: Labelled, known_classes: list[str]
) -> dict[str, Any]:
    """How real and how varied: of all records what can be gathered shard by shard, of `evaluate.images` the rest."""
    count = min(command.config.evaluate.images, len(content.images))
    chosen = some(torch.arange(len(content.images)), count)
    asked = None if content.labels is None else content.labels[chosen]
    figures = quality_figures(embedder, embedder.features(content.images[chosen]), asked, holdout, known_classes)
    beside = floor(command, embedder, holdout, count, conditional=asked is not None)
    return {
        **content_metrics(content, Moments.of(holdout[0].double().numpy())),
        **figures,
        **beside,
        "fd_domain_ratio": six_digits(figures["fd_domain"] / beside["fd_domain_real"]),
        "images": count,
        "real_images": len(holdout[1]),
    }


def _usefulness_metrics(
    command: Command, identity: str, synthetic: Labelled, real: Labelled, test: Labelled
) -> dict[str, Any]:
    """What is learnt from synthetic images, of a dataset of that identity, from real ones and from both."""
    real_identity = describe(command.data)["digest"]
    both = (torch.cat([synthetic[0], real[0]]), torch.cat([synthetic[1], real[1]]))
    return usefulness_figures(
        _taught(command, "synthetic", identity, synthetic, test),
        _taught(command, "real", real_identity, real, test),
        _taught(command, "real and synthetic", f"{real_identity}+{identity}", both, test),
    )


def _taught(command: Command, teacher: str, identity: str, train: Labelled, test: Labelled) -> Taught:
    """What is got right of the test images after learning from `train`; kept from audit to audit, as minutes go into it."""
    settings = command.config.audit
    budget: dict[str, Any] = {
        "classes": describe(command.data)["classes"],
        "total_images": settings.total_images,
        "seeds": max(settings.seeds, FULL_SEEDS) if settings.full else settings.seeds,
    }
    identity_of_run = run_identity(
        command.stage,
        {
            "teacher": identity,
            "images": len(train[0]),
            "test": canonical_digest(pixel_digests(test[0].permute(0, 2, 3, 1).numpy())),
            "budget": budget,
            "code": code_digest("pipeline.evaluation.usefulness"),
            "software": {"torch": torch.__version__},
            "device": {"name": device_name(use_gpu=False), "threads": torch.get_num_threads()},
        },
    )

    def learn() -> dict[str, Any]:
        command.say(f"training a classifier on {teacher} images")
        return asdict(usefulness(*train, *test, **budget))

    with Run.open(command.config.root, command.stage, identity_of_run, fresh=command.fresh) as run:
        return Taught(**run.cached_json("usefulness.json", learn))


def _shown(images: torch.Tensor, labels: torch.Tensor | None, classes: list[str]) -> dict[str, NDArray[np.uint8]]:
    """Images for people, `uint8 [N, H, W, C]` by caption: the first of each class that occurs, or of all where there are no labels."""
    if labels is None:
        chosen = {"The first images": images[:UNLABELLED_SHOWN]}
    else:
        rows = {name: torch.nonzero(labels == label).flatten()[:COLUMNS] for label, name in enumerate(classes)}
        chosen = {name: images[first] for name, first in rows.items() if len(first)}
    return {caption: _for_people(part) for caption, part in chosen.items()}


def _for_people(images: torch.Tensor) -> NDArray[np.uint8]:
    return images.permute(0, 2, 3, 1).numpy()
