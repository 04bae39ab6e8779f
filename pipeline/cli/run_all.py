"""Run the whole pipeline by DVC, stage by stage, and say which one runs, how long it took, and what was made in the end."""

import logging
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from pipeline.base.errors import UserError
from pipeline.base.log import LOG_VARIABLE, log_info, require_known_format
from pipeline.base.process import INTERRUPTED
from pipeline.base.stage_names import FRAMED, STAGES
from pipeline.base.wrapping import wrapped
from pipeline.config.active import default_preset, lost_choice, shown_choice, use_preset
from pipeline.config.load import active_preset, load_preset, which_config
from pipeline.runs.lock import locked
from pipeline.runs.output_places import require_writable_checkout

if TYPE_CHECKING:
    from dvc.repo import Repo

WORKING = Path(".dvc") / "tmp" / "imagemint-run.lock"  # held while the pipeline runs; DVC keeps it out of git
COMMAND = "run"  # in lines for machines
STARTS_IN, BEGINS = "dvc.stage.run", "Running stage"  # where and what DVC logs before it runs a stage's command
SIGNALLED = 128  # a shell's exit code is this and the number of the signal that ended its command
ENDED = re.compile(r"exited with (-?\d+)$")  # and what it raises when that has failed


def run_all(preset: str | None, *, default: bool = False) -> int:
    """Run all stages that DVC finds changed, and say what was made.

    Args:
        preset: the preset to make active first; None: the active one.
        default: make the preset active that git shares.

    Returns:
        The exit code: 0, or that of a stage that was interrupted.
    """
    if default and preset is not None:
        raise UserError("--default and --preset: give one of them.")
    require_known_format()
    name = default_preset() if default else preset or active_preset()
    load_preset(name)
    require_writable_checkout()
    _require_repository()
    with alone_in_checkout(
        "Another `imagemint run all` (or `report`, or `clean`) works in this checkout: wait for it, or end it."
    ):
        if default or preset is not None:
            use_preset(name)
        return _run_stages(name)


@contextmanager
def alone_in_checkout(refusal: str) -> Iterator[None]:
    """Hold the lock of this checkout's pipeline; a UserError says `refusal` where another process holds it."""
    WORKING.parent.mkdir(parents=True, exist_ok=True)
    with locked(WORKING, refusal):
        yield


def _run_stages(name: str) -> int:
    """Run the stages of the active preset, `name`, and say what was made; return the exit code."""
    # Stages are commands of this Python, which need not be the first one on the path.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    os.environ[FRAMED] = "1"
    frame = _Frame()
    frame.say(f"{which_config(name)}: {len(STAGES)} stages")
    for warning in (lost_choice(name) or shown_choice(),):
        if warning is not None:
            frame.say(f"warning: {warning}")
    began = time.monotonic()
    for number, stage in enumerate(STAGES, start=1):
        _require_active(name)
        frame.begin(stage, number)
        code = _reproduce(stage, frame)
        if code:
            return code
    seconds = time.monotonic() - began
    frame.say(f"{frame.ran} of {len(STAGES)} stages run in {_clock(seconds)}", seconds=round(seconds, 1))
    _say_results(name, frame)
    return 0


def _require_repository() -> None:
    """Refuse a folder in which DVC does not work, before a preset is made active there."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo():
            pass
    except (DvcException, OSError) as error:
        raise UserError(
            f"DVC cannot work here: {_innermost(error)}. Mend .dvc, clone the project anew, or, without git, run `git init`."
        ) from None


def _require_active(name: str) -> None:
    """Refuse to go on after `imagemint use` in another terminal: DVC would take the other preset from here on."""
    active = active_preset()
    if active != name:
        raise UserError(
            f"The active preset was {name} when this began, and is {active} now: `imagemint run all --preset {name}` goes on."
        )


class _Frame:
    """Write what stands around the stages' own lines: for people as it is, for machines as JSON."""

    def __init__(self) -> None:
        from rich.console import Console

        self._as_json = os.environ.get(LOG_VARIABLE) == "json"
        self._console = Console(highlight=False)
        self._stage, self._title = "", ""
        self._since, self._started = 0.0, False
        self.ran = 0

    def begin(self, stage: str, number: int) -> None:
        """Note which stage is next; nothing is written before it is known whether it runs."""
        self._stage, self._title = stage, f"[{number}/{len(STAGES)}] {stage}"
        self._since, self._started = time.monotonic(), False

    @property
    def stage(self) -> str:
        """Return the stage that is at work, as people read it."""
        return self._title

    @property
    def took(self) -> str:
        """Return how long it has been at work."""
        return _clock(time.monotonic() - self._since)

    def starts(self) -> None:
        """Say that the stage runs."""
        self._started = True
        self.ran += 1
        self._write("", "runs")

    def ends(self, changed: bool) -> None:
        """Say that the stage has ended: it ran, or DVC had kept what it makes, or nothing was to do."""
        if self._started:
            self._write(f": done in {self.took}", "done")
        elif changed:
            self._write(": taken from DVC's cache", "restored")
        else:
            self._write(": unchanged", "unchanged")

    def say(self, text: str, **values: object) -> None:
        """Say something of the pipeline as a whole."""
        if self._as_json:
            log_info(COMMAND, text, **values)
        else:
            print(wrapped(text, sys.stdout), flush=True)

    def _write(self, what: str, state: str) -> None:
        from rich.text import Text

        text, seconds = f"{self._title}{what}", round(time.monotonic() - self._since, 1)
        if self._as_json:
            log_info(COMMAND, text, stage_name=self._stage, state=state, seconds=seconds)
        else:
            self._console.print(Text(text, style="bold cyan"), soft_wrap=True)
            sys.stdout.flush()


