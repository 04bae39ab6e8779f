"""Send the checkout to a cluster as a Ray job, and follow it."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from aiohttp import ClientError
from ray.exceptions import AuthenticationError, RayError
from ray.job_submission import JobStatus, JobSubmissionClient

from pipeline.base.errors import UserError
from pipeline.base.log import LOG_VARIABLE, require_known_format
from pipeline.config import load_preset
from pipeline.config.active import opening_lines
from pipeline.config.load import ROOT_VARIABLE, active_preset
from pipeline.jobs.work import require_lasting, require_target
from pipeline.runs.run import local_root

ADDRESS_VARIABLE = "RAY_API_SERVER_ADDRESS"  # Ray's own
# What its client raises when the service cannot be reached, answers with an error, or goes away.
NO_ANSWER = (OSError, RuntimeError, RayError, ClientError)
CODE = ("pipeline", "stages", "conf", "dvc.yaml", "pyproject.toml")  # what a job runs
TOKEN = "it requires a token. Set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH to the cluster's"


def submit(target: str, preset: str | None, root: str | None, address: str | None, say: Callable[[str], None]) -> None:
    """Run the stages up to `target`, or all, as a job, and print what it says until it ends.

    The root goes along, and how to log, and nothing else of the environment: credentials are the nodes' own.

    Raises:
        UserError: the request is wrong, no cluster answers, or the job failed.
    """
    require_target(target)
    require_known_format()
    name = preset or active_preset()
    config = load_preset(name, [f"root={root}"] if root else [])
    for line in opening_lines(config.name):
        say(line)
    require_lasting(config.root)
    where = address or os.environ.get(ADDRESS_VARIABLE)
    if not where:
        raise UserError(f"Which cluster? Give --address http://HOST:8265, or set {ADDRESS_VARIABLE}.")
    if not re.fullmatch(r"https?://[^/\s]+/?", where):
        raise UserError(f"{where!r} is no address of a cluster's job service: give http://HOST:8265 (--address, or {ADDRESS_VARIABLE}).")  # fmt: skip
    _require_all_code_sent(Path.cwd(), name)
    os.environ[ADDRESS_VARIABLE] = where  # Ray goes by the environment before what it is told
    try:
        client = JobSubmissionClient(where)
        job = client.submit_job(
            entrypoint=f"python -m stages.job {target} --preset {name}",
            runtime_env={"working_dir": str(Path.cwd()), "env_vars": {ROOT_VARIABLE: config.root, **_log_format()}},
        )
    except AuthenticationError:
        raise UserError(f"{where}: the job was not accepted: {TOKEN}.") from None
    except (*NO_ANSWER, ValueError) as error:
        raise UserError(f"{where}: the job was not accepted: {_first_line(error)}") from None
    say(f"job {job} at {where}, root {config.root}")
    if local_root(config.root) is None:
        say(
            "your credentials are not sent with the job. The nodes need their own for that root, from their "
            "environment or their role"
        )
    goes_on = f"`ray job logs --follow {job}` shows its output, `ray job stop {job}` ends it, and `imagemint fetch` copies its results here."  # fmt: skip
    try:
        asyncio.run(_follow(client, job))
        ended = client.get_job_info(job)
    except KeyboardInterrupt:
        raise UserError(f"the job goes on. {goes_on}") from None
    except NO_ANSWER as error:
        raise UserError(
            f"{where} does not answer any more ({_first_line(error)}). The job may go on: {goes_on}"
        ) from None
    if not ended.status.is_terminal():
        raise UserError(f"{where} stopped sending the output of the job. The job goes on: {goes_on}")
    if ended.status != JobStatus.SUCCEEDED:
        raise UserError(f"job {job}: {ended.status.value.lower()}. {_first_line(ended.message or '')}".strip())
    say(f"job {job} has succeeded: `imagemint fetch --preset {name} --root {config.root}` copies its results here")


def _require_all_code_sent(checkout: Path, preset: str) -> None:
    """Refuse a job that would end in a missing module.

    Ray sends what no .gitignore names, also where git tracks the file.
    """
    if shutil.which("git") is None:
        return
    listed = subprocess.run(["git", "ls-files", "-z", *CODE], cwd=checkout, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        return  # no git repository: nobody knows what is code
    files = [*listed.stdout.split("\0")[:-1], f"conf/{preset}.yaml"]
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", "--verbose", "-z", "--stdin"],
        cwd=checkout, input="\0".join(files), capture_output=True, text=True, check=False,
    )  # fmt: skip
    fields = ignored.stdout.split("\0")
    for file, line, pattern, code in zip(*(fields[place::4] for place in range(4)), strict=False):
        if file.endswith(".gitignore") and not pattern.startswith("!"):
            raise UserError(
                f"{file}, line {line}: {pattern!r} keeps {code} out of the job, which receives only files that no "
                ".gitignore matches. Narrow the pattern so that it matches no code, for example "
                f"/{pattern.lstrip('/')}."
            )


async def _follow(client: JobSubmissionClient, job: str) -> None:
    async for lines in client.tail_job_logs(job):
        print(lines, end="", flush=True)


def _log_format() -> dict[str, str]:
    return {LOG_VARIABLE: os.environ[LOG_VARIABLE]} if LOG_VARIABLE in os.environ else {}


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
