"""Find what distinguishes the records of one dataset from the records of another, by their manifests."""

from collections.abc import Iterator
from typing import Any

from pipeline.sampling.manifest import Manifest, ManifestHeader


def record_changes(existing: Manifest, fingerprint: str, header: ManifestHeader) -> list[str]:
    """Return the settings on which records depend and which differ between two datasets, as "key: old there, new now".

    The list is empty where the records are the same. `fingerprint` identifies the run that `header` describes. Count
    and formats do not count, since records do not depend on them.
    """
    if existing.fingerprint == fingerprint:
        return []
    changed = [
        f"{key}: {old!r} there, {new!r} now"
        for key, old, new in _differences("", _of_records(existing), _of_records(header))
    ]
    repackaged = existing.config.sample.formats != header.config.sample.formats
    return changed if changed or repackaged else ["the code of imagemint that makes records"]


def _of_records(header: ManifestHeader) -> dict[str, object]:
    return {
        "sample": header.config.sample.model_dump(mode="json", exclude={"count", "formats"}),
        "classes": header.classes,
        "precision": header.precision,
        "filters": [each.model_dump() for each in header.filters],
        "model": {"digest": header.model.digest},
        "software": {name: version for name, version in header.software.items() if name not in ("imagemint", "ray")},
    }


def _differences(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(f"{path}.{key}" if path else key, old.get(key), new.get(key))
    elif old != new:
        yield path, old, new
