"""Read the progress of a sampling run from its commits, also while another process works on it."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from pipeline.runs.run import is_worked_on, runs_below
from pipeline.sampling.shards.commits import COMMITS, ShardTarget, commit_name, valid_commits
from pipeline.sampling.shards.ranges import plan_shards
from pipeline.store.folder import Folder, write_document

REQUEST = "request.json"


class Request(BaseModel):
    """Hold what was last requested of a run; the file is in the run's folder."""

    model_config = ConfigDict(strict=True)

    name: str
    out: str  # the output, where it was published or will be
    fingerprint: str
    count: int
    shard_size: int
    started: float  # seconds since the epoch
    published: bool = False


def write_request(run: Folder, request: Request) -> None:
    """Write the request to the run's folder."""
    write_document(run, REQUEST, request.model_dump())


@dataclass(frozen=True)
class Status:
    """Describe the progress of one sampling run."""

    run: Folder
    request: Request
    shards: int
    done_shards: int
    done_rows: int
    images_per_s: float | None  # since the work on the first shard began; None before its commit
    working: bool  # whether a process is at it

    @property
    def seconds_left(self) -> float | None:
        """Return the seconds until the run is done, at the rate so far, or None where no rate is known."""
        return None if not self.images_per_s else (self.request.count - self.done_rows) / self.images_per_s


def statuses(root: str, name: str) -> list[Status]:
    """Return the status of each sampling run of a preset below `root`, the one started last first."""
    requests = [(run, read_request(run)) for run in runs_below(root, "sample")]
    found = [_status(run, request) for run, request in requests if request is not None and request.name == name]
    return sorted(found, key=lambda one: -one.request.started)


def read_request(run: Folder) -> Request | None:
    """Read what was last requested of a run.

    The result is None where the run was never begun, or was begun by another version.
    """
    try:
        return Request.model_validate_json(run.read(REQUEST))
    except (OSError, ValueError):  # pydantic's ValidationError is a ValueError
        return None


def is_going_on(run: Folder, request: Request) -> bool:
    """Return whether the last request to this run was for the same output, and that was not published."""
    begun = read_request(run)
    return begun is not None and begun.out == request.out and not begun.published


def _status(run: Folder, request: Request) -> Status:
    target = ShardTarget(run, request.fingerprint, formats=(), classes=())
    plans = plan_shards(request.count, request.shard_size)
    entries = run.entries(COMMITS)
    commits = dict(valid_commits(target, plans, entries))
    times = {plan: entries[commit_name(plan.shard)].modified for plan in commits}
    new = {plan: times[plan] for plan in times if times[plan] >= request.started}
    # From the first shard on, not from the request: Ray and the workers took a while to start.
    began = min((new[plan] - commits[plan].seconds for plan in new), default=request.started)
    elapsed = max(new.values(), default=began) - began
    return Status(
        run=run,
        request=request,
        shards=len(plans),
        done_shards=len(commits),
        done_rows=sum(plan.rows for plan in commits),
        images_per_s=sum(plan.rows for plan in new) / elapsed if elapsed > 0 else None,
        working=is_worked_on(run),
    )
