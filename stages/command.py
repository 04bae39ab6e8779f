"""What every stage's command line shares: options, places, and how errors end."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from pipeline.base.errors import UserError
from pipeline.base.log import configure_logging, log_error, log_info, require_known_format
from pipeline.base.process import INTERRUPTED, raise_interrupts
from pipeline.cluster.worker_command import require_text
from pipeline.config.active import opening_lines
from pipeline.config.load import load_preset_or_file
from pipeline.runs.command import Command, Work
from pipeline.runs.output_places import require_stage_output
from pipeline.runs.run import local_root

BEFORE_INGEST = ("source", "ingest")  # stages that cannot go by what was ingested


def run_stage(
    stage: str,
    about: str,
    default_out: str,
    argv: Sequence[str] | None = None,
    *,
    load: Callable[[], Work],
    switches: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """Parse the command line, load the config, and only then import what the stage does, and do it.

    `load` imports the work of the stage and returns it; `switches`: short names of this stage for what `--set` does.

    Returns:
        The exit code: 0, or 1 or 130 and one message.
    """
    configure_logging()
    arguments = _parser(stage, about, default_out, switches).parse_args(argv)
    try:
        command = _command(stage, default_out, arguments)
        work = load()
        raise_interrupts()  # not before: while modules are imported an interrupt comes out as another error
        work(command)
    except UserError as error:
        log_error(stage, str(error))
        return 1
    except KeyboardInterrupt:
        again = "the same command without --fresh" if arguments.fresh else "the same command"
        log_error(stage, f"interrupted; {again} goes on from here.")
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
    for line in opening_lines(config.name, arguments.config):
        log_info(stage, line)
    out = arguments.out or Path(default_out) / config.name
    metrics = out if default_out == "metrics" else out / "metrics"
    if arguments.out is None:
        metrics = Path("metrics") / config.name
    root = local_root(config.root)
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
