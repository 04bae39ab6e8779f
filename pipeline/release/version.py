"""Number the versions of a dataset: patch, packaged anew; minor, records added; major, records changed."""

from semver import Version

from pipeline.sampling.changes import record_changes
from pipeline.sampling.manifest import Manifest

FIRST = Version(1)


def next_version(before: tuple[Version, Manifest] | None, manifest: Manifest) -> tuple[Version, str]:
    """Return the number of the dataset that `manifest` describes, and what changed in words.

    `before` is the version before it. The same dataset keeps its number.
    """
    if before is None:
        return FIRST, f"first version, {manifest.count:,} records"
    version, old = before
    if old.dataset_id == manifest.dataset_id:
        return version, "nothing"
    changed = record_changes(old, manifest.fingerprint, manifest)
    if changed:
        return version.bump_major(), f"other records, {manifest.count:,}; " + "; ".join(changed)
    more = manifest.count - old.count
    if more < 0:
        return version.bump_major(), f"{-more:,} records removed, {manifest.count:,} left"
    if more > 0:
        return version.bump_minor(), f"{more:,} records added, {manifest.count:,} in all"
    return version.bump_patch(), f"the same records as {', '.join(manifest.config.sample.formats)}"
