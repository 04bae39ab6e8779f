"""Connect to Ray, and refuse what the cluster could never run."""

import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pipeline
from pipeline.base.errors import UserError
from pipeline.base.process import stderr_without
from pipeline.cluster.head_watchdog import HeadLostError, watched
from pipeline.cluster.worker_command import interpreter_for_workers, posix_command_lines, require_paths

HEALTH_TIMEOUT_S = 20  # a process has to start and to import Ray
FREE_WITHIN_S = 120
LEVEL_IS_SET = "Set ray log level from environment variable"
IN_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # set by Ray for what `ray job submit` started

Result = TypeVar("Result")


@dataclass(frozen=True)
class Resources:
    """Hold what the cluster has, all nodes together."""

    cpus: int
    gpus: int
    nodes: int  # those that can work
    node_cpus: tuple[int, ...]  # of each that can train: has a GPU where there are any
    interface: str | None = None  # the network between the nodes, where it has the same name on each


@contextmanager
def connect(root: str, workers: int | str = "auto", *, on_gpus: bool = False) -> Iterator[Resources]:
    """Connect to the cluster that `RAY_ADDRESS` names, else start Ray inside this process; disconnect afterwards.

    A cluster whose nodes are not ready to work on what is stored below `root` is refused. One that starts nodes on
    request is asked for `workers` of them (`pipeline.cluster.autoscaling`).
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's own remarks on its inner life; what concerns the user is raised as an error.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # of which its core tells, at any level
    address = os.environ.get("RAY_ADDRESS")
    if address:
        _require_ray_at(address)
    else:
        require_paths()
    import ray  # 2 s to import: not before the checks above

    on_terminate = signal.getsignal(signal.SIGTERM)
    try:
        if address:
            # In a job the nodes have its working folder; for any other driver our packages are sent to them.
            ours = Path(pipeline.__file__).parent
            code = {} if IN_JOB in os.environ else {"py_modules": [str(ours), str(ours.with_name("stages"))]}
            with stderr_without(LEVEL_IS_SET):
                ray.init(address=address, runtime_env=code, log_to_driver=False, logging_level=logging.ERROR)
        else:
            _use_token_of_our_own()
            # Not "auto": a cluster that happens to run on this machine is not taken for ours.
            with stderr_without(LEVEL_IS_SET), posix_command_lines():
                ray.init(
                    address="local",
                    include_dashboard=False,
                    runtime_env=interpreter_for_workers(),
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"the cluster at RAY_ADDRESS={address}" if address else "Ray on this machine"
        raise UserError(f"Could not connect to {where}: {str(error).strip().splitlines()[0]}") from None
    # Ray has put a handler of its own in place, which aborts the process and prints stacks.
    signal.signal(signal.SIGTERM, on_terminate)
    try:
        if not address:
            yield _resources()
        else:
            from pipeline.cluster.autoscaling import grow
            from pipeline.cluster.preflight import common_interface, inspect_nodes

            with watched(ray.get_runtime_context().gcs_address):
                grow(workers, on_gpus)
                found = _resources()
                if found.cpus < 1:
                    raise UserError(f"The cluster at RAY_ADDRESS={address} has no CPUs. Add a node that has some.")
                yield replace(found, interface=common_interface(inspect_nodes(root)))
    except HeadLostError:
        raise  # to be told while there is time: Ray's shutdown would wait for the head
    except BaseException:
        ray.shutdown()
        raise
    ray.shutdown()


def _resources() -> Resources:
    """Return the resources of the cluster that this process is connected to."""
    import ray

    total = ray.cluster_resources()
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
    cpus, gpus = int(total.get("CPU", 0)), int(total.get("GPU", 0))
    training = [node for node in nodes if not gpus or node.get("GPU", 0) >= 1]
    return Resources(cpus, gpus, max(len(nodes), 1), tuple(int(node["CPU"]) for node in training))


def on_a_worker(work: Callable[[], Result], resources: Resources) -> Result:
    """Return what `work` returns where a worker would run: on a GPU if there are any, else on a CPU.

    Raises:
        UserError: `work` raised it, or nothing is free for it.
    """
    import ray
    from ray.exceptions import GetTimeoutError, RayTaskError

    def run() -> Result:
        return work()

    gpus = 1 if resources.gpus else 0
    task = ray.remote(run).options(max_retries=0, num_cpus=1 - gpus, num_gpus=gpus)
    try:
        result: Result = ray.get(task.remote(), timeout=FREE_WITHIN_S)
    except GetTimeoutError:
        raise UserError(
            f"The cluster had no free worker for {FREE_WITHIN_S} s. Try again when it is less busy."
        ) from None
    except RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise error.cause from None
        raise
    return result


def on_driver_node() -> dict[str, Any]:
    """Return the options of an actor that all others talk to.

    It takes no CPU, and runs on the driver's node, with which the run ends anyway.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    node = ray.get_runtime_context().get_node_id()
    return {"num_cpus": 0, "scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False)}


def train_workers(wanted: int | str, resources: Resources, batch_size: int, accumulation: int) -> int:
    """Return how many workers train: `wanted`, or for "auto" one a GPU, without GPUs one a node.

    "auto" is lowered until the batch can be shared evenly, each share in `accumulation` parts of 2 images or more.
    """
    if wanted != "auto":
        return require_workers("cluster.train_workers", int(wanted), resources)
    workers = resources.gpus or resources.nodes
    while workers > 1 and not _can_share(workers, batch_size, accumulation):
        workers -= 1
    return workers


def fewest_train_workers(wanted: int | str, workers: int, batch_size: int, accumulation: int) -> int:
    """Return how few of `workers` may go on when nodes are lost.

    For "auto" these are as few as can be reached one by one; else all are waited for.
    """
    fewest = workers
    while wanted == "auto" and fewest > 1 and _can_share(fewest - 1, batch_size, accumulation):
        fewest -= 1
    return fewest


def threads_each(workers: int, resources: Resources) -> int:
    """Return how many CPUs each worker that trains can have.

    Each has those of its own node, or as many as let all of them find room.
    """
    cpus = sorted(resources.node_cpus, reverse=True)
    if workers <= len(cpus):
        return cpus[workers - 1]
    return max(
        (each for each in range(1, max(cpus, default=0) + 1) if sum(n // each for n in cpus) >= workers), default=1
    )


def _can_share(workers: int, batch_size: int, accumulation: int) -> bool:
    """Return whether a batch can be shared evenly, each share in `accumulation` parts of 2 images or more."""
    part, left = divmod(batch_size, workers * accumulation)
    return left == 0 and part >= 2


def sample_workers(wanted: int | str, resources: Resources) -> int:
    """Return how many generator actors sample: `wanted`, or for "auto" one a GPU, without GPUs one a CPU."""
    if wanted != "auto":
        return require_workers("cluster.sample_workers", int(wanted), resources)
    return resources.gpus or resources.cpus


def require_workers(key: str, wanted: int, resources: Resources) -> int:
    """Return `wanted`, or refuse it where the cluster has not a device for each: Ray would wait for ever."""
    available = resources.gpus or resources.cpus
    if wanted > available:
        kind = "GPUs" if resources.gpus else "CPUs"
        raise UserError(
            f"{key}: {wanted} workers requested, but the cluster has {available} {kind}; use at most {available}, or "
            "auto."
        )
    return wanted


def _use_token_of_our_own() -> None:
    """Protect the Ray that starts in this process by a token that nobody else has.

    Ray listens on all of the machine's addresses. It would take a token from the home folder, or write it there, for
    all to read.
    """
    if "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def _require_ray_at(address: str) -> None:
    if address in ("auto", "local") or "://" in address:
        return
    host, _, port = address.rpartition(":")
    advice = "Start the cluster, correct RAY_ADDRESS, or unset it to run on this machine alone."
    if not host or not port.isdigit():
        raise UserError(f"RAY_ADDRESS={address}: expected HOST:PORT. {advice}")
    try:
        socket.create_connection((host, int(port)), timeout=HEALTH_TIMEOUT_S).close()
    except OSError as error:
        raise UserError(f"RAY_ADDRESS={address}: nothing answers there ({error.strerror or error}). {advice}") from None
    # Something listens; that it is Ray has to be asked with a time limit, since Ray itself would wait for minutes.
    check = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        healthy = subprocess.run(check, capture_output=True, timeout=HEALTH_TIMEOUT_S, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        raise UserError(
            f"RAY_ADDRESS={address}: what listens there did not answer as Ray within {HEALTH_TIMEOUT_S} s. {advice}"
        ) from None
    if not healthy:
        raise UserError(
            f"RAY_ADDRESS={address}: what listens there is no healthy Ray cluster, or one with another token than yours (RAY_AUTH_MODE=token, and "
            f"RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH). {advice}"
        )
