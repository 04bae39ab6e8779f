"""Check that every node of a cluster is ready: software, storage root, clock, and room on its disk."""

import importlib.metadata
import platform
import secrets
import shutil
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pipeline import __version__
from pipeline.base.errors import UserError
from pipeline.store.folder import Folder
from pipeline.store.places import folder_at

# What records and weights depend on; a node with another version of one would make others.
PACKAGES = ("torch", "ray", "pyarrow", "numpy", "scipy", "opencv-python-headless", "deflate", "obstore")
ANSWER_WITHIN_S = 60.0  # a worker process has to start and to import
CLOCKS_AGREE_WITHIN_S = 30.0  # half of the time after which a lease without a heartbeat is free
LEAST_FREE_BYTES = 1_000_000_000  # a model, a few shards, and what Ray moves out of its memory
HANDSHAKE = "runs/handshake"  # folder below the root; its files are removed when all have been read


@dataclass(frozen=True)
class NodeReport:
    """Hold what a node reports of itself."""

    address: str
    versions: dict[str, str]
    clock: float  # seconds since the epoch
    free_bytes: int  # on the disk where Ray keeps what it unpacks and spills
    root_problem: str  # empty where the node has read what the driver wrote below the root, and written an answer
    interface: str  # network interface that has the address; empty where none was found
    clock_off_s: float = 0.0  # how far its clock is from the driver's, at least


def inspect_nodes(root: str) -> list[NodeReport]:
    """Ask every living node of the cluster that this process is connected to; refuse what work would fail of later.

    Args:
        root: the config's `root`, a folder or a place in an object store.

    Raises:
        UserError: with all that is wrong on any node.
    """
    nodes = [node for node in ray.nodes() if node["Alive"]]
    place = folder_at(root)
    nonce = secrets.token_hex(8)
    place.write(f"{HANDSHAKE}/{nonce}", nonce.encode())
    addresses = {node["NodeID"]: node["NodeManagerAddress"] for node in nodes}
    requests: dict[ray.ObjectRef[NodeReport], str] = {}
    asked_at = time.time()
    for node in nodes:
        where = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        disk = Path(node["RayletSocketName"]).parent
        inspect = ray.remote(_inspect).options(num_cpus=0, scheduling_strategy=where, max_retries=0)
        requests[inspect.remote(place, nonce, addresses[node["NodeID"]], str(disk))] = node["NodeID"]
    reports: list[NodeReport] = []
    silent: dict[str, str] = {}  # id of a node -> why there is no report of it
    waited_for = list(requests)
    try:
        while waited_for:
            remaining = asked_at + ANSWER_WITHIN_S - time.time()
            answered, waited_for = ray.wait(waited_for, timeout=max(remaining, 0))
            if not answered:
                silent |= {requests[one]: f"no answer within {ANSWER_WITHIN_S:.0f} s" for one in waited_for}
                break
            try:
                report = ray.get(answered[0])
            except RayError as error:
                silent[requests[answered[0]]] = f"it could not be checked ({type(error).__name__})"
            else:
                reports.append(_heard(report, place, nonce, asked_at))
    finally:
        for one in waited_for:
            ray.cancel(one, force=True)  # it would write its answer after all has been cleared away
        place.remove([f"{HANDSHAKE}/{nonce}", *(_answer(nonce, address) for address in addresses.values())])
    # A node that has gone is missed by nobody; at its address may be another by now.
    alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
    wrong = [f"{addresses[node]}: {why}." for node, why in silent.items() if node in alive]
    wrong += problems_of(reports, _versions())
    if wrong:
        raise UserError("The cluster is not ready:\n" + "\n".join(f"  {line}" for line in wrong))
    return reports


def problems_of(reports: Sequence[NodeReport], versions: dict[str, str]) -> list[str]:
    """Return what is wrong on any node, a line each; `versions` are those of the process that asks."""
    lines = []
    for report in reports:
        others = [
            f"{name} {report.versions.get(name, 'is missing')} (here {version})"
            for name, version in versions.items()
            if report.versions.get(name) != version
        ]
        if others:
            lines.append(f"{report.address}: its software differs: {', '.join(others)}. Give all nodes the same image.")
        if abs(report.clock_off_s) > CLOCKS_AGREE_WITHIN_S:
            lines.append(
                f"{report.address}: its clock is {report.clock_off_s:+.0f} s off, at most {CLOCKS_AGREE_WITHIN_S:.0f} s are "
                "allowed. Set it by NTP."
            )
        if report.free_bytes < LEAST_FREE_BYTES:
            lines.append(
                f"{report.address}: {report.free_bytes / 1e9:.1f} GB are free where Ray keeps its files, at least "
                f"{LEAST_FREE_BYTES / 1e9:.0f} GB are needed. Make space there, or start Ray with another --temp-dir."
            )
        if report.root_problem:
            lines.append(f"{report.address}: {report.root_problem}")
    return lines


def common_interface(reports: Sequence[NodeReport]) -> str | None:
    """Return the name of the network interface by which the nodes know each other, where it is the same on all."""
    names = Counter(report.interface for report in reports)
    (name, count), *_ = names.most_common(1) or [("", 0)]
    return name if name and count == len(reports) else None


def _answer(nonce: str, address: str) -> str:
    return f"{HANDSHAKE}/{nonce}-{address.replace(':', '_')}"


def _inspect(place: Folder, nonce: str, address: str, disk: str) -> NodeReport:
    """Return the report of the node that this runs on."""
    problem = ""
    try:
        if place.read(f"{HANDSHAKE}/{nonce}") != nonce.encode():
            raise FileNotFoundError
        place.write(_answer(nonce, address), nonce.encode())
    except FileNotFoundError:
        problem = (
            f"it does not see {place}: root must be the same folder on all nodes (a shared file system), or "
            "s3://BUCKET/PREFIX."
        )
    except UserError as error:
        problem = f"root: {error}"
    return NodeReport(
        address=address,
        versions=_versions(),
        clock=time.time(),
        free_bytes=shutil.disk_usage(disk).free,
        root_problem=problem,
        interface=_interface_of(address),
    )


def _heard(report: NodeReport, place: Folder, nonce: str, asked_at: float) -> NodeReport:
    """Return the report with what only the driver can tell.

    That is how far the clock is off, and whether the node's answer has arrived.
    """
    # It was read at some time between question and answer.
    off = min(report.clock - asked_at, 0) or max(report.clock - time.time(), 0)
    if not report.root_problem and place.entry(_answer(nonce, report.address)) is None:
        return replace(report, clock_off_s=off, root_problem=f"this machine does not see what it writes to {place}.")
    return replace(report, clock_off_s=off)


def _versions() -> dict[str, str]:
    found = {"imagemint": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _interface_of(address: str) -> str:
    """Return the name of the interface with this IPv4 address; empty where there is none."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(each.family == socket.AF_INET and each.address == address for each in addresses):
            return name
    return ""
