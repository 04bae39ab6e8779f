"""Write the dataset card: `README.md` with the front matter that Hugging Face reads."""

from bisect import bisect_right
from pathlib import Path

import yaml

from pipeline.base.metric import MetricValues
from pipeline.evaluation.few import measured_on, warnings_of_few
from pipeline.images.encodings import encoding_named
from pipeline.report.records import record_facts
from pipeline.report.templates import render
from pipeline.sampling.manifest import Manifest
from pipeline.sampling.shards.formats import extra_columns
from pipeline.store.files import write_atomically

SIZE_BOUNDS = [10**power for power in range(3, 13)]
SIZE_NAMES = ["n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M",
              "100M<n<1B", "1B<n<10B", "10B<n<100B", "100B<n<1T", "n>1T"]  # fmt: skip


def write_card(path: Path, manifest: Manifest, metrics: MetricValues) -> None:
    """Write the card of the dataset that `manifest` describes, with its measured quality."""
    matter = yaml.safe_dump(front_matter(manifest), sort_keys=False, allow_unicode=True)
    body = render(
        "card.md.j2",
        manifest=manifest,
        metrics=metrics,
        measured_on=measured_on(metrics),
        warnings=warnings_of_few(metrics),
        parquet=has_parquet(manifest),
        read_tars=tar_reader(manifest, "PATH/TO/THIS/FOLDER"),
        **record_facts(manifest),
    )
    write_atomically(path, f"---\n{matter}---\n{body}".encode())


def front_matter(manifest: Manifest) -> dict[str, object]:
    """Return licence, size, and which files the loader takes; with Parquet also every column and its type."""
    files = "data/train-*.parquet" if has_parquet(manifest) else "data/train-*.tar"
    matter: dict[str, object] = {
        "license": manifest.source.licence.lower(),
        "pretty_name": f"{manifest.name} (synthetic)",
        "tags": ["synthetic", "image", "gan"],
        "size_categories": [size_category(manifest.count)],
    }
    if has_parquet(manifest):
        # Every column must be listed: the loader ends with a CastError on one left out. For tars, declared
        # features would make it return nothing but None.
        names = {str(number): name for number, name in enumerate(manifest.classes)}
        label = [{"name": "label", "dtype": {"class_label": {"names": names}}}] if names else []
        matter["dataset_info"] = {
            "features": [
                {"name": "image", "dtype": "image"},
                *label,
                {"name": "index", "dtype": "int64"},
                *({"name": name, "dtype": dtype} for name, dtype in extra_columns(manifest.filters).items()),
            ],
            "splits": [
                {
                    "name": "train",
                    "num_bytes": sum(shard.bytes for shard in manifest.shards),
                    "num_examples": manifest.count,
                }
            ],
        }
    matter["configs"] = [{"config_name": "default", "data_files": [{"split": "train", "path": files}]}]
    return matter


def size_category(count: int) -> str:
    """Return Hugging Face's name for a number of records."""
    return SIZE_NAMES[bisect_right(SIZE_BOUNDS, count)]


def has_parquet(manifest: Manifest) -> bool:
    """Return whether the dataset has Parquet shards (else only tars)."""
    return manifest.shards[0].file.endswith(".parquet")


def tar_reader(manifest: Manifest, place: str) -> str:
    """Return the Python expression by which `webdataset`, imported as `wds`, reads all tars of the dataset in `place`.

    It decodes images to Pillow's, of the mode they were made in: webdataset's `pil` would turn grey ones to colour.
    """
    first, last = (f"{shard.shard:06d}" for shard in (manifest.shards[0], manifest.shards[-1]))
    numbers = first if first == last else f"{{{first}..{last}}}"
    decoder = "pill" if manifest.image.channels == 1 else "pil"
    suffix = encoding_named(manifest.image.encoding).suffix[1:]
    members = f'"{suffix}", "cls"' if manifest.classes else f'"{suffix}"'
    tars = f'wds.WebDataset("{place}/data/train-{numbers}.tar", shardshuffle=False)'
    return f'{tars}.decode("{decoder}").to_tuple({members})'
