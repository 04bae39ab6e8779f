"""What tells the records of one dataset from those of another, by their manifests."""

from collections.abc import Iterator
from typing import Any

from pipeline.sampling.manifest import Manifest, ManifestHeader


def record_changes(there: Manifest, fingerprint: str, now: ManifestHeader) -> list[str]:
    """What records depend on and is another in `now`: "key: old there, new now" each; nothing where they are the same.

    `fingerprint` is of the run that `now` describes. Count and formats are not of the records.
    """
    if there.fingerprint == fingerprint:
        return []
    changed = [
        f"{key}: {old!r} there, {new!r} now" for key, old, new in _differences("", _of_records(there), _of_records(now))
    ]
    repackaged = there.config.sample.formats != now.config.sample.formats
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
