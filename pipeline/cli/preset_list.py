"""Describe the presets of a checkout for `imagemint presets`."""

from contextlib import suppress

from pipeline.base.errors import UserError
from pipeline.base.json_object import JsonObject
from pipeline.config.active import default_preset, named_preset
from pipeline.config.load import load_preset, presets


def described_presets() -> list[JsonObject]:
    """Return what each preset of this checkout is, by name; one that does not load has its first error in place of that."""
    active, default = named_preset(), None
    with suppress(UserError):
        default = default_preset()
    return [_described(name, active, default) for name in presets()]


def _described(name: str, active: str | None, default: str | None) -> JsonObject:
    row: JsonObject = {"name": name, "active": name == active, "default": name == default}
    try:
        config = load_preset(name)
    except UserError as error:
        return {**row, "error": str(error)}
    source = config.data.source
    return {
        **row,
        "source": source.path or source.kind,
        "images": config.sample.count,
        "size": config.data.size,
    }
