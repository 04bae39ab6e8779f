"""Describe the presets of a checkout for `imagemint presets`."""

from contextlib import suppress
from typing import Any

from pipeline.base.errors import UserError
from pipeline.config.active import default_preset, named_preset
from pipeline.config.load import load_preset, presets


def described_presets() -> list[dict[str, Any]]:
    """Return what each preset of this checkout is, by name; one that does not load has its first error in place of that."""
    active, default = named_preset(), None
    with suppress(UserError):
        default = default_preset()
    return [_described(name, active, default) for name in presets()]


def _described(name: str, active: str | None, default: str | None) -> dict[str, Any]:
    caption: dict[str, Any] = {"name": name, "active": name == active, "default": name == default}
    try:
        config = load_preset(name)
    except UserError as error:
        return {**caption, "error": str(error)}
    source = config.data.source
    return {
        **caption,
        "source": source.path or source.kind,
        "images": config.sample.count,
        "size": config.data.size,
    }
