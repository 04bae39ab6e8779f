"""Looking at a dataset as the audit does, and rewriting its manifest as a careful forger would."""

import json
import shutil
from pathlib import Path

from pipeline.base.progress_meter import Track
from pipeline.models.weights import TrainedPair
from pipeline.sampling.assemble import DatasetOutput
from pipeline.sampling.manifest import Manifest, build_manifest
from pipeline.sampling.shards.commits import Commit, commit_name
from pipeline.sampling.verify import TRACKED, Findings, verify_dataset
from pipeline.store.files import file_sha256
from pipeline.store.local import LocalFolder
from tests.unit.tiny import (
    COUNT,
    GeneratedDataset,
    manifest_header,
)


def verify(dataset: Path, manifest: Manifest, pair: TrainedPair | None = None, track: Track = TRACKED) -> Findings:
    """Verify files and records, with a pair each record against it, as `imagemint verify` does."""
    return verify_dataset(LocalFolder(dataset), manifest, pair, COUNT, track)


def recommitted(generated: GeneratedDataset, pair: TrainedPair) -> Manifest:
    """A manifest that says of the run's files what they are now, as a careful forger would write it."""
    commits = []
    for plan in generated.plans:
        commit = json.loads((generated.target.run.path / commit_name(plan.shard)).read_text())
        for file in [commit, *commit["also"]]:
            path = generated.target.run.path / "shards" / Path(file["file"]).name
            file |= {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
        commits.append(Commit.model_validate(commit))
    manifest = build_manifest(generated.target, commits, manifest_header(pair))
    shutil.rmtree(generated.out)
    DatasetOutput(generated.out).assemble(generated.target, manifest)
    return manifest
