"""Run the stage `accept`."""

from pathlib import Path

from pipeline.base.errors import UserError
from pipeline.evaluation.few import warnings_of_few
from pipeline.evaluation.gates import apply_gates, as_records
from pipeline.runs.command import Command
from pipeline.sampling.manifest import MANIFEST, read_manifest
from pipeline.store.files import read_json, write_json


def accept(command: Command) -> None:
    """Compare the metrics of evaluate and audit with the gates of the config."""
    verdict_file = command.metrics / "accept.json"
    verdict_file.unlink(missing_ok=True)
    measured = {}
    for stage in ("evaluate", "audit"):
        measured.update(read_json(command.metrics / f"{stage}.json", f"metrics of the stage {stage}"))
    dataset = Path("datasets") / command.config.name if command.default_out else command.out.parent
    if (dataset / MANIFEST).is_file() and read_manifest(dataset).dataset_id != measured.get("dataset_id"):
        raise UserError(
            f"{command.metrics / 'audit.json'} measures another dataset than {dataset}. Run the stage audit again."
        )
    verdicts = apply_gates(command.config.gates, measured)
    missed = [verdict for verdict in verdicts if not verdict.met]
    if missed:
        lines = [f"  {verdict.metric}: {verdict.value:.4g}, must be {verdict.bound}" for verdict in missed]
        raise UserError(
            f"{command.config.name} is not accepted: {len(missed)} of {len(verdicts)} gates missed\n" + "\n".join(lines)
        )
    write_json(verdict_file, {"accepted": True, "dataset_id": measured["dataset_id"], "gates": as_records(verdicts)})
    command.say(f"accepted: all {len(verdicts)} gates met")
    for warning in warnings_of_few(measured):
        command.say(f"warning: {warning}")
