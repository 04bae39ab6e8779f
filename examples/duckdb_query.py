"""DuckDB asks questions of a dataset's Parquet shards in SQL.

    python examples/duckdb_query.py datasets/digits --class 7

For each class: how many records, and the mean of the discriminator's logit. Of one class: the records with the
greatest logit, which to the discriminator look most like real ones. Only the columns that a query names are read, so
the pictures stay on the disk.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import duckdb

SHOWN = 5


def read_manifest(folder: Path, ending: str) -> tuple[dict[str, Any], list[str]]:
    """The manifest and the shards of one format: those that it names, since other files may lie in the folder too."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        sys.exit(f"{folder}: no manifest.json that can be read, so this is not a finished dataset")
    files = [file["file"] for shard in manifest["shards"] for file in (shard, *shard["also"])]
    shards = [str(folder.resolve() / file) for file in files if file.endswith(ending)]
    if not shards:
        sys.exit(f"{folder}: this dataset has no {ending} shards")
    return manifest, shards


def main() -> None:
    """Asks both questions and prints the answers."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset", type=Path, help="folder of a finished dataset")
    parser.add_argument("--class", dest="name", help="class whose best records are shown; otherwise the first")
    options = parser.parse_args()
    manifest, shards = read_manifest(options.dataset, ".parquet")
    classes = manifest["classes"]
    if not classes:
        sys.exit(f"{options.dataset}: the records of this dataset have no labels to ask by")
    name = options.name or classes[0]
    if name not in classes:
        sys.exit(f"{options.dataset}: no class {name!r}; there are: {', '.join(classes)}")

    connection = duckdb.connect()
    connection.read_parquet(shards).create_view("records")
    by_class = connection.execute(
        "SELECT label, count(*), avg(logit) FROM records GROUP BY label ORDER BY label"
    ).fetchall()
    print(f"{sum(count for _, count, _ in by_class)} records from {len(shards)} shards")
    for label, count, mean in by_class:
        print(f"{classes[label]}: {count} records, mean logit {mean:.3f}")

    # The index breaks ties, so that the answer is always the same.
    best = connection.execute(
        'SELECT "index", logit FROM records WHERE label = ? ORDER BY logit DESC, "index" LIMIT ?',
        [classes.index(name), SHOWN],
    ).fetchall()
    print(f"Greatest logits of {name}:", ", ".join(f"record {index} {logit:.3f}" for index, logit in best))


if __name__ == "__main__":
    main()
