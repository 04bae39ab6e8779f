"""Define the commands that look at a dataset; all of them work outside of a checkout."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.base.command_line import add_command
from pipeline.base.errors import UserError
from pipeline.base.json_object import JsonObject
from pipeline.base.process import raise_interrupts
from pipeline.cli.options import LOOK, AsJson, Dataset, ModelOfDataset, print_json, print_lines, require_dataset
from pipeline.runs.output_places import require_output_file
from pipeline.store.files import write_atomically


def add_to(app: typer.Typer) -> None:
    """Add these commands to a program."""
    add_command(app, show, "imagemint show datasets/digits -n 20", panel=LOOK)
    add_command(app, record, "imagemint record datasets/digits 42 --out 42.png", panel=LOOK)
    add_command(app, verify, "imagemint verify datasets/digits", panel=LOOK)
    add_command(app, report, "imagemint report datasets/digits", panel=LOOK)
    add_command(app, compare, "imagemint compare published/digits/1.0.0 published/digits/1.1.0", panel=LOOK)
    add_command(app, doctor, "imagemint doctor", panel=LOOK)


def show(
    dataset: Dataset,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The PNG to write (default: DATASET's name + .png, here)."),
    ] = None,
    columns: Annotated[
        int, typer.Option("-n", metavar="COUNT", help="Images per class; for a dataset without labels, images per row.")
    ] = 12,
) -> None:
    """Draw a contact sheet of a dataset as PNG."""
    from pipeline.report.contact_sheet import contact_sheet

    raise_interrupts()
    if columns < 1:
        raise UserError(f"-n: found {columns}; use at least 1.")
    target = out or Path(f"{Path(dataset).resolve().name}.png")
    require_output_file(target, "sheet.png")
    require_dataset(dataset)
    sheet = contact_sheet(dataset, columns)
    write_atomically(target, sheet.png)
    print(f"{target}: {sheet.caption}")


def record(
    dataset: Dataset,
    index: Annotated[int, typer.Argument(metavar="INDEX", help="The index of the record, counted from 0.")],
    model: ModelOfDataset = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the stored image to this file, without encoding it anew."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Generate one record again from the model, and compare it with the stored one."""
    from pipeline.sampling.manifest import open_dataset
    from pipeline.sampling.regenerate import Comparison, compare, load_model_of, shard_of, stored_records
    from pipeline.sampling.shards.readers import DamagedShardError, ShardReader

    raise_interrupts()
    if out is not None:
        require_output_file(out, "record.png")
    require_dataset(dataset)
    folder, manifest = open_dataset(dataset)
    shard = shard_of(folder, manifest, index)
    try:
        (stored,), attempts = stored_records(ShardReader(folder, manifest), shard, [index])
    except DamagedShardError as error:
        raise UserError(f"{folder}/{shard.file}: {error}. `imagemint verify {dataset}` says more.") from None
    label = None if stored.label is None else manifest.classes[stored.label]
    row = index - shard.first_index
    if not as_json:
        print(f"record {index} of {dataset}: row {row} of {shard.file}{'' if label is None else f', {label}'}")
    if out is not None:
        write_atomically(out, stored.content)
        if not as_json:
            print(f"{out}: the image as it is stored")
    try:
        pair = load_model_of(manifest, model)
    except UserError as error:
        if model is not None:
            raise
        # Most who look at a dataset have the files alone.
        compared = Comparison(None, f"not generated again: {error}")
    else:
        compared = compare(index, stored, attempts, manifest, pair)
    if as_json:
        print_json(
            {
                "dataset": dataset,
                "index": index,
                "file": shard.file,
                "row": row,
                "label": label,
                "equal": compared.equal,
                "compared": compared.text,
            }
        )
    if compared.equal is False:
        raise UserError(compared.text)
    if not as_json:
        print(compared.text)


def verify(
    dataset: Dataset,
    model: ModelOfDataset = None,
    records: Annotated[
        int,
        typer.Option(
            "--records",
            metavar="COUNT",
            help="How many random records to generate again from the model and to compare.",
        ),
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """Check a dataset against its manifest, byte by byte."""
    from pipeline.sampling.manifest import open_dataset
    from pipeline.sampling.regenerate import load_model_of
    from pipeline.sampling.verify import verify_dataset

    raise_interrupts()
    if records < 0:
        raise UserError(f"--records: found {records}; use at least 0.")
    require_dataset(dataset)
    folder, manifest = open_dataset(dataset)
    try:
        pair, without = load_model_of(manifest, model), ""
    except UserError as error:
        if model is not None:
            raise
        # Most who verify a dataset have the files alone, and those can be checked.
        pair, without = None, f"no record was generated again: {error}"
    findings = verify_dataset(folder, manifest, pair, records)
    if pair is None:
        findings.regenerated = without
    if as_json:
        found: JsonObject = {
            "dataset": dataset,
            "dataset_id": manifest.dataset_id,
            "files": findings.files,
            "records": manifest.count,
            "problems": findings.problems,
            "ignored": findings.ignored,
            "regenerated": findings.regenerated,
        }
        print_json(found)
    if findings.problems:
        listed = "\n".join(f"  {problem}" for problem in findings.problems)
        count = len(findings.problems)
        raise UserError(f"{dataset}: {count} problem{'' if count == 1 else 's'}\n{listed}")
    if as_json:
        return
    print(f"{dataset}: {findings.files} files with {manifest.count:,} records match the manifest")
    for name in findings.ignored:
        print(f"ignored: {name} (left by a desktop or an editor)")
    print(f"{findings.regenerated}")
    print(f"dataset {manifest.dataset_id}")


def report(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A folder of this machine.")],
    only_print: Annotated[bool, typer.Option("--print", help="Print where the page is, without opening it.")] = False,
) -> None:
    """Open a dataset's report in the browser; build the page first where it is missing."""
    from pipeline.cli.report_page import open_page, require_page

    raise_interrupts()
    require_dataset(dataset)
    page = require_page(Path(dataset))
    print(page)
    if not only_print:
        open_page(page)


def compare(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A version's folder, or s3://BUCKET/PREFIX.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Another version's.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The page to write.")] = Path("compare.html"),
) -> None:
    """Show two published versions on one page."""
    from pipeline.report.compare import compare as compared

    raise_interrupts()
    require_output_file(out, "compare.html")
    for version in (old, new):
        require_dataset(version)
    write_atomically(out, compared(old, new).encode())
    print(f"{out}: {old} and {new}")


def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, which hardware is there, and what a run would use."""
    from pipeline.cli.doctor import examine

    raise_interrupts()
    print_lines(examine(), as_json)
