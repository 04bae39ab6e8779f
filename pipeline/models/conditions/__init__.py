"""Register the conditions: one a file, whose name is that in `model.conditioning`."""

from pipeline.base.registry import load_entries, name_in_config
from pipeline.models.condition import Condition

CONDITIONS: dict[str, type[Condition]] = {
    name_in_config(name): entry.CONDITION for name, entry in load_entries(__name__).items()
}
