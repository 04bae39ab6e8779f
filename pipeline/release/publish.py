"""Publishing an accepted dataset under a version number, in a folder or an object store.

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
    """The version of the model, and the commit at which it was first released."""

    model_config = ConfigDict(frozen=True)

    version: str
    commit: str


class Release(BaseModel):
    """What `figures.json` says of a release under `release`. `date`: year-month-day; `change`: why the version is another one."""

    model_config = ConfigDict(frozen=True)

    version: str
    date: str
    change: str
    commit: str
    model: ReleasedModel


@dataclass(frozen=True)
class Published:
    """A version, where it lies, its changelog line, and the git tags that register dataset and model."""

    version: Version
    place: Folder
    line: str
    tags: list[str]


def publish(name: str, place: str) -> Published:
    """Publishes the dataset `datasets/NAME` of the checkout here below `place`, a folder or the URL of a prefix.

    Publishing the same dataset again changes nothing, and completes what was cut short.

    Raises:
        UserError: the dataset is not accepted, or is not what the commit of the checkout describes.
    """
    folder, metrics = Path("datasets") / name, Path("metrics") / name
    dataset, manifest = open_dataset(folder)
    figures = _accepted(metrics, manifest.dataset_id)
    artifacts = {
        "dataset": artifact_of(folder / "data"),
        "model": artifact_of(Path("models") / name / "generator.safetensors"),
    }
    commit = require_committed(name)
    home = folder_at(place) / name
    before = _latest(home)
    version, change = next_version(None if before is None else (before.version, before.manifest), manifest)
    there = home / str(version)
    release = _release_in(there, manifest.dataset_id)
    if release is None:
        known = before is not None and before.manifest.model.digest == manifest.model.digest
        release = Release(
            version=str(version),
            date=datetime.now(UTC).date().isoformat(),
            change=change + _metrics_in_words(None if before is None else before.figures, figures),
            commit=commit,
            model=before.release.model if before and known else _new_model(before, commit),
        )
        _put(dataset, folder, figures, release, manifest, there)
    what = f"{name} {version}: {release.change}"
    tags = [
        tag(artifacts["dataset"], str(version), release.commit, what),
        tag(artifacts["model"], release.model.version, release.model.commit, f"the model of {what}"),
    ]
    line = f"- {version} ({release.date}): {release.change}\n"
    _enter(home, line)
    write_document(home, LATEST, {"version": str(version), "dataset_id": manifest.dataset_id})
    return Published(version, there, line.removeprefix("- ").strip(), tags)


@dataclass(frozen=True)
class _Earlier:
    version: Version
    manifest: Manifest
    figures: MetricValues
    release: Release


def _accepted(metrics: Path, identity: str) -> MetricValues:
    """All figures of a dataset, which the stage accept has accepted as it is."""
    if not (metrics / "accept.json").is_file():
        raise UserError(
            f"{metrics / 'accept.json'} is not there: the dataset is not accepted. Run `make repro` and see why."
        )
    figures: MetricValues = {}
    for stage in ("evaluate", "audit", "accept"):
        figures |= read_json(metrics / f"{stage}.json", f"figures of the stage {stage}")
    if figures.get("accepted") is not True or figures["dataset_id"] != identity:
        raise UserError(f"{metrics / 'accept.json'} is about another dataset: run `make repro`, then publish again.")
    return figures


def _latest(home: Folder) -> _Earlier | None:
    try:
        version = str(json.loads(home.read(LATEST))["version"])
        there = home / version
        figures = json.loads(there.read(METRICS_FILE))
        release = Release.model_validate(figures["release"])
        return _Earlier(Version.parse(version), manifest_in(there), figures, release)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{home}/{LATEST}: damaged, or names a version that is: {error}. Mend it, or give another place."
        ) from None


def _release_in(there: Folder, identity: str) -> Release | None:
    """What is said of the release that was written there whole, where it is of that dataset."""
    if there.entry(MANIFEST) is None or manifest_in(there).dataset_id != identity:
        return None
    try:
        return Release.model_validate(json.loads(there.read(METRICS_FILE))["release"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{there}/{METRICS_FILE}: damaged: {error}. Mend it, or give another place.") from None


def _new_model(before: _Earlier | None, commit: str) -> ReleasedModel:
    version = FIRST if before is None else Version.parse(before.release.model.version).bump_major()
    return ReleasedModel(version=str(version), commit=commit)


def _metrics_in_words(before: MetricValues | None, now: MetricValues) -> str:
    """For example "; TSTR 0.886, was 0.884"."""
    said = ""
    for key, name in CHANGELOG_METRICS.items():
        if key in now:
            was = f", was {before[key]:.4g}" if before is not None and key in before else ""
            said += f"; {name} {now[key]:.4g}{was}"
    return said


def _put(
    dataset: Folder, folder: Path, figures: MetricValues, release: Release, manifest: Manifest, there: Folder
) -> None:
    """Writes a release, its manifest last; `folder` has what is not in the dataset's own place: card and report."""
    _remove_cut_short(there)
    files = [file.file for shard in manifest.shards for file in shard.files]
    if dataset.entry(WIDS) is not None:
        files.append(WIDS)
    copy_files(dataset, there, [(name, name) for name in files])
    copy_files(LocalFolder(folder), there, [(name, name) for name in ("README.md", "report/index.html")])
    write_document(there, "croissant.json", croissant(manifest, release.version, release.date))
    write_document(there, METRICS_FILE, {**figures, "release": release.model_dump()})
    if not there.guards_content:
        problems = verify_files(there, manifest).problems
        if problems:
            raise UserError(f"{folder}: {problems[0]}, and {len(problems) - 1} more problems: run sample again.")
    write_document(there, MANIFEST, manifest.model_dump())


def _remove_cut_short(there: Folder) -> None:
    """Remove what a release that was cut short left; refuse a folder that holds anything else."""
    found = [name for name in there.entries("") if not is_junk(name)]
    foreign = [name for name in found if not _RELEASED.fullmatch(name) and not is_temporary(Path(name))]
    if foreign:
        raise UserError(
            f"--to: {there} holds {foreign[0]}, which is no part of a release; nothing was touched. Move it away, or publish "
            "to another place."
        )
    there.remove(found)


def _enter(home: Folder, line: str) -> None:
    try:
        lines = home.read(CHANGELOG).decode()
    except FileNotFoundError:
        lines = ""
    if line not in lines:
        home.write(CHANGELOG, (line + lines).encode())
