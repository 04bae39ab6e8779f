"""Publish an accepted dataset under a version number, in a folder or an object store.

PLACE/NAME/VERSION/     the dataset with card, Croissant and report, `figures.json`, its manifest last
PLACE/NAME/CHANGELOG.md a line a version, the newest first
PLACE/NAME/latest.json  which version is the newest; written last
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from semver import Version

from pipeline.base.errors import UserError
from pipeline.base.junk import is_junk
from pipeline.base.metric import MetricValues
from pipeline.base.progress_meter import track_in
from pipeline.release.checkout import artifact_of, require_committed, tag
from pipeline.release.version import FIRST, next_version
from pipeline.report.croissant import croissant
from pipeline.report.metric_rows import METRICS_FILE
from pipeline.sampling.manifest import MANIFEST, Manifest, manifest_in, open_dataset
from pipeline.sampling.shards.wids import WIDS
from pipeline.sampling.verify import verify_files
from pipeline.store.files import is_temporary, read_json
from pipeline.store.folder import Folder, write_document
from pipeline.store.local import LocalFolder
from pipeline.store.places import copy_files, folder_at

LATEST = "latest.json"
CHANGELOG = "CHANGELOG.md"
_RELEASED = re.compile(
    rf"data/(train-\d{{6,}}\.(parquet|tar)|wids\.json)|README\.md|report/index\.html|croissant\.json|{METRICS_FILE}|{MANIFEST}"
)
CHANGELOG_METRICS = {"fd_domain": "fd_domain", "tstr_accuracy": "TSTR", "coverage": "coverage"}  # in the changelog


class ReleasedModel(BaseModel):
    """Hold the version of the model, and the commit at which it was first released."""

    model_config = ConfigDict(frozen=True)

    version: str
    commit: str


class Release(BaseModel):
    """Hold what `figures.json` says of a release under `release`.

    `date` is year-month-day, `change` says why the version is another one.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    date: str
    change: str
    commit: str
    model: ReleasedModel


@dataclass(frozen=True)
class Published:
    """Hold a version, its folder, its changelog line, and the git tags that register dataset and model."""

    version: Version
    place: Folder
    line: str
    tags: list[str]


def publish(name: str, place: str) -> Published:
    """Publish the dataset `datasets/NAME` of this checkout below `place`, a folder or the URL of a prefix.

    Publishing the same dataset again changes nothing, and completes what was cut short.

    Raises:
        UserError: the dataset is not accepted, or is not what the commit of the checkout describes.
    """
    folder, metrics_folder = Path("datasets") / name, Path("metrics") / name
    dataset, manifest = open_dataset(folder)
    metrics = _accepted(metrics_folder, manifest.dataset_id)
    artifacts = {
        "dataset": artifact_of(folder / "data"),
        "model": artifact_of(Path("models") / name / "generator.safetensors"),
    }
    commit = require_committed(name)
    home = folder_at(place) / name
    before = _latest(home)
    version, change = next_version(None if before is None else (before.version, before.manifest), manifest)
    target = home / str(version)
    release = _release_in(target, manifest.dataset_id)
    if release is None:
        known = before is not None and before.manifest.model.digest == manifest.model.digest
        release = Release(
            version=str(version),
            date=datetime.now(UTC).date().isoformat(),
            change=change + _metrics_in_words(None if before is None else before.metrics, metrics),
            commit=commit,
            model=before.release.model if before and known else _new_model(before, commit),
        )
        _put(dataset, folder, metrics, release, manifest, target)
    what = f"{name} {version}: {release.change}"
    tags = [
        tag(artifacts["dataset"], str(version), release.commit, what),
        tag(artifacts["model"], release.model.version, release.model.commit, f"the model of {what}"),
    ]
    line = f"- {version} ({release.date}): {release.change}\n"
    _enter(home, line)
    write_document(home, LATEST, {"version": str(version), "dataset_id": manifest.dataset_id})
    return Published(version, target, line.removeprefix("- ").strip(), tags)


@dataclass(frozen=True)
class _Earlier:
    version: Version
    manifest: Manifest
    metrics: MetricValues
    release: Release


