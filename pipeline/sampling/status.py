"""How far a sampling run is, read from its commits: also while another process works on it."""

import fcntl
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pipeline.fingerprint import lock_of
from pipeline.sampling.plan import plan_shards
from pipeline.sampling.shards import ShardTarget, is_commit_of, read_commit
from pipeline.storage import write_json

REQUEST = "request.json"


class Request(BaseModel):
    """What a run was last asked for; in its folder."""

    model_config = ConfigDict(strict=True)

    name: str
    fingerprint: str
    count: int
    shard_size: int
    started: float  # seconds since the epoch


def write_request(run: Path, request: Request) -> None:
    """Leaves word of what is being made."""
    write_json(run / REQUEST, request.model_dump())


@dataclass(frozen=True)
class Status:
    """Of one run."""

    run: Path
    request: Request
    shards: int
    done_shards: int
    done_rows: int
    images_per_s: float | None  # since the run was last started; None before its first commit
    working: bool  # whether a process is at it

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far."""
        return None if not self.images_per_s else (self.request.count - self.done_rows) / self.images_per_s


def statuses(root: Path, name: str) -> list[Status]:
    """The sampling runs of a preset below `root`, the one started last first."""
    requests = [(path.parent, _read_request(path)) for path in (root / "runs").glob(f"sample-*/{REQUEST}")]
    found = [_status(run, request) for run, request in requests if request is not None and request.name == name]
    return sorted(found, key=lambda one: -one.request.started)


def _read_request(path: Path) -> Request | None:
    """What cannot be read, or was written by another version, is passed over."""
    try:
        return Request.model_validate_json(path.read_bytes())
    except (OSError, ValueError):  # pydantic's ValidationError is a ValueError
        return None


def _status(run: Path, request: Request) -> Status:
    target = ShardTarget(run, request.fingerprint, formats=(), classes=())
    plans = plan_shards(request.count, request.shard_size)
    done = [plan for plan in plans if is_commit_of(read_commit(target.commit_path(plan.shard)), target, plan)]
    times = {plan: target.commit_path(plan.shard).stat().st_mtime for plan in done}
    new = [plan for plan in done if times[plan] >= request.started]
    elapsed = max((times[plan] for plan in new), default=request.started) - request.started
    return Status(
        run=run,
        request=request,
        shards=len(plans),
        done_shards=len(done),
        done_rows=sum(plan.rows for plan in done),
        images_per_s=sum(plan.rows for plan in new) / elapsed if elapsed > 0 else None,
        working=_is_locked(lock_of(run)),
    )


def _is_locked(lock: Path) -> bool:
    try:
        with lock.open() as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass  # it is made with the run
    return False
