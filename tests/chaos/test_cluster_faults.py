"""What goes wrong on a cluster of several nodes, and that the result is that of the unbroken run, or a clear error.

`make soak` lets each fault happen three times and keeps the times in soak.json; two happen once in `make test-all`.
"""

import hashlib
import json
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from tests import soak
from tests.chaos.test_kill_training import beside, weights
from tests.cluster import LocalCluster
from tests.project import ROOT, SMALL, Places, digests
from tests.s3 import missing_programs

SAMPLING = (*SMALL, "sample.count=60000", "sample.shard_size=2000", "sample.formats=[webdataset]")
TRAINING = (*SMALL, "train.total_images=64000", "train.checkpoint_every_images=3200")
LOST = 3  # the node that it happens to; 1 is the head, on which drivers run
AWAY_S = 60
HEAD_LOST = r"The head of the cluster at \S+ (has not answered for \d+ s|does not answer \()"
THRICE = [pytest.param(number, marks=pytest.mark.soak) for number in (1, 2, 3)]
pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("repeat"),
    pytest.mark.skipif(bool(missing_programs()), reason="Ceph is not installed: infra/local/s3/README.md says how"),
]


class Stage:
    """A stage that runs on the head and is listened to."""

    def __init__(self, cluster: LocalCluster, command: list[str]) -> None:
        self.said: list[str] = []
        self._lines: Queue[str] = Queue()
        self._process = subprocess.Popen(
            cluster.inside(*command), env=cluster.environment(), cwd=ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")  # the end

    def until(self, text: str) -> None:
        """Listens until it says that."""
        while True:
            self.said.append(self._lines.get(timeout=300))
            assert self.said[-1], f"it has ended: {''.join(self.said)}"
            if text in self.said[-1]:
                return

    def kill(self) -> None:
        """As if its machine had no memory left; Ray's own processes are not touched."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def end(self) -> str:
        """All that it says to its end, which has to be a good one."""
        code, said = self._end()
        assert code == 0, said
        return said

    def fail(self) -> str:
        """All that it says to its end, which must not be a good one."""
        code, said = self._end()
        assert code == 1, said
        return said

    def _end(self) -> tuple[int, str]:
        code = self._process.wait(timeout=600)
        self._reader.join(timeout=5)  # a process of Ray's may hold the pipe open for longer
        while not self._lines.empty():
            self.said.append(self._lines.get())
        return code, "".join(self.said)


@dataclass
class Times:
    """How long faults make their runs, and where that is written down."""

    unbroken_s: dict[str, float] = field(default_factory=dict)
    longer_s: dict[str, list[float]] = field(default_factory=dict)

    def note(self, stage: str, fault: str, seconds: float) -> None:
        longer = self.longer_s.setdefault(f"{stage}: {fault}", [])
        longer.append(round(seconds - self.unbroken_s[stage], 1))


@pytest.fixture(scope="module")
def times() -> Iterator[Times]:
    kept = Times()
    yield kept
    thrice = {fault: longer for fault, longer in kept.longer_s.items() if len(longer) >= 3}
    if thrice:
        ended = time.strftime("%Y-%m-%d")
        soak.note("cluster", {"unbroken_s": kept.unbroken_s, "longer_s": thrice, "ended": ended})


@pytest.fixture(params=THRICE)
def repeat(request: pytest.FixtureRequest) -> int:
    """Which time it is."""
    number: int = request.param
    return number


@pytest.fixture
def whole(cluster: LocalCluster) -> Iterator[LocalCluster]:
    """The cluster with all its nodes, before and after."""
    cluster.bring_up()
    yield cluster
    cluster.take_down(LOST)  # what was cut off has been given up by the head, and may not have noticed yet
    cluster.plug_in(LOST)
    cluster.bring_up()


# Sampling ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unbroken:
    trained: Places
    digests: dict[str, bytes]


@pytest.fixture(scope="module")
def unbroken(cluster: LocalCluster, trained: Places, times: Times, tmp_path_factory: pytest.TempPathFactory) -> Unbroken:  # fmt: skip
    places = Places(tmp_path_factory.mktemp("unbroken"))
    begun = time.monotonic()
    Stage(cluster, sampling(places, trained)).end()
    times.unbroken_s["sample"] = round(time.monotonic() - begun, 1)
    return Unbroken(trained, digests(places.dataset / "data"))


def sampling(places: Places, trained: Places, *options: str) -> list[str]:
    return places.command("sample", "--model", str(trained.model), *options, settings=SAMPLING)


def lost(cluster: LocalCluster) -> None:
    cluster.take_down(LOST)


def cut_off(cluster: LocalCluster) -> None:
    cluster.cut_off(LOST)


def cut_off_for_a_moment(cluster: LocalCluster) -> None:
    cluster.cut_off(LOST)
    time.sleep(10)  # how long it lasts
    cluster.plug_in(LOST)


@pytest.mark.parametrize(
    ("fault", "repeat"),
    [
        pytest.param(lost, 0, marks=pytest.mark.slow),
        *(
            pytest.param(fault, number, marks=pytest.mark.soak)
            for fault in (lost, cut_off_for_a_moment, cut_off)
            for number in (1, 2, 3)
        ),
    ],
    indirect=["repeat"],
)
def test_sampling_without_one_of_its_nodes_makes_the_same_bytes(
    whole: LocalCluster, unbroken: Unbroken, times: Times, tmp_path: Path, fault: Callable[[LocalCluster], None]
) -> None:  # fmt: skip
    begun = time.monotonic()
    there = Places(tmp_path)
    stage = Stage(whole, sampling(there, unbroken.trained))
    stage.until("committed, 3 of")
    fault(whole)
    stage.end()
    times.note("sample", fault.__name__, time.monotonic() - begun)
    assert digests(there.dataset / "data") == unbroken.digests


def test_sampling_on_a_slow_node_makes_the_same_bytes(
    whole: LocalCluster, unbroken: Unbroken, times: Times, tmp_path: Path
) -> None:
    begun = time.monotonic()
    there = Places(tmp_path)
    with slow(whole):
        Stage(whole, sampling(there, unbroken.trained)).end()
    times.note("sample", "slow", time.monotonic() - begun)
    assert digests(there.dataset / "data") == unbroken.digests


def test_sampling_outlives_a_minute_without_its_store(
    whole: LocalCluster, unbroken: Unbroken, times: Times, tmp_path: Path, repeat: int
) -> None:
    root = f"{whole.make_bucket(f'away-{repeat}')}/root"
    begun = time.monotonic()
    there = Places(tmp_path)
    stage = Stage(whole, sampling(there, unbroken.trained, "--set", f"root={root}"))
    stage.until("committed, 3 of")
    whole.take_down("s3")
    time.sleep(AWAY_S)  # how long it lasts
    whole.bring_up()
    stage.end()
    times.note("sample", "store away", time.monotonic() - begun)
    assert in_store(whole, root) == {
        name: hashlib.sha256(content).hexdigest() for name, content in unbroken.digests.items()
    }


def test_a_driver_that_is_killed_leaves_what_is_finished(
    whole: LocalCluster, unbroken: Unbroken, times: Times, tmp_path: Path
) -> None:
    begun = time.monotonic()
    there = Places(tmp_path)
    stage = Stage(whole, sampling(there, unbroken.trained))
    stage.until("committed, 3 of")
    stage.kill()
    assert not (there.dataset / "manifest.json").exists()
    said = Stage(whole, sampling(there, unbroken.trained)).end()
    times.note("sample", "driver killed", time.monotonic() - begun)
    assert "30 of 30 shards to generate" not in said
    assert digests(there.dataset / "data") == unbroken.digests


@pytest.mark.parametrize("repeat", [pytest.param(0, marks=pytest.mark.slow), *THRICE], indirect=True)
def test_a_lost_head_is_told_and_its_successor_goes_on(
    whole: LocalCluster, unbroken: Unbroken, times: Times, tmp_path: Path
) -> None:
    begun = time.monotonic()
    there = Places(tmp_path)
    stage = Stage(whole, sampling(there, unbroken.trained))
    stage.until("committed, 3 of")
    end_head_but_not_driver(whole)
    said = stage.fail()
    assert re.search(HEAD_LOST, said), said
    assert "Traceback" not in said
    assert not (there.dataset / "manifest.json").exists()
    bring_up_anew(whole)
    said = Stage(whole, sampling(there, unbroken.trained)).end()
    times.note("sample", "head lost", time.monotonic() - begun)
    assert "30 of 30 shards to generate" not in said
    assert digests(there.dataset / "data") == unbroken.digests


def end_head_but_not_driver(cluster: LocalCluster) -> None:
    """The process that holds the cluster together, as if the head's machine were gone and the driver on another."""
    (pid,) = cluster.named(1, "gcs_server")
    subprocess.run(["kill", "-KILL", str(pid)], check=True)


def bring_up_anew(cluster: LocalCluster) -> None:
    """A new head with nodes of its own: those of the old one give up by themselves, but some time later."""
    for node in (1, 2, LOST):
        cluster.take_down(node)
    cluster.bring_up()


@contextmanager
def slow(cluster: LocalCluster) -> Iterator[None]:
    """One node gets a quarter of its core."""
    over = threading.Event()

    def signal_all(number: str) -> None:
        pids = [str(pid) for pid in cluster.processes(LOST)]
        subprocess.run(["kill", f"-{number}", *pids], check=False, stderr=subprocess.DEVNULL)  # some have ended by now

    def brake() -> None:
        while not over.is_set():
            signal_all("STOP")
            over.wait(0.3)
            signal_all("CONT")
            over.wait(0.1)

    thread = threading.Thread(target=brake)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        signal_all("CONT")


def in_store(cluster: LocalCluster, root: str) -> dict[str, str]:
    """SHA-256 of each file of the one dataset there."""
    found: dict[str, str] = json.loads(cluster.succeed("python", "-c", IN_STORE, root))
    return found


IN_STORE = """
import json, sys
from pipeline.store.bucket import Bucket
root = Bucket(sys.argv[1])
print(json.dumps({name.rpartition("/")[2]: root.sha256(name) for name in root.entries("datasets") if "/data/" in name}))
"""


# Training ------------------------------------------------------------------------------------------------------------


def training(places: Places, trained: Places, images: int = 64_000) -> list[str]:
    return places.command("train", "--data", str(trained.data), settings=(*TRAINING, f"train.total_images={images}"))


@pytest.fixture(scope="module")
def learnt(cluster: LocalCluster, trained: Places, times: Times, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:  # fmt: skip
    """The weights of the unbroken run of two workers."""
    places = beside(trained, tmp_path_factory.mktemp("learnt"))
    begun = time.monotonic()
    Stage(cluster, training(places, trained)).end()
    times.unbroken_s["train"] = round(time.monotonic() - begun, 1)
    return weights(places)


def model_of(places: Places) -> dict[str, Any]:
    described: dict[str, Any] = json.loads((places.model / "model.json").read_text())
    return described


@pytest.mark.parametrize("fault", [lost, cut_off], ids=lambda fault: fault.__name__)
@pytest.mark.usefixtures("learnt")
def test_training_goes_on_from_its_checkpoint_without_one_of_its_nodes(
    whole: LocalCluster, trained: Places, times: Times, tmp_path: Path, fault: Callable[[LocalCluster], None]
) -> None:  # fmt: skip
    begun = time.monotonic()
    there = beside(trained, tmp_path / "there")
    stage = Stage(whole, training(there, trained))
    stage.until("train: 6,400 of")
    fault(whole)
    said = stage.end()
    times.note("train", fault.__name__, time.monotonic() - begun)
    assert "going on from" in said
    assert model_of(there)["workers"] == 1
    assert model_of(there)["metrics"]["validation_label_accuracy"] > 0.5


def test_a_node_that_comes_back_trains_again(whole: LocalCluster, trained: Places, tmp_path: Path) -> None:
    """Ray looks every minute whether there is room for more workers, also where it began with fewer than there is room for."""
    there = beside(trained, tmp_path / "there")
    stage = Stage(whole, training(there, trained, images=1_280_000))
    stage.until("train: 6,400 of")
    if not whole.named(LOST, "ray::RayTrainWo"):
        stage.until("going on from")
        assert whole.named(LOST, "ray::RayTrainWo")
    whole.take_down(LOST)
    stage.until("going on from")
    whole.bring_up()
    stage.until("going on from")
    stage.end()
    assert model_of(there)["workers"] == 2


@pytest.mark.usefixtures("learnt")
def test_a_notice_that_a_node_goes_makes_a_last_checkpoint(
    whole: LocalCluster, trained: Places, times: Times, tmp_path: Path
) -> None:
    begun = time.monotonic()
    there = beside(trained, tmp_path / "there")
    stage = Stage(whole, training(there, trained))
    stage.until("train: 6,400 of")
    node = whole.succeed("python", "-c", NODE_AT, whole.address(LOST)).strip()
    reason = ("--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot")
    whole.succeed("ray", "drain-node", "--node-id", node, *reason, "--deadline-remaining-seconds", "20")
    stage.until("will be taken away soon: checkpoint at")
    kept = images_in(stage.said[-1], "checkpoint at")
    assert kept % 3_200 != 0
    whole.take_down(LOST)
    stage.until("going on from")
    assert images_in(stage.said[-1], "going on from") >= kept
    stage.end()
    times.note("train", "notice", time.monotonic() - begun)
    assert model_of(there)["workers"] == 1


NODE_AT = """
import ray, sys
ray.init(log_to_driver=False)
print(*(node["NodeID"] for node in ray.nodes() if node["Alive"] and node["NodeManagerAddress"] == sys.argv[1]))
"""


def images_in(line: str, words: str) -> int:
    found = re.search(rf"{words} ([\d,]+) images", line)
    assert found is not None, line
    return int(found[1].replace(",", ""))


def test_training_on_a_slow_node_learns_the_same(
    whole: LocalCluster, trained: Places, learnt: list[bytes], times: Times, tmp_path: Path
) -> None:
    begun = time.monotonic()
    there = beside(trained, tmp_path / "there")
    with slow(whole):
        Stage(whole, training(there, trained)).end()
    times.note("train", "slow", time.monotonic() - begun)
    assert weights(there) == learnt


@pytest.mark.parametrize("fault", ["driver killed", "head lost"])
def test_training_is_taken_up_by_the_same_command(
    whole: LocalCluster, trained: Places, learnt: list[bytes], times: Times, tmp_path: Path, fault: str
) -> None:  # fmt: skip
    begun = time.monotonic()
    there = beside(trained, tmp_path / "there")
    stage = Stage(whole, training(there, trained))
    stage.until("train: 6,400 of")
    if fault == "driver killed":
        stage.kill()
    else:
        end_head_but_not_driver(whole)
        said = stage.fail()
        assert re.search(HEAD_LOST, said), said
        assert "Traceback" not in said
        bring_up_anew(whole)
    assert not (there.model / "model.json").exists()
    said = Stage(whole, training(there, trained)).end()
    times.note("train", fault, time.monotonic() - begun)
    assert "going on from" in said
    assert weights(there) == learnt


# Auditing ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [lost, cut_off], ids=lambda fault: fault.__name__)
def test_the_audit_looks_again_at_the_shards_of_a_node_that_is_gone(
    whole: LocalCluster, audited: Places, times: Times, tmp_path: Path, fault: Callable[[LocalCluster], None]
) -> None:  # fmt: skip
    settings = (*SMALL, "sample.count=60000", "sample.shard_size=500")
    figures = {}
    for name in ("unbroken", "broken"):
        there = Places(tmp_path / name)
        shutil.copytree(audited.folder, there.folder)
        Stage(whole, there.command("sample", "--fresh", settings=settings)).end()
        begun = time.monotonic()
        stage = Stage(whole, there.command("audit", settings=settings))
        stage.until("of 120 shards inspected")
        if name == "broken":
            fault(whole)
        stage.end()
        figures[name] = json.loads((there.dataset / "metrics" / "audit.json").read_text())
        if name == "unbroken":
            times.unbroken_s["audit"] = round(time.monotonic() - begun, 1)
        else:
            times.note("audit", fault.__name__, time.monotonic() - begun)
    assert figures["broken"] == figures["unbroken"]
