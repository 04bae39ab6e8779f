"""Request nodes from a cluster's autoscaler before work begins, as a stage plans its workers by the nodes it finds."""

import os
import time

import ray
from ray.autoscaler.sdk import request_resources

from pipeline.base.errors import UserError
from pipeline.base.log import log_info

VARIABLE = "IMAGEMINT_AUTOSCALED"
KINDS = ("CPU", "GPU")  # as Ray names what nodes have
THERE_WITHIN_S = 900  # a machine is rented, an image of some gigabytes pulled
CHECK_EVERY_S = 1.0


def grow(workers: int | str, on_gpus: bool) -> None:
    """Wait until there is a device for each worker, in a cluster whose nodes are started on request.

    The environment says that a cluster is one, and which kind of devices its nodes have. Otherwise nothing is
    requested.

    Args:
        workers: how many are wanted; "auto" takes what is there, and requests one.
        on_gpus: whether the work can be done on GPUs; else CPUs are requested.

    Raises:
        UserError: the environment is wrong, or the nodes do not come.
    """
    kind = os.environ.get(VARIABLE, "")
    if not kind:
        return
    if kind not in KINDS:
        raise UserError(
            f"{VARIABLE}={kind}: use {' or '.join(KINDS)}, the resource of the nodes that the autoscaler starts."
        )
    if not on_gpus:
        kind = "CPU"
    wanted = 1 if isinstance(workers, str) else workers
    if _there(kind) >= wanted:
        return
    log_info("cluster", f"waiting for nodes with {wanted} {kind}(s)")
    request_resources(bundles=[{kind: 1}] * wanted)
    deadline = time.monotonic() + THERE_WITHIN_S
    try:
        while _there(kind) < wanted:
            if time.monotonic() > deadline:
                raise UserError(
                    f"The cluster has {_there(kind)} {kind}(s), but {wanted} are requested, and no more came within "
                    f"{THERE_WITHIN_S} s. Request fewer (cluster.train_workers, cluster.sample_workers), or read what "
                    "its autoscaler reports: `ray status`."
                )
            time.sleep(CHECK_EVERY_S)
    finally:
        request_resources(bundles=[])  # it would hold the nodes when all work is done


def _there(kind: str) -> int:
    return int(ray.cluster_resources().get(kind, 0))
