"""What every stage's command line shares: options, places, run folders, and how errors end."""

import argparse
import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipeline.base.errors import UserError
from pipeline.base.log import about_run, require_known_format, tell, tell_error
from pipeline.base.process import INTERRUPTED, raise_interrupts
from pipeline.cluster.worker_command import require_text
from pipeline.config import Config
from pipeline.config.active import said_first
from pipeline.config.load import load_preset_or_file
from pipeline.runs.fingerprint import canonical_digest, lock_of, run_folder
from pipeline.runs.lease import LEASE, lease
from pipeline.runs.output_places import require_stage_output
from pipeline.runs.working_copy import mirrored
from pipeline.store.bucket import Bucket
from pipeline.store.files import sweep_temporary
from pipeline.store.folder import Folder
from pipeline.store.local import LocalFolder
from pipeline.store.places import is_remote

BEFORE_INGEST = ("source", "ingest")  # stages that cannot go by what was ingested


@dataclass(frozen=True)
class Command:
    """A parsed command line. Places default to those of the checkout."""

    stage: str
    config: Config
    data: Path  # canonical dataset
    model: Path  # model and embedder
    out: Path  # what the stage makes
    metrics: Path  # where its figures go
    fresh: bool
    default_out: bool  # whether `out` is the checkout's own place

    def say(self, text: str, **figures: Any) -> None:
        """Tells the user what is going on, and machines the figures of it."""
        tell(self.stage, text, **figures)

    def fingerprint(self, parameters: dict[str, Any]) -> str:
        """Identity of this stage's run with `parameters`, which must hold all that its result depends on."""
        return canonical_digest({"stage": self.stage, **parameters})

    @contextmanager
    def run(self, fingerprint: str) -> Iterator[Path]:
        """The run's folder, locked against a second process; empty at first with `--fresh`. Of an object store, a copy."""
        if is_remote(self.config.root):
            with self._copy_of_run(fingerprint) as copy:
                yield copy
            return
        folder = run_folder(self.config.root, self.stage, fingerprint).absolute()
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            lock = lock_of(folder).open("w")
        except OSError as error:
            raise UserError(
                f"root: {self.config.root!r}: {folder.parent} cannot be written: {error.strerror}."
            ) from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"Another process is working on this {self.stage} run ({folder}): wait for it, or end it first."
                ) from None
            if self.fresh:
                shutil.rmtree(folder, ignore_errors=True)
            try:
                folder.mkdir(exist_ok=True)
                tempfile.TemporaryFile(dir=folder).close()
            except OSError as error:
                raise UserError(f"root: {self.config.root!r}: {folder} cannot be written: {error.strerror}.") from None
            sweep_temporary(folder)
            with about_run(fingerprint):
                yield folder

    @contextmanager
    def _copy_of_run(self, fingerprint: str) -> Iterator[Path]:
        place = self.place_of_run(fingerprint)
        with self.working_in(place, fingerprint), mirrored(place) as mirror:
            mirror.pull()
            try:
                yield mirror.path
            except BaseException:
                with suppress(UserError):  # what went wrong before says more
                    mirror.push()
                raise
            mirror.push()

    def place_of_run(self, fingerprint: str) -> Folder:
        """Where a run that may be in an object store keeps its files."""
        if is_remote(self.config.root):
            run = Bucket(self.config.root) / f"runs/{self.stage}-{fingerprint[:16]}"
            run.require_answer()
            return run
        return LocalFolder(run_folder(self.config.root, self.stage, fingerprint).absolute())

    @contextmanager
    def working_in(self, place: Folder, fingerprint: str) -> Iterator[None]:
        """Keeps other processes from that place; it is empty at first with `--fresh`."""
        if isinstance(place, Bucket):
            with lease(place, self.stage):
                if self.fresh:
                    place.remove([name for name in place.entries("") if name != LEASE])
                with about_run(fingerprint):
                    yield
        else:
            with self.run(fingerprint):
                yield


def is_whole(load: Callable[[Path], object], folder: Path) -> bool:
    """Whether `load` takes what a finished run left in `folder`; if not, it is made again."""
    try:
        load(folder)
    except UserError:
        return False
    return True


def run_stage(
    stage: str,
    about: str,
    default_out: str,
    argv: Sequence[str] | None = None,
    *,
    switches: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """Parses the command line, loads the config, and only then imports what the stage does, and runs it.

    `switches`: short names of this stage for what `--set` does.

    Returns:
        The exit code: 0, or 1 or 130 and one message.
    """
    arguments = _parser(stage, about, default_out, switches).parse_args(argv)
    try:
        command = _command(stage, default_out, arguments)
        work: Callable[[Command], None] = getattr(import_module(f"stages.work.{stage}"), stage)
        raise_interrupts()
        work(command)
    except UserError as error:
        tell_error(stage, str(error))
        return 1
    except KeyboardInterrupt:
        again = "the same command without --fresh" if arguments.fresh else "the same command"
        tell_error(stage, f"interrupted; {again} goes on from here.")
        return INTERRUPTED
    return 0


def _parser(stage: str, about: str, default_out: str, switches: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m stages.{stage}", description=about)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--preset", help="a preset of conf/ (default: the one that conf/active.yaml names)")
    which.add_argument("--config", type=Path, help="a config file of your own")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="override one key")
    for switch, override in switches.items():
        parser.add_argument(switch, action="append_const", dest="set", const=override, help=f"same as --set {override}")
    parser.add_argument("--data", type=Path, help="canonical dataset (default: data/NAME)")
    parser.add_argument("--model", type=Path, help="model and embedder (default: models/NAME)")
    parser.add_argument("--out", type=Path, help=f"output (default: {default_out}/NAME)")
    parser.add_argument("--fresh", action="store_true", help="redo the work even where a finished run is there")
    return parser


def _command(stage: str, default_out: str, arguments: argparse.Namespace) -> Command:
    """What was asked for, its config loaded and found right."""
    require_known_format()
    config = load_preset_or_file(
        arguments.preset, arguments.config, arguments.set, arguments.data, before_ingest=stage in BEFORE_INGEST
    )
    for option in ("data", "model", "out"):
        given = str(getattr(arguments, option) or "")
        if given.startswith(("s3:/", "gs:/")):  # pathlib has made one slash of two
            raise UserError(
                f"--{option} {given}: a folder of this machine; an object store is named by --set root=s3://..."
            )
        require_text(f"--{option}", given)
        if ":" in given:  # pyarrow takes what stands before it for the scheme of a URI, unless a slash comes first
            setattr(arguments, option, Path(given).absolute())
    for line in said_first(config.name, arguments.config):
        tell(stage, line)
    out = arguments.out or Path(default_out) / config.name
    metrics = out if default_out == "metrics" else out / "metrics"
    if arguments.out is None:
        metrics = Path("metrics") / config.name
    root = None if is_remote(config.root) else Path(config.root)
    require_stage_output(stage, out, metrics, root, given=arguments.out is not None)
    return Command(
        stage=stage,
        config=config,
        data=arguments.data or Path("data") / config.name,
        model=arguments.model or Path("models") / config.name,
        out=out,
        metrics=metrics,
        fresh=arguments.fresh,
        default_out=arguments.out is None,
    )
