"""Running the project's commands as a user would: each in a process of its own, but for those that are refused."""

import io
import os
import shutil
import subprocess
import sys
from contextlib import chdir, redirect_stderr
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]

# The preset `digits`, cut down to what a test needs.
SMALL = (
    "embed.total_images=12800",
    "train.total_images=12800",
    "train.checkpoint_every_images=6400",
    "evaluate.images=500",
    "sample.count=2200",
    "sample.shard_size=500",
    "audit.total_images=12800",
    "gates={tstr_accuracy: {min: 0.5}, unique_share: {min: 0.99}, train_copies: {max: 0}}",
)


# What would change what a command does; the last three are of the make that runs the tests.
IGNORED = ("RAY_ADDRESS", "IMAGEMINT_ROOT", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")


def environment(**extra: str) -> dict[str, str]:
    """The environment of this process without what would change where commands run, this Python's commands first."""
    kept = {key: value for key, value in os.environ.items() if key not in IGNORED}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return {**kept, "PATH": path, **extra}


def run(*command: str, cwd: Path = ROOT, timeout_s: float = 300, **extra: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; never raises for its exit code."""
    return subprocess.run(
        [shutil.which(command[0], path=environment()["PATH"]) or command[0], *command[1:]],
        cwd=cwd,
        env=environment(**extra),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def succeed(*command: str, cwd: Path = ROOT, timeout_s: float = 300, **extra: str) -> str:
    """Runs a command that must end well; returns its standard output."""
    done = run(*command, cwd=cwd, timeout_s=timeout_s, **extra)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def refuse(command: str, *options: str, **extra: str) -> str:
    """Calls a stage, or `imagemint`, in this process; it must end with 1 and one message, which is returned."""
    main = import_module("pipeline.cli.console" if command == "imagemint" else f"stages.{command}").main
    said = io.StringIO()
    with chdir(ROOT), patch.dict(os.environ, environment(**extra), clear=True), redirect_stderr(said):
        code = main(options)
    assert code == 1, said.getvalue()
    assert said.getvalue().count(f"{command}: ") == 1, said.getvalue()
    return said.getvalue()


@dataclass(frozen=True)
class Places:
    """A folder of one's own for each thing that stages make."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def dataset(self) -> Path:
        return self.folder / "dataset"

    def command(self, stage: str, *options: str, settings: tuple[str, ...] = SMALL) -> list[str]:
        """The command line of a stage on the small digits; later options win over earlier ones."""
        return [sys.executable, "-m", f"stages.{stage}", *self.options(stage, *options, settings=settings)]

    def options(self, stage: str, *options: str, settings: tuple[str, ...] = SMALL) -> list[str]:
        """What comes after the stage's name."""
        out = {"ingest": self.data, "embed": self.model, "train": self.model, "sample": self.dataset,
               "audit": self.dataset}.get(stage, self.dataset / "metrics")  # fmt: skip
        sets = [word for setting in (*settings, f"root={self.root}") for word in ("--set", setting)]
        places = ["--data", str(self.data), "--model", str(self.model), "--out", str(out)]
        return ["--preset", "digits", *sets, *places, *options]

    def stage(self, stage: str, *options: str, settings: tuple[str, ...] = SMALL) -> str:
        """Runs a stage that must end well; returns its standard output."""
        return succeed(*self.command(stage, *options, settings=settings))

    def refuse(self, stage: str, *options: str, settings: tuple[str, ...] = SMALL) -> str:
        """Calls a stage that must refuse; returns its message."""
        return refuse(stage, *self.options(stage, *options, settings=settings))


def digests(folder: Path) -> dict[str, bytes]:
    """Content of every file below `folder`, by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
