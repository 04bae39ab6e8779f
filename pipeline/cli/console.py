"""The console script `imagemint`: what is not a stage."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pipeline import __version__
from pipeline.base.errors import UserError
from pipeline.base.metric import MetricValues
from pipeline.base.process import INTERRUPTED, raise_interrupts, run_process
from pipeline.runs.output_places import require_output_file, require_writable_checkout
from pipeline.store.files import read_json, write_atomically

if TYPE_CHECKING:
    from pipeline.config import Config


def console() -> NoReturn:
    """Runs this process as the command `imagemint`."""
    run_process("imagemint", main)


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and does what it asks for.

    Returns:
        The exit code: 0, or 1 or 130 and one message.
    """
    arguments = _parser().parse_args(argv)
    try:
        arguments.work(arguments)
    except UserError as error:
        print(f"imagemint: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("imagemint: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    # What a command does imports what it needs: seconds, of which a command that is misspelt takes none.
    parser = argparse.ArgumentParser(prog="imagemint", description="Looks at and checks what the stages make.")
    parser.add_argument("--version", action="version", version=f"imagemint {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    show = commands.add_parser("show", help="draw a contact sheet of a dataset as PNG")
    show.add_argument("dataset", help="a folder, or s3://BUCKET/PREFIX")
    show.add_argument("--out", type=Path, help="the PNG to write (default: DATASET's name + .png, here)")
    show.add_argument("-n", type=int, default=12, help="images of each class, or of each row without labels")
    show.set_defaults(work=lambda a: _show(a.dataset, a.out, a.n))

    verify = commands.add_parser("verify", help="check a dataset against its manifest, byte by byte")
    verify.add_argument("dataset", help="a folder, or s3://BUCKET/PREFIX")
    verify.add_argument("--model", type=Path, help="model to make records again with (default: models/NAME, if there)")
    verify.add_argument("--records", type=int, default=20, help="random records to make again")
    verify.set_defaults(work=lambda a: _verify(a.dataset, a.model, a.records))

    record = commands.add_parser(
        "record", help="make one record again from the model and compare it with the stored one"
    )
    record.add_argument("dataset", help="a folder, or s3://BUCKET/PREFIX")
    record.add_argument("index", type=int)
    record.add_argument("--model", type=Path, help="the model it was made with (default: models/NAME)")
    record.add_argument("--out", type=Path, help="write the stored image there, as it is encoded")
    record.set_defaults(work=lambda a: _record(a.dataset, a.index, a.model, a.out))

    doctor = commands.add_parser("doctor", help="what is installed, what hardware, what would run")
    doctor.set_defaults(work=lambda _: _doctor())

    init = commands.add_parser(
        "init", help="look at a folder, an archive or a dataset of images, and write a preset for it"
    )
    init.add_argument("name", help="of the new preset: conf/NAME.yaml, which must not be there yet")
    init.add_argument("source", help="a path, s3://, gs://, https://, or the name of a known dataset")
    init.add_argument("--size", type=int, help="side of the images, px (default: what fits them)")
    init.add_argument("--unlabelled", action="store_true", help="ignore the classes")
    init.add_argument("--yes", action="store_true", help="write without asking")
    init.set_defaults(work=lambda a: _init(a.name, a.source, a.size, a.unlabelled, a.yes))

    use = commands.add_parser("use", help="which preset is active, or make another one active in this checkout")
    which = use.add_mutually_exclusive_group()
    which.add_argument("preset", nargs="?", help="the preset to make active, after checking it")
    which.add_argument("--default", action="store_true", help="the preset that git shares")
    use.add_argument("--share", action="store_true", help="make it the default: a change of conf/active.yaml to commit")
    use.set_defaults(work=lambda a: _use(a.preset, a.default, a.share))

    summary = commands.add_parser("summary", help="what the active preset has made, how good, which files to open")
    summary.set_defaults(work=lambda _: _summary())

    publish = commands.add_parser(
        "publish", help="put the active preset's accepted dataset under a version, and tag it in git"
    )
    publish.add_argument("--to", metavar="PLACE", help="a folder, or s3://BUCKET/PREFIX (default: ROOT/published)")
    publish.set_defaults(work=lambda a: _publish(a.to))

    compare = commands.add_parser("compare", help="two published versions on one page")
    compare.add_argument("old", help="a version's folder, or s3://BUCKET/PREFIX")
    compare.add_argument("new", help="another one's")
    compare.add_argument("--out", type=Path, default=Path("compare.html"), help="the page to write")
    compare.set_defaults(work=lambda a: _compare(a.old, a.new, a.out))

    plan = commands.add_parser(
        "plan",
        help="what a sampling run would take: shards, bytes, time, resources; which config keys would make training "
        "start from 0; makes nothing",
    )
    _add_config_options(plan)
    plan.add_argument("--model", type=Path, help="default: models/NAME")
    plan.add_argument("--data", type=Path, help="default: data/NAME; read by the filter near_copy alone")
    plan.add_argument("--nodes", type=int, help="as if there were so many nodes of the kind that are there")
    plan.set_defaults(work=lambda a: _plan(_config(a), a.model, a.data, a.nodes))

    status = commands.add_parser(
        "status", help="how far the sampling runs of a preset are, read from what they committed"
    )
    _add_config_options(status)
    status.set_defaults(work=lambda a: _status(_config(a)))

    submit = commands.add_parser("submit", help="run stages as a job on a cluster, and follow it")
    submit.add_argument("target", metavar="STAGE|all", help="the last stage to run, or all")
    submit.add_argument("--preset", help="a preset of conf/ (default: the active one)")
    submit.add_argument("--root", help="s3://BUCKET/PREFIX, or a folder that all nodes have (default: the preset's)")
    submit.add_argument("--address", help="http://HOST:8265 (default: RAY_API_SERVER_ADDRESS)")
    submit.set_defaults(work=lambda a: _submit(a.target, a.preset, a.root, a.address))

    fetch = commands.add_parser("fetch", help="bring what a job made into this checkout")
    fetch.add_argument("--preset", help="a preset of conf/ (default: the active one)")
    fetch.add_argument("--root", help="the job's root (default: the preset's)")
    fetch.add_argument("--replace", action="store_true", help="also where dvc.lock here is not committed")
    fetch.set_defaults(work=lambda a: _fetch(a.preset, a.root, a.replace))

    schema = commands.add_parser("schema", help="print the JSON schema of a preset, for editors")
    schema.set_defaults(work=lambda _: _schema())
    return parser


def _show(dataset: str, out: Path | None, columns: int) -> None:
    from pipeline.report.contact_sheet import contact_sheet

    raise_interrupts()
    if columns < 1:
        raise UserError(f"-n: {columns}; at least 1.")
    target = out or Path(f"{Path(dataset).resolve().name}.png")
    require_output_file(target, "sheet.png")
    sheet = contact_sheet(dataset, columns)
    write_atomically(target, sheet.png)
    print(f"{target}: {sheet.caption}")


def _verify(place: str, model: Path | None, records: int) -> None:
    from pipeline.sampling.manifest import open_dataset
    from pipeline.sampling.regenerate import load_model_of
    from pipeline.sampling.verify import read_shards, verify_files, verify_records

    raise_interrupts()
    if records < 0:
        raise UserError(f"--records: {records}; at least 0.")
    dataset, manifest = open_dataset(place)
    try:
        pair, without = load_model_of(manifest, model), ""
    except UserError as error:
        if model is not None:
            raise
        # Most who verify a dataset have the files alone, and those can be checked.
        pair, without = None, f"no record was made again: {error}"
    findings = verify_files(dataset, manifest)
    for _ in read_shards(dataset, manifest, findings):
        pass
    if pair is None:
        findings.regenerated = without
    else:
        verify_records(dataset, manifest, pair, findings, records)
    if findings.problems:
        listed = "\n".join(f"  {problem}" for problem in findings.problems)
        raise UserError(f"{place}: {len(findings.problems)} problems\n{listed}")
    print(f"{place}: {findings.files} files with {manifest.count:,} records are as the manifest says")
    for name in findings.ignored:
        print(f"ignored: {name} (left by a desktop or an editor)")
    print(f"{findings.regenerated}")
    print(f"dataset {manifest.dataset_id}")


def _record(place: str, index: int, model: Path | None, out: Path | None) -> None:
    from pipeline.sampling.manifest import open_dataset
    from pipeline.sampling.regenerate import compare, load_model_of, shard_of, stored_records
    from pipeline.sampling.shards.readers import DamagedShardError, ShardReader

    raise_interrupts()
    if out is not None:
        require_output_file(out, "record.png")
    dataset, manifest = open_dataset(place)
    shard = shard_of(dataset, manifest, index)
    try:
        (stored,), attempts = stored_records(ShardReader(dataset, manifest), shard, [index])
    except DamagedShardError as error:
        raise UserError(f"{dataset}/{shard.file}: {error}. `imagemint verify {place}` says more.") from None
    if out is not None:
        write_atomically(out, stored.content)
    label = "" if stored.label is None else f", {manifest.classes[stored.label]}"
    print(f"record {index} of {place}: row {index - shard.first_index} of {shard.file}{label}")
    print(compare(index, stored, attempts, manifest, load_model_of(manifest, model)))


def _doctor() -> None:
    from pipeline.cli.doctor import examine

    raise_interrupts()
    for line in examine():
        print(line)


def _use(name: str | None, default: bool, share: bool) -> None:
    from pipeline.config.active import default_preset, lost_choice, share_preset, shown_choice, use_preset
    from pipeline.config.load import active_preset, presets, which_config

    raise_interrupts()
    chosen = default_preset() if default else name or active_preset()
    if share or default or name is not None:
        require_writable_checkout()
    if share:
        share_preset(chosen)
    elif name is not None or default:
        use_preset(chosen)
    print(f"{which_config(chosen)} is active")
    _warn(lost_choice(chosen) or shown_choice())
    if name is None and not default:
        print(f"default: {default_preset()}; presets here: {', '.join(presets())}")


def _summary() -> None:
    from pipeline.config.load import load_preset, presets
    from pipeline.report.summary import summary
    from pipeline.sampling.manifest import read_manifest

    raise_interrupts()
    config = load_preset()
    _say_which(config.name)
    name = config.name
    dataset, metrics = Path("datasets") / name, Path("metrics") / name
    manifest = read_manifest(dataset)
    figures: MetricValues = {}
    for stage in ("evaluate", "audit", "accept"):
        figures |= read_json(metrics / f"{stage}.json", f"figures of the stage {stage}")
    if figures["dataset_id"] != manifest.dataset_id:
        raise UserError(f"{dataset} is not audited and accepted as it is now: run `make repro`.")
    files = {
        f"{dataset}/report/index.html": "the report",
        f"{dataset}/README.md": f'the card; load_dataset("{dataset}") reads the images',
        f"models/{name}/samples/": "what the generator made while it learnt",
    }
    print(f"""
{summary(manifest, figures, files)}
Identity  dataset {manifest.dataset_id[:16]}, preset {name} (others: {", ".join(p for p in presets() if p != name)})""")


def _publish(place: str | None) -> None:
    from pipeline.config.load import load_preset
    from pipeline.release.publish import publish

    raise_interrupts()
    config = load_preset()
    _say_which(config.name)
    published = publish(config.name, place or f"{config.root}/published")
    print(f"{published.place}: {published.line}")
    print(f"git tags {', '.join(published.tags)}: `git push --tags` hands them on")


def _compare(old: str, new: str, out: Path) -> None:
    from pipeline.report.compare import compare

    raise_interrupts()
    require_output_file(out, "compare.html")
    write_atomically(out, compare(old, new).encode())
    print(f"{out}: {old} and {new}")


def _submit(target: str, preset: str | None, root: str | None, address: str | None) -> None:
    from pipeline.jobs.submit import submit

    raise_interrupts()
    submit(target, preset, root, address, lambda text: print(text, flush=True))


def _fetch(preset: str | None, root: str | None, replace: bool) -> None:
    from pipeline.config.active import named_preset, shown_choice, use_preset
    from pipeline.config.load import active_preset, load_preset
    from pipeline.jobs.outputs import download_outputs, record_in_dvc, require_replaceable_lock
    from pipeline.store.places import folder_at

    raise_interrupts()
    name = preset or active_preset()
    config = load_preset(name, [f"root={root}"] if root else [])
    _say_which(config.name)
    if not replace:
        require_replaceable_lock(Path.cwd())
    brought = download_outputs(Path.cwd(), name, folder_at(config.root))
    if brought is None:
        raise UserError(f"No job has kept anything of the preset {name} below {config.root}: `imagemint submit` one.")
    if named_preset() != name:
        use_preset(name)
        print(f"preset {name} is active here now")
        _warn(shown_choice())
    print(f"{len(brought)} files brought from {config.root}")
    others = record_in_dvc(Path.cwd())
    if others:
        print(
            f"Made with other code or another config than this checkout has (`dvc status` shows which): {', '.join(others)}"
        )


def _add_config_options(command: argparse.ArgumentParser) -> None:
    which = command.add_mutually_exclusive_group()
    which.add_argument("--preset", help="a preset of conf/ (default: the active one)")
    which.add_argument("--config", type=Path, help="a config file of your own")
    command.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="override one key")


def _config(arguments: argparse.Namespace) -> "Config":
    from pipeline.config.load import load_preset_or_file

    config = load_preset_or_file(arguments.preset, arguments.config, arguments.set, getattr(arguments, "data", None))
    _say_which(config.name, arguments.config)
    return config


def _say_which(name: str, file: Path | None = None) -> None:
    """Say what a command goes by, and warn where `imagemint use` chose another preset."""
    from pipeline.config.active import lost_choice
    from pipeline.config.load import which_config

    print(which_config(name, file), flush=True)
    if file is None:
        _warn(lost_choice(name))


def _warn(warning: str | None) -> None:
    if warning is not None:
        print(f"imagemint: warning: {warning}", file=sys.stderr)


def _plan(config: "Config", model: Path | None, data: Path | None, nodes: int | None) -> None:
    from pipeline.cli.plan import forecast

    raise_interrupts()
    if nodes is not None and nodes < 1:
        raise UserError(f"--nodes: {nodes}; at least 1.")
    for line in forecast(config, model or Path("models") / config.name, data or Path("data") / config.name, nodes):
        print(line)


def _status(config: "Config") -> None:
    from pipeline.base.pace import in_words
    from pipeline.sampling.status import statuses

    raise_interrupts()
    found = statuses(config.root, config.name)
    if not found:
        raise UserError(f"No sampling run of the preset {config.name} under {config.root}/runs yet.")
    for one in found:
        rate = "" if one.images_per_s is None else f" | {one.images_per_s:,.0f} images/s"
        left = f" | {in_words(one.seconds_left)} left" if one.seconds_left else ""
        at_it = " | a process is working on it" if one.working else ""
        print(
            f"{one.run}: {one.done_shards} of {one.shards} shards, {one.done_rows:,} of {one.request.count:,} images"
            f"{rate}{left}{at_it}"
        )


def _init(name: str, source: str, size: int | None, unlabelled: bool, yes: bool) -> None:
    from pipeline.presets.init import init, require_new_name

    raise_interrupts()
    require_new_name(name)  # before what takes seconds to load

    def agreed() -> bool:
        return yes or not sys.stdin.isatty() or input("Write it? [Y/n] ").strip().lower() in ("", "y", "yes")

    init(name, source, size=size, unlabelled=unlabelled, agreed=agreed, say=lambda line: print(line, flush=True))


def _schema() -> None:
    from pipeline.config import Config
    from pipeline.config.defaults import editor_schema

    print(json.dumps(editor_schema(Config.model_json_schema()), indent=2))


if __name__ == "__main__":
    console()
