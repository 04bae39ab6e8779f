"""What tells the records of one dataset from those of another, by their manifests."""

from collections.abc import Iterator
from typing import Any


def record_changes(there: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What records depend on and is another in the manifest `now`: "key: old there, new now" each; nothing where they are the same.

    Of `now` the fingerprint is looked at and what a manifest says besides its shards. Count and formats are not of the records.
    """
    if there["fingerprint"] == now["fingerprint"]:
        return []
    changed = [
        f"{key}: {old!r} there, {new!r} now" for key, old, new in _differences("", _of_records(there), _of_records(now))
    ]
    repackaged = there["config"]["sample"]["formats"] != now["config"]["sample"]["formats"]
    return changed if changed or repackaged else ["the code of imagemint that makes records"]


def _of_records(manifest: dict[str, Any]) -> dict[str, Any]:
    def without(section: dict[str, Any], *keys: str) -> dict[str, Any]:
        return {key: value for key, value in section.items() if key not in keys}

    return {
        "sample": without(manifest["config"]["sample"], "count", "formats"),
        **{key: manifest[key] for key in ("classes", "precision", "filters")},
        "model": {"digest": manifest["model"]["digest"]},
        "software": without(manifest["software"], "imagemint", "ray"),
    }


def _differences(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(f"{path}.{key}" if path else key, old.get(key), new.get(key))
    elif old != new:
        yield path, old, new
