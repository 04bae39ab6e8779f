"""Sampling into a real S3: the bytes of a local run, a gateway that dies on the way, two drivers, and a user's mistakes."""

import json
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest

from pipeline.base.errors import UserError
from pipeline.report.contact_sheet import contact_sheet
from pipeline.runs.lease import LEASE, holder, lease
from pipeline.sampling.manifest import open_dataset, read_manifest
from pipeline.store.bucket import Bucket
from tests.project import ROOT, Places, environment, refuse, run, succeed
from tests.s3 import S3Server

pytestmark = pytest.mark.ci


def sampling(bucket: Bucket, sampled: Places, out: Path, *options: str) -> list[str]:
    places = Places(out)
    return places.command("sample", "--model", str(sampled.model), "--set", f"root={bucket}", *options)


def files_of(dataset: Bucket) -> dict[str, bytes]:
    return {name: dataset.read(name) for name in dataset.entries("")}


# The store itself ----------------------------------------------------------------------------------------------------


def test_files_of_a_bucket(bucket: Bucket) -> None:
    assert bucket.entry("a") is None
    bucket.write("a", b"one")
    bucket.write("b/c", memoryview(b"two"))
    assert bucket.read("a") == b"one"
    entry = bucket.entry("a")
    assert entry is not None
    assert entry.size == 3
    assert abs(entry.modified - time.time()) < 60
    assert list(bucket.entries("")) == ["a", "b/c"]
    assert list(bucket.entries("b")) == ["b/c"]
    assert list(bucket.read_many(["b/c", "x", "a"])) == [b"two", None, b"one"]
    assert bucket.folders() == ["b"]
    assert bucket.sha256("a") == "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    (bucket / "other").copy_from(bucket, "b/c", "d")
    assert (bucket / "other").read("d") == b"two"
    assert bucket.create("a", b"another") is False
    assert bucket.create("e", b"new") is True
    bucket.remove(["a", "not there"])
    assert list(bucket.entries("")) == ["b/c", "e", "other/d"]


def test_of_many_who_create_a_file_at_once_one_succeeds(bucket: Bucket) -> None:
    won = []

    def create(number: int) -> None:
        if bucket.create("x", str(number).encode()):
            won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert bucket.read("x") == str(won[0]).encode()


def test_a_lease_is_held_by_one_and_free_once_its_owner_is_silent(bucket: Bucket) -> None:
    with lease(bucket, "sample"):
        assert "process" in (holder(bucket) or "")
        with pytest.raises(UserError, match="Another process is working on this sample run"), lease(bucket, "sample"):
            pass
    assert holder(bucket) is None
    dead = {"owner": "dead", "host": "there", "pid": 1, "beat": time.time() - 61}
    bucket.write(LEASE, json.dumps(dead).encode())
    with lease(bucket, "sample"):
        assert json.loads(bucket.read(LEASE))["owner"] != "dead"
    assert bucket.entry(LEASE) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"[" * 10_000, b'{"owner": "x"}', b'{"owner": "x", "host": "h", "pid": 1, "beat": 1' + b"0" * 400 + b"}"],
    ids=["empty", "deep", "cut", "never"],
)
def test_a_lease_of_rubbish_is_taken_over(bucket: Bucket, content: bytes) -> None:
    bucket.write(LEASE, content)
    with lease(bucket, "sample"):
        assert holder(bucket) is not None


def test_a_lease_that_another_took_is_left_to_him(bucket: Bucket) -> None:
    his = {"owner": "another", "host": "there", "pid": 1, "beat": time.time()}
    with lease(bucket, "sample", heartbeat_s=0.05):
        bucket.write(LEASE, json.dumps(his).encode())
    assert json.loads(bucket.read(LEASE)) == his


def test_a_lease_is_kept_alive(bucket: Bucket) -> None:
    with lease(bucket, "sample", heartbeat_s=0.05):
        first = json.loads(bucket.read(LEASE))["beat"]
        while json.loads(bucket.read(LEASE))["beat"] == first:
            pass  # a lease that never beats ends in the test's time limit
        assert json.loads(bucket.read(LEASE))["beat"] > first


# Sampling into it ----------------------------------------------------------------------------------------------------


