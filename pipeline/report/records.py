"""Describe a dataset's records: which classes they have, and what was requested besides the usual."""

from pipeline.sampling.filters.kinds import FILTERS
from pipeline.sampling.manifest import Manifest


def occurring_classes(manifest: Manifest) -> list[str]:
    """Return the names of the classes that have records: a dataset may have been asked for a few only."""
    counts = [shard.labels for shard in manifest.shards]
    return [name for name in manifest.classes if any(count.get(name) != 0 for count in counts)]


def unusual_settings(manifest: Manifest) -> list[str]:
    """Return what was requested besides equal shares of classes, any latent and images as made, in words."""
    sample = manifest.config.sample
    settings = []
    if sample.labels != "balanced":
        weights = ", ".join(f"{name} {weight}" for name, weight in sample.labels.items())
        settings.append(f"classes by weight ({weights})")
    if sample.truncation is not None:
        settings.append(f"latents truncated at {sample.truncation}: more typical images, less variety")
    if sample.encoding == "jpeg":
        settings.append(f"images stored as JPEG of quality {sample.jpeg_quality}, which loses some detail")
    settings += [_filter(manifest, each.kind) for each in sample.filters]
    return settings


def _filter(manifest: Manifest, kind: str) -> str:
    refused = sum(shard.refused[kind] for shard in manifest.shards)
    candidates = sum(shard.candidates for shard in manifest.shards)
    return f"candidates filtered by {kind}, which refused {refused:,} of {candidates:,}: {FILTERS[kind].effect}"


def record_facts(manifest: Manifest) -> dict[str, object]:
    """Return what card and report say of the records.

    They are `classes` that occur, `settings`, those that are unusual, and whether near copies are refused.
    """
    return {
        "classes": occurring_classes(manifest),
        "settings": unusual_settings(manifest),
        "near_copies_refused": any(each.kind == "near_copy" for each in manifest.filters),
    }
