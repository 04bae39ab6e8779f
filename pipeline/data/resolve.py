"""Write the whole preset of a dataset: the work of the stage `resolve`."""

import yaml

from pipeline.data.description import describe
from pipeline.runs.command import Command
from pipeline.store.files import write_atomically

RESOLVED = "preset.yaml"


def resolve(command: Command) -> None:
    """Write the whole preset, in which missing values are filled in for the images that ingest found."""
    describe(command.data)
    target = command.out / RESOLVED
    config = command.config.model_dump(mode="json", exclude_none=False)
    write_atomically(target, yaml.safe_dump(config, sort_keys=False, allow_unicode=True).encode())
    model, train = command.config.model, command.config.train
    command.say(
        f"{model.architecture} of {model.resolution} px, {model.channels} channel(s), {train.total_images:,} images to train on -> {target}"
    )