def _reproduce(stage: str, frame: _Frame) -> int:
    """Let DVC bring one stage up to date; return 0, or the exit code of a stage that was interrupted."""
    from dvc.exceptions import DvcException

    try:
        with _quiet_dvc(frame) as repository, _stop_children_if_interrupted():
            changed = repository.reproduce(stage, single_item=True)
    except DvcException as error:
        ended = ENDED.search(str(error.__cause__ or ""))
        if ended is None:
            raise UserError(f"{frame.stage}: DVC says: {_innermost(error)}") from None
        code = int(ended[1])
        if code in (INTERRUPTED, -signal.SIGINT):  # the stage has said so, or its shell ended before it
            return INTERRUPTED
        if code < 0 or code > SIGNALLED:  # by DVC itself, or by its shell
            number = -code if code < 0 else code - SIGNALLED
            raise UserError(
                f"{frame.stage} was ended from outside after {frame.took}, by signal {number}. Signal 9 most likely means that "
                "memory ran out. Make some free; `imagemint run all` continues from this stage."
            ) from None
        raise UserError(
            f"{frame.stage} failed after {frame.took}; the reason stands above. `imagemint run all` continues from "
            "this stage."
        ) from None
    frame.ends(bool(changed))
    return 0


@contextmanager
def _quiet_dvc(frame: _Frame) -> Iterator["Repo"]:
    """Open the checkout's DVC repository, have nothing of what it says written, and tell the frame when a stage starts."""
    from dvc.repo import Repo  # sets its loggers up

    everything, starts = logging.getLogger("dvc"), logging.getLogger(STARTS_IN)
    level, handler = everything.level, _Starts(frame)
    everything.setLevel(logging.CRITICAL + 1)  # by which its progress bars go, too
    starts.addHandler(handler)
    starts.setLevel(logging.INFO)
    starts.propagate = False
    try:
        with Repo() as repository:
            yield repository
    finally:
        starts.removeHandler(handler)
        starts.setLevel(logging.NOTSET)
        starts.propagate = True
        everything.setLevel(level)


class _Starts(logging.Handler):
    """Tell the frame when DVC runs a stage's command: it says so to its log alone."""

    def __init__(self, frame: _Frame) -> None:
        super().__init__()
        self._frame = frame

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith(BEGINS):
            self._frame.starts()


@contextmanager
def _stop_children_if_interrupted() -> Iterator[None]:
    """Hand an interrupt on to the stage: `kill` reaches this process alone, and DVC would leave the stage at work."""
    try:
        yield
    except KeyboardInterrupt:
        stages = [process for child in psutil.Process().children() for process in _commands_of(child)]
        for process in stages:
            process.terminate()
        psutil.wait_procs(stages)
        raise


def _commands_of(child: psutil.Process) -> list[psutil.Process]:
    """Return what DVC's shell has started, or `child` itself where the shell has become the command, as bash does."""
    shell = Path(os.environ.get("SHELL") or "/bin/sh").name
    return child.children() if child.name() == shell else [child]


def _innermost(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()) or type(error).__name__


def _say_results(name: str, frame: _Frame) -> None:
    from pipeline.cli.results import results_of

    results = results_of(name)
    dataset = f"datasets/{name}"
    frame.say(f"\n{results.text()}\n")
    frame.say(
        f"""Next      imagemint report {dataset}   opens the report
          imagemint verify {dataset}   checks every byte
          imagemint publish{" " * (len(dataset) + 1)}  gives the dataset a version, once dvc.lock is committed"""
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
