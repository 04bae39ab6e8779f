"""Define the commands that send the pipeline to a cluster and bring what it made."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.base.command_line import add_command
from pipeline.base.errors import UserError
from pipeline.base.process import raise_interrupts
from pipeline.base.stage_names import ALL, STAGES
from pipeline.cli.options import CLUSTER, say_which, warn
from stages.command import PresetName


def add_to(app: typer.Typer) -> None:
    """Add these commands to a program."""
    add_command(app, submit, "imagemint submit all --root s3://BUCKET/PREFIX", panel=CLUSTER)
    add_command(app, fetch, "imagemint fetch --root s3://BUCKET/PREFIX", panel=CLUSTER)


def submit(
    target: Annotated[
        str,
        typer.Argument(
            metavar="STAGE|all", help="The last stage to run, or all.", autocompletion=lambda: [ALL, *STAGES]
        ),
    ],
    preset: PresetName = None,
    root: Annotated[
        str | None,
        typer.Option(
            "--root",
            metavar="PLACE",
            help="s3://BUCKET/PREFIX, or a folder that all nodes have (default: the preset's root).",
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option("--address", metavar="URL", help="http://HOST:8265 (default: RAY_API_SERVER_ADDRESS)."),
    ] = None,
) -> None:
    """Run stages as a job on a cluster, and follow it."""
    from pipeline.jobs.submit import submit as submitted

    raise_interrupts()
    submitted(target, preset, root, address, lambda text: print(text, flush=True))


def fetch(
    preset: PresetName = None,
    root: Annotated[
        str | None, typer.Option("--root", metavar="PLACE", help="The root of the job (default: the preset's root).")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace dvc.lock even if its changes are not committed.")
    ] = False,
) -> None:
    """Copy the results of a job into this checkout."""
    from pipeline.config.active import named_preset, shown_choice, use_preset
    from pipeline.config.load import active_preset, load_preset
    from pipeline.jobs.outputs import download_outputs, record_in_dvc, require_replaceable_lock
    from pipeline.runs.run import local_root
    from pipeline.store.places import folder_at

    raise_interrupts()
    name = preset or active_preset()
    config = load_preset(name, [f"root={root}"] if root else [])
    say_which(config.name)
    here = local_root(config.root)
    if here is not None and not here.is_dir():
        raise UserError(f"root: {config.root!r}: there is no such folder: give the root that the job had (--root).")
    if not replace:
        require_replaceable_lock(Path.cwd())
    brought = download_outputs(Path.cwd(), name, folder_at(config.root))
    if brought is None:
        raise UserError(
            f"No job has stored outputs of the preset {name} below {config.root}. Submit one by `imagemint submit`."
        )
    if named_preset() != name:
        use_preset(name)
        print(f"preset {name} is active here now")
        warn(shown_choice())
    print(f"{len(brought)} files fetched from {config.root}")
    others = record_in_dvc(Path.cwd())
    if others:
        print(
            "These outputs were made with other code or another config than this checkout has (`dvc status` shows "
            f"which): {', '.join(others)}"
        )
