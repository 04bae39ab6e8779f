"""Share among all stages what their command lines have in common: options, places, and how errors end."""

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.base.command_line import SETTINGS, add_command, exit_code, run_command_line
from pipeline.base.errors import UserError
from pipeline.base.log import log_info, require_known_format
from pipeline.base.process import raise_interrupts
from pipeline.base.stage_names import FRAMED

if TYPE_CHECKING:
    from pipeline.runs.command import Command, Work

BEFORE_INGEST = ("source", "ingest")  # stages that cannot go by what was ingested


def preset_names() -> list[str]:
    """Return the presets of this checkout, for a shell that completes a word."""
    from pipeline.config.load import presets

    try:
        return presets()
    except UserError:
        return []


PresetName = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="A preset of conf/ (default: the active one).",
        autocompletion=preset_names,
    ),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A config file of your own in place of a preset.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="SECTION.KEY=VALUE", help="Override one key. You may give this option more than once."
    ),
]
DataFolder = Annotated[
    Path | None, typer.Option("--data", metavar="FOLDER", help="The canonical dataset (default: data/NAME).")
]
ModelFolder = Annotated[
    Path | None, typer.Option("--model", metavar="FOLDER", help="The model and embedder (default: models/NAME).")
]


def require_one_config(preset: str | None, config: Path | None) -> None:
    """Refuse a preset beside a config file: a command goes by one of them."""
    if preset is not None and config is not None:
        raise UserError("--preset and --config: give one of them.")


@dataclass(frozen=True)
class _Request:
    """Hold what the options of a stage say."""

    preset: str | None
    config: Path | None
    overrides: list[str]
    places: dict[str, Path | None]  # data, model and out
    fresh: bool


@dataclass(frozen=True)
class Stage:
    """Describe one stage for its command line, which `python -m stages.NAME` and `imagemint run NAME` share."""

    name: str
    about: str | None
    default_out: str
    load: "Callable[[], Work]"  # imports the work and returns it: seconds, which a refused command line does not take
    switches: Mapping[str, str] = field(default_factory=dict)  # short names of what `--set` does

    def main(self, arguments: Sequence[str] | None, called: str) -> int:
        """Run the stage, called so, with these arguments; return the exit code: 0, or 1, 2 or 130 and one message."""
        return run_command_line(self.program(), self.name, called, sys.argv[1:] if arguments is None else arguments)

    def program(self) -> typer.Typer:
        """Return the stage as a program of its own."""
        app = typer.Typer(add_completion=False, context_settings=SETTINGS)
        self.add_to(app, f"python -m stages.{self.name}")
        return app

    def add_to(self, app: typer.Typer, called: str) -> None:
        """Add the stage to a program's commands; `called` is what a user types for it."""
        example = f"{called} --preset digits"
        add_command(app, self._with_switches(), example, panel="Stages", name=self.name, about=self.about)

    def _with_switches(self) -> Callable[..., None]:
        """Return the function whose parameters are the options of this stage."""

        def work(
            preset: PresetName = None,
            config: ConfigFile = None,
            overrides: Overrides = None,
            data: DataFolder = None,
            model: ModelFolder = None,
            out: Annotated[
                Path | None,
                typer.Option("--out", metavar="FOLDER", help=f"The output (default: {self.default_out}/NAME)."),
            ] = None,
            fresh: Annotated[
                bool, typer.Option("--fresh", help="Do the work again, even if a finished run exists.")
            ] = False,
            **switches: bool,
        ) -> None:
            chosen = [override for switch, override in self.switches.items() if switches[_identifier(switch)]]
            places = {"data": data, "model": model, "out": out}
            request = _Request(preset, config, [*(overrides or []), *chosen], places, fresh)
            again = "the same command without --fresh" if fresh else "the same command"
            raise typer.Exit(
                exit_code(self.name, lambda: self._run(request), f"interrupted; {again} goes on from here.")
            )

        shared = list(inspect.signature(work).parameters.values())[:-1]
        own = [
            inspect.Parameter(
                _identifier(switch),
                inspect.Parameter.KEYWORD_ONLY,
                default=False,
                annotation=Annotated[bool, typer.Option(switch, help=f"The same as --set {override}.")],
            )
            for switch, override in self.switches.items()
        ]
        work.__signature__ = inspect.Signature([*shared, *own])  # type: ignore[attr-defined]
        return work

    def _run(self, request: _Request) -> None:
        """Load the config, and only then import what the stage does, and do it."""
        command = self._command(request)
        work = self.load()
        raise_interrupts()  # not before: while modules are imported an interrupt comes out as another error
        work(command)

    def _command(self, request: _Request) -> "Command":
        """Return what is asked for, its config loaded and found right."""
        from pipeline.cluster.worker_command import require_text
        from pipeline.config.active import opening_lines
        from pipeline.config.load import load_preset_or_file
        from pipeline.runs.command import Command
        from pipeline.runs.output_places import require_stage_output
        from pipeline.runs.run import local_root

        require_known_format()
        require_one_config(request.preset, request.config)
        before_ingest = self.name in BEFORE_INGEST
        config = load_preset_or_file(
            request.preset, request.config, request.overrides, request.places["data"], before_ingest=before_ingest
        )
        for option, place in request.places.items():
            given = str(place or "")
            if given.startswith(("s3:/", "gs:/")):  # pathlib has made one slash of two
                raise UserError(
                    f"--{option} {given}: use a folder of this machine. Name an object store by --set root=s3://..."
                )
            require_text(f"--{option}", given)
        data, model, out = (_no_scheme(request.places[option]) for option in ("data", "model", "out"))
        if FRAMED not in os.environ:
            for line in opening_lines(config.name, request.config):
                log_info(self.name, line)
        place = out or Path(self.default_out) / config.name
        metrics = place if self.default_out == "metrics" else place / "metrics"
        if out is None:
            metrics = Path("metrics") / config.name
        require_stage_output(self.name, place, metrics, local_root(config.root), given=out is not None)
        return Command(
            stage=self.name,
            config=config,
            data=data or Path("data") / config.name,
            model=model or Path("models") / config.name,
            out=place,
            metrics=metrics,
            fresh=request.fresh,
            default_out=out is None,
        )


def _identifier(switch: str) -> str:
    return switch.lstrip("-").replace("-", "_")


def _no_scheme(place: Path | None) -> Path | None:
    """Return the place as pyarrow takes it for one: what stands before a colon is a URI's scheme, unless a slash comes first."""
    return place.absolute() if place is not None and ":" in str(place) else place
