"""What is said of a dataset's records: which classes they are of, and what was asked for besides the usual."""

from typing import Any

from pipeline.config.schema import Sample


def occurring_classes(manifest: dict[str, Any]) -> list[str]:
    """Names of the classes that have records: a dataset may have been asked for some only."""
    counts = [shard["labels"] for shard in manifest["shards"]]
    return [name for name in manifest["classes"] if any(count.get(name) != 0 for count in counts)]


def unusual_settings(manifest: dict[str, Any]) -> list[str]:
    """What was asked for besides equal shares of all classes, any latent and images as they were made: in words."""
    sample = Sample.model_validate(manifest["config"]["sample"])
    said = []
    if sample.labels != "balanced":
        weights = ", ".join(f"{name} {weight}" for name, weight in sample.labels.items())
        said.append(f"classes by weight ({weights})")
    if sample.truncation is not None:
        said.append(f"latents truncated at {sample.truncation}: more typical images, less variety")
    if sample.encoding == "jpeg":
        said.append(f"images kept as JPEG of quality {sample.jpeg_quality}, which loses some detail")
    return said


def about_records(manifest: dict[str, Any]) -> dict[str, list[str]]:
    """What card and report say of the records: `classes` that occur, and `asked`, the unusual settings."""
    return {"classes": occurring_classes(manifest), "asked": unusual_settings(manifest)}
