"""Define the commands with which a dataset is made, but for `run`: to choose a preset, to forecast its work, to see what it has made."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.base.command_line import add_command
from pipeline.base.errors import UserError
from pipeline.base.json_object import JsonObject
from pipeline.base.process import raise_interrupts
from pipeline.cli.options import (
    MAKE,
    AsJson,
    config_of,
    print_json,
    print_lines,
    print_table,
    say,
    say_which,
    warn,
)
from stages.command import ConfigFile, DataFolder, ModelFolder, Overrides, PresetName, preset_names

AFTER_RUN = "status"  # the first command that looks at what `run` does


def add_to(app: typer.Typer) -> None:
    """Add these commands to a program."""
    add_command(app, init, "imagemint init flowers photos/flowers --size 64", panel=MAKE)
    add_command(app, presets, "imagemint presets", panel=MAKE)
    add_command(app, use, "imagemint use digits", panel=MAKE)
    add_command(app, plan, "imagemint plan --preset digits --set sample.count=1000000", panel=MAKE)

    add_command(app, status, "imagemint status --preset digits", panel=MAKE)
    add_command(app, summary, "imagemint summary", panel=MAKE)


def init(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Name of the new preset. The command writes conf/NAME.yaml, which must not exist yet."
        ),
    ],
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="The real images: a path, s3://, gs://, https://, or the name of a known dataset."
        ),
    ],
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            metavar="PX",
            help="Side of the stored images in px (default: chosen by the size of the real ones).",
        ),
    ] = None,
    unlabelled: Annotated[bool, typer.Option("--unlabelled", help="Ignore the classes of the source.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write the preset without asking.")] = False,
) -> None:
    """Inspect a folder, an archive or a dataset of images, and write a preset for it."""
    from pipeline.presets.init import init as write_preset
    from pipeline.presets.init import require_new_name
    from pipeline.runs.output_places import require_writable_checkout

    raise_interrupts()
    require_new_name(name)  # before what takes seconds to load
    require_writable_checkout()

    def agreed() -> bool:
        if yes or not sys.stdin.isatty():
            return True
        while (answer := input("Write this preset? [Y/n] ").strip().lower()) not in ("", "y", "yes", "n", "no"):
            say("Answer y or n.")
        return answer in ("", "y", "yes")

    write_preset(name, source, size=size, unlabelled=unlabelled, agreed=agreed, say=say)


def presets(as_json: AsJson = False) -> None:
    """List the presets of this checkout."""
    from pipeline.cli.preset_list import described_presets

    raise_interrupts()
    rows = described_presets()
    if as_json:
        print_json(rows)
        return
    header = ("", "preset", "source", "images", "size", "")
    print_table(header, [_preset_row(row) for row in rows], right=("images", "size"))
    print("* is active here; `imagemint use NAME` makes another one active.")


def _preset_row(row: JsonObject) -> tuple[str, ...]:
    mark = "*" if row["active"] else ""
    if "error" in row:
        return mark, row["name"], "does not load", "", "", f"`imagemint use {row['name']}` says why"
    note = "default" if row["default"] else ""
    return mark, row["name"], row["source"], f"{row['images']:,}", f"{row['size']} px", note


def use(
    preset: Annotated[
        str | None,
        typer.Argument(
            metavar="[PRESET]",
            help="The preset to make active, after checking it (default: print the active one).",
            autocompletion=preset_names,
            show_default=False,
        ),
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="Use the preset that git shares.")] = False,
    share: Annotated[
        bool,
        typer.Option(
            "--share", help="Make it the default of the project. This changes conf/active.yaml, which you commit."
        ),
    ] = False,
) -> None:
    """Say which preset is active, or make another one active in this checkout."""
    from pipeline.config.active import default_preset, lost_choice, share_preset, shown_choice, use_preset
    from pipeline.config.load import active_preset, which_config
    from pipeline.config.load import presets as names
    from pipeline.runs.output_places import require_writable_checkout

    raise_interrupts()
    if default and preset is not None:
        raise UserError(f"--default and {preset}: give one of them.")
    chosen = default_preset() if default else preset or active_preset()
    if share or default or preset is not None:
        require_writable_checkout()
    if share:
        share_preset(chosen)
    elif preset is not None or default:
        use_preset(chosen)
    print(f"{which_config(chosen)} is active")
    warn(lost_choice(chosen) or shown_choice())
    if preset is None and not default:
        print(f"default: {default_preset()}; presets here: {', '.join(names())}")


def plan(
    preset: PresetName = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    model: ModelFolder = None,
    data: DataFolder = None,
    nodes: Annotated[
        int | None,
        typer.Option("--nodes", metavar="COUNT", help="Plan for this many nodes, of the kind that the cluster has."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a sampling run would take, without running it.

    The report names shards, bytes, time, resources, and which config keys would make training start from 0.
    The data is read by the filter near_copy alone.
    """
    loaded = config_of(preset, config, overrides, data)
    say_which(loaded.name, config, as_json=as_json)
    from pipeline.cli.plan import forecast

    raise_interrupts()
    if nodes is not None and nodes < 1:
        raise UserError(f"--nodes: found {nodes}; use at least 1.")
    name = loaded.name
    print_lines(forecast(loaded, model or Path("models") / name, data or Path("data") / name, nodes), as_json)


def status(
    preset: PresetName = None, config: ConfigFile = None, overrides: Overrides = None, as_json: AsJson = False
) -> None:
    """Say how far the sampling runs of a preset are, by their committed shards."""
    loaded = config_of(preset, config, overrides)
    say_which(loaded.name, config, as_json=as_json)
    from pipeline.base.pace import in_words
    from pipeline.sampling.status import statuses

    raise_interrupts()
    found = statuses(loaded.root, loaded.name)
    if as_json:
        print_json(
            [
                {
                    "run": str(one.run),
                    "shards": one.shards,
                    "shards_done": one.done_shards,
                    "images": one.request.count,
                    "images_done": one.done_rows,
                    "images_per_s": one.images_per_s,
                    "seconds_left": one.seconds_left,
                    "working": one.working,
                }
                for one in found
            ]
        )
        return
    if not found:
        raise UserError(f"No sampling run of the preset {loaded.name} under {loaded.root}/runs yet.")
    for one in found:
        rate = "" if one.images_per_s is None else f" | {one.images_per_s:,.0f} images/s"
        left = f" | {in_words(one.seconds_left)} left" if one.seconds_left else ""
        at_it = " | a process is working on it" if one.working else ""
        say(
            f"{one.run}: {one.done_shards} of {one.shards} shards, {one.done_rows:,} of {one.request.count:,} images"
            f"{rate}{left}{at_it}"
        )


def summary(as_json: AsJson = False) -> None:
    """Say what the active preset has generated, how good it is, and which files to open."""
    from pipeline.cli.results import results_of
    from pipeline.config.load import load_preset

    raise_interrupts()
    name = load_preset().name
    say_which(name, as_json=as_json)
    results = results_of(name)
    if as_json:
        print_json(results.values())
    else:
        say(f"\n{results.text()}")