def test_killed_gateway_and_killed_driver_leave_the_bytes_of_a_local_run(
    s3: S3Server, bucket: Bucket, sampled: Places, tmp_path: Path
) -> None:
    command = sampling(bucket, sampled, tmp_path)
    driver = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert driver.stdout is not None
    for line in driver.stdout:
        if re.search(r"committed, 1 of", line):
            break
    s3.kill_gateway()
    s3.restart_gateway()
    for line in driver.stdout:
        if re.search(r"committed, 3 of", line):
            break
    driver.kill()
    driver.wait()
    (run_name,) = (bucket / "runs").folders()
    (bucket / f"runs/{run_name}").remove([LEASE])  # instead of waiting a minute
    said = succeed(*command)
    left = re.search(r"(\d) of 5 shards to generate", said)
    assert left is None or int(left.group(1)) <= 2
    dataset, manifest = open_dataset(Places(tmp_path).dataset)
    assert manifest.dataset_id == read_manifest(sampled.dataset).dataset_id
    assert isinstance(dataset, Bucket)
    local = {
        path.relative_to(sampled.dataset).as_posix(): path.read_bytes() for path in sampled.dataset.rglob("data/*")
    }
    stored = files_of(dataset)
    del stored["manifest.json"]
    assert stored == local

    verified = succeed("imagemint", "verify", str(dataset), "--model", str(sampled.model))
    assert "2,200 records match the manifest" in verified
    assert "the same bytes" in succeed("imagemint", "record", str(dataset), "2100", "--model", str(sampled.model))
    drawn = tmp_path / "sheet.png"
    succeed("imagemint", "show", str(dataset), "--out", str(drawn))
    assert drawn.read_bytes() == contact_sheet(sampled.dataset, 12).png
    status = succeed("imagemint", "status", "--preset", "digits", "--set", f"root={bucket}")
    assert "5 of 5 shards" in status

    damaged = bytearray(stored["data/train-000001.tar"])
    damaged[1000] ^= 1
    dataset.write("data/train-000001.tar", bytes(damaged))
    dataset.remove(["data/train-000003.parquet"])
    found = refuse("imagemint", "verify", str(dataset), "--model", str(sampled.model))
    assert "data/train-000001.tar: its SHA-256 differs" in found
    assert "data/train-000003.parquet: missing" in found


@pytest.mark.slow
def test_a_dataset_that_was_damaged_or_asked_for_with_another_config_around_it_is_whole_again(
    bucket: Bucket, sampled: Places, tmp_path: Path
) -> None:
    command = sampling(bucket, sampled, tmp_path)
    succeed(*command)
    dataset, manifest = open_dataset(Places(tmp_path).dataset)
    assert isinstance(dataset, Bucket)
    before = files_of(dataset)
    dataset.remove(["data/train-000003.parquet"])
    dataset.write("data/train-000001.tar", before["data/train-000001.tar"][:-1] + b"x")
    succeed(*command, "--set", "audit.seeds=2")  # of no record's concern
    assert files_of(dataset) == before
    assert open_dataset(Places(tmp_path).dataset)[1] == manifest


@pytest.mark.slow
def test_a_second_driver_is_refused_while_the_first_one_works(bucket: Bucket, sampled: Places, tmp_path: Path) -> None:
    command = sampling(bucket, sampled, tmp_path)
    succeed(*command)
    (run_name,) = (bucket / "runs").folders()
    with lease(bucket / f"runs/{run_name}", "sample"):
        done = run(*command)
    assert done.returncode == 1
    assert "Another process is working on this sample run" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_credentials_are_said_before_work_starts_and_never_printed(
    bucket: Bucket, sampled: Places, tmp_path: Path
) -> None:
    done = run(*sampling(bucket, sampled, tmp_path), AWS_SECRET_ACCESS_KEY="a-wrong-secret")
    assert done.returncode == 1
    assert "access refused" in done.stderr
    assert "Traceback" not in done.stderr
    assert "a-wrong-secret" not in done.stderr + done.stdout


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_said(sampled: Places, tmp_path: Path) -> None:
    done = run(*sampling(Bucket("s3://no-such-bucket/x"), sampled, tmp_path))
    assert done.returncode == 1
    assert "there is no such bucket" in done.stderr
    assert "Traceback" not in done.stderr
