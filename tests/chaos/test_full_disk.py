"""A disk that fills up while shards are being written."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.project import Places, digests

# Runs in a mount namespace of its own, where `disk` is a small disk.
FILL_AND_RUN_AGAIN = """
import hashlib, subprocess
from tests.project import ROOT, Places, digests, environment, run

places = Places(disk / "work")
command = places.command("sample", "--model", MODEL)
process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
for line in process.stdout:
    if "shards to generate" in line:
        break
junk = (disk / "junk").open("wb", buffering=0)
try:
    while True:
        junk.write(bytes(65536))
except OSError:
    junk.close()
_, error = process.communicate()
published = (places.dataset / "manifest.json").exists()
(disk / "junk").unlink()
again = run(*command)
made = {name: hashlib.sha256(content).hexdigest() for name, content in digests(places.dataset / "data").items()}
print(json.dumps({"code": process.returncode, "error": error, "published": published, "again": again.returncode, "made": made}))
"""


@pytest.mark.ci
def test_a_disk_that_fills_up_ends_with_a_message_and_goes_on_once_there_is_space(
    run_on_tmpfs: Callable[[str, str], Any], sampled: Places
) -> None:
    told = run_on_tmpfs("48m", FILL_AND_RUN_AGAIN.replace("MODEL", repr(str(sampled.model))))
    assert told["code"] == 1
    assert "The disk is full" in told["error"]
    assert "Traceback" not in told["error"]
    assert not told["published"]
    assert told["again"] == 0
    unbroken = digests(sampled.dataset / "data")
    assert told["made"] == {name: hashlib.sha256(content).hexdigest() for name, content in unbroken.items()}
