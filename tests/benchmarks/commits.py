"""What a run of very many shards costs to look at and to finish: `python -m tests.benchmarks.commits [SHARDS [--local]]`, 100,000 by default.

The shards are files of 16 bytes, with commits as sampling writes them; each step is a process of its own, whose time and most
memory are printed, in a folder and in a real S3 (where Ceph is installed).
"""

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pipeline.config.schema import Sample
from pipeline.runs.fingerprint import canonical_digest
from pipeline.sampling.assemble import DatasetOutput
from pipeline.sampling.manifest import ManifestHeader, build_manifest, open_dataset
from pipeline.sampling.shards.commits import ShardTarget, commit_name, committed, name_in_run
from pipeline.sampling.shards.ranges import plan_shards
from pipeline.sampling.status import Request, statuses, write_request
from pipeline.sampling.verify import verify_files
from pipeline.store.bucket import Bucket, at_once
from pipeline.store.folder import Folder, write_document
from pipeline.store.local import LocalFolder
from pipeline.store.places import is_remote
from tests.s3 import S3Server, missing_programs

ROWS = 10_000
CLASSES = ("a", "b")
FINGERPRINT = canonical_digest("a run of very many shards")
STEPS = ("status", "finish", "verify")


def main(shards: int) -> None:
    """Prints a table."""
    print(
        f"{shards:,} shards of {ROWS:,} records\n\n| where | step | seconds | most memory, MB |\n| --- | --- | ---: | ---: |"
    )
    with tempfile.TemporaryDirectory() as folder:
        measure(f"{folder}/root", Path(folder) / "out", shards, {})
    if "--local" not in sys.argv and not missing_programs():
        with tempfile.TemporaryDirectory() as folder, S3Server() as server:
            os.environ.update(server.environment)
            measure(f"{server.make_bucket('commits')}/root", Path(folder) / "out", shards, server.environment)


def measure(root: str, out: Path, shards: int, environment: dict[str, str]) -> None:
    """A line for each step."""
    begun = time.monotonic()
    fill(run_of(root), shards)
    print(f"(made in {time.monotonic() - begun:.0f} s)", file=sys.stderr)
    for step in STEPS:
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.commits", step, root, str(out), str(shards)],
            env={**os.environ, **environment}, check=True, capture_output=True, text=True,
        )  # fmt: skip
        seconds, megabytes = json.loads(done.stdout)
        print(f"| {'S3' if is_remote(root) else 'folder'} | {step} | {seconds:.0f} | {megabytes:.0f} |", flush=True)


def run_of(root: str) -> Folder:
    """The one run below a root."""
    place = Bucket(root) if is_remote(root) else LocalFolder(Path(root))
    return place / f"runs/sample-{FINGERPRINT[:16]}"


def fill(run: Folder, shards: int) -> None:
    """Makes the run."""
    write_request(
        run, Request(name="many", out="out", fingerprint=FINGERPRINT, count=shards * ROWS, shard_size=ROWS, started=1.0)
    )

    def make(shard: int) -> None:
        content = f"{shard:016d}".encode()
        file = f"data/train-{shard:06d}.tar"
        run.write(name_in_run(file), content)
        write_document(run, commit_name(shard), commit(shard, file, content))

    for _ in at_once(make, range(shards)):
        pass


def commit(shard: int, file: str, content: bytes) -> dict[str, Any]:
    """As `write_shard` leaves it."""
    return {
        "shard": shard,
        "first_index": shard * ROWS,
        "rows": ROWS,
        "candidates": ROWS,
        "refused": {},
        "file": file,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "also": [],
        "labels": dict.fromkeys(CLASSES, ROWS // 2),
        "fingerprint": FINGERPRINT,
        "seconds": 1.0,
    }


def manifest_header(shards: int) -> ManifestHeader:
    """What a manifest says besides its shards."""
    sample = Sample.model_validate({"count": shards * ROWS, "shard_size": ROWS, "formats": ["webdataset"]})
    digest = canonical_digest("nothing")
    header = {
        "name": "many", "classes": list(CLASSES), "precision": "fp32", "filters": [],
        "image": {"height": 8, "width": 8, "channels": 1, "encoding": "png"},
        "model": {"digest": digest, "uri": "models/many", "fingerprint": digest},
        "source": {"digest": digest, "name": "many", "licence": "none"},
        "software": {"device": "none"}, "config": {"sample": sample.model_dump(mode="json")},
    }  # fmt: skip
    return ManifestHeader.model_validate(header)


def step(which: str, root: str, out: Path, shards: int) -> None:
    """One step in this process; prints its seconds and this process's most memory in MB."""
    begun = time.monotonic()
    if which == "status":
        (found,) = statuses(root, "many")
        assert found.done_shards == shards
    elif which == "finish":
        run = run_of(root)
        target = ShardTarget(run, FINGERPRINT, ("webdataset",), CLASSES)
        commits = committed(target, plan_shards(shards * ROWS, ROWS))
        manifest = build_manifest(target, list(commits.values()), manifest_header(shards))
        assert len(manifest.shards) == shards
        DatasetOutput(out, root).assemble(target, manifest)
    else:
        dataset, manifest = open_dataset(out)
        findings = verify_files(dataset, manifest)
        assert not findings.problems, findings.problems[:3]
    seconds = time.monotonic() - begun
    print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6]))


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in STEPS:
        step(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