def _accepted(folder: Path, identity: str) -> MetricValues:
    """Return all metrics of a dataset, which the stage accept has accepted as it is."""
    if not (folder / "accept.json").is_file():
        raise UserError(
            f"{folder / 'accept.json'} is missing, so the dataset is not accepted. Run `make repro` to see why."
        )
    metrics: MetricValues = {}
    for stage in ("evaluate", "audit", "accept"):
        metrics |= read_json(folder / f"{stage}.json", f"metrics of the stage {stage}")
    if metrics.get("accepted") is not True or metrics["dataset_id"] != identity:
        raise UserError(f"{folder / 'accept.json'} describes another dataset. Run `make repro`, then publish again.")
    return metrics


def _latest(home: Folder) -> _Earlier | None:
    try:
        version = str(json.loads(home.read(LATEST))["version"])
        target = home / version
        metrics = json.loads(target.read(METRICS_FILE))
        release = Release.model_validate(metrics["release"])
        return _Earlier(Version.parse(version), manifest_in(target), metrics, release)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{home}/{LATEST} is damaged, or names a damaged version: {error}. Repair it, or give another place."
        ) from None


def _release_in(target: Folder, identity: str) -> Release | None:
    """Return what is said of the release in `target`, where it is whole and of that dataset."""
    if target.entry(MANIFEST) is None or manifest_in(target).dataset_id != identity:
        return None
    try:
        return Release.model_validate(json.loads(target.read(METRICS_FILE))["release"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{target}/{METRICS_FILE}: damaged: {error}. Repair it, or give another place.") from None


def _new_model(before: _Earlier | None, commit: str) -> ReleasedModel:
    version = FIRST if before is None else Version.parse(before.release.model.version).bump_major()
    return ReleasedModel(version=str(version), commit=commit)


def _metrics_in_words(before: MetricValues | None, now: MetricValues) -> str:
    """Return the metrics in words, for example "; TSTR 0.886, was 0.884"."""
    words = ""
    for key, name in CHANGELOG_METRICS.items():
        if key in now:
            was = f", was {before[key]:.4g}" if before is not None and key in before else ""
            words += f"; {name} {now[key]:.4g}{was}"
    return words


def _put(
    dataset: Folder, folder: Path, metrics: MetricValues, release: Release, manifest: Manifest, target: Folder
) -> None:
    """Write a release, its manifest last; `folder` has card and report, which are not in the dataset's own place."""
    _remove_cut_short(target)
    files = [file.file for shard in manifest.shards for file in shard.files]
    if dataset.entry(WIDS) is not None:
        files.append(WIDS)
    track = track_in("publish", aside=True)
    copy_files(dataset, target, [(name, name) for name in files], track("copying", len(files), "files"))
    copy_files(LocalFolder(folder), target, [(name, name) for name in ("README.md", "report/index.html")])
    write_document(target, "croissant.json", croissant(manifest, release.version, release.date))
    write_document(target, METRICS_FILE, {**metrics, "release": release.model_dump()})
    if not target.guards_content:
        problems = verify_files(target, manifest, track).problems
        if problems:
            raise UserError(
                f"{folder}: {problems[0]}, and {len(problems) - 1} more problems. Run the stage sample again."
            )
    write_document(target, MANIFEST, manifest.model_dump())


def _remove_cut_short(target: Folder) -> None:
    """Remove what a release that was cut short left; refuse a folder that holds anything else."""
    found = [name for name in target.entries("") if not is_junk(name)]
    foreign = [name for name in found if not _RELEASED.fullmatch(name) and not is_temporary(Path(name))]
    if foreign:
        raise UserError(
            f"--to: {target} holds {foreign[0]}, which is no part of a release; nothing was touched. Move it away, or publish "
            "to another place."
        )
    target.remove(found)


def _enter(home: Folder, line: str) -> None:
    try:
        lines = home.read(CHANGELOG).decode()
    except FileNotFoundError:
        lines = ""
    if line not in lines:
        home.write(CHANGELOG, (line + lines).encode())
