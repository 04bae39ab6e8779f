"""Write the tables of every key into docs/reference/keys.md from the config's JSON schema; `make key-docs` does it.

They stand between the comments `<!-- keys -->` and `<!-- end -->`.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from pipeline.config import Config
from pipeline.config.defaults import Found, editor_schema, fill_in
from tests.project import ROOT

PAGE = ROOT / "docs" / "reference" / "keys.md"
_TABLES = re.compile(r"(<!-- keys -->\n).*?(<!-- end -->)", re.DOTALL)
_BOUNDS = {
    "minimum": "from {:,}",
    "exclusiveMinimum": "above {:,}",
    "maximum": "to {:,}",
    "exclusiveMaximum": "and below {:,}",
}
_NAMES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true` or `false`"}
_MAP = "<metric>"  # stands for a key that the user names
_MISSING = object()
Schema = dict[str, Any]
# Of keys that have no description in the config.
MEANINGS = {
    "name": "The preset's name; its file is conf/NAME.yaml.",
    "data.seed": "Seed of the cuts into splits.",
    "embed.features": "Length of the feature vector in which distances are measured.",
    "embed.batch_size": "Images of one step.",
    "embed.learning_rate": "Largest learning rate.",
    "embed.seed": "Seed of the embedder's training.",
    "model.latent.size": "Numbers that the generator turns into one image.",
    "model.latent.prior": "Distribution of these numbers.",
    "train.learning_rate": "Largest learning rate, of the generator.",
    "train.schedule": "How the learning rate falls; constant stays at `learning_rate`.",
    "train.checkpoint_every_images": "Images from one checkpoint, with its measurements, to the next.",
    "train.seed": "Seed of weights, latents, augmentations and the order of images.",
    "evaluate.seed": "Seed of the images that are measured.",
    "evaluate.features.kind": "Which feature space: Inception's, or that of an ONNX module.",
    "sample.count": "Records of the dataset.",
    "sample.shard_size": "Records of one shard.",
    "sample.formats": "Formats of the shards, one or both.",
    "sample.jpeg_quality": "Quality of `encoding: jpeg`.",
    "sample.seed": "Seed of the records.",
    "sample.filters.kind": "Which filter.",
    "audit.prices.currency": "Currency of the prices.",
    "audit.prices.core_hour": "Price of one CPU core for an hour.",
    "audit.prices.gpu_hour": "Price of one GPU for an hour.",
    "gates.<metric>.min": "Smallest value that is accepted.",
    "gates.<metric>.max": "Largest value that is accepted.",
    "gates.<metric>.min_of_real": "Smallest ratio to the same metric of real images.",
    "gates.<metric>.max_of_real": "Largest ratio to the same metric of real images.",
    "cluster.train_workers": "Processes that share each batch. auto: one a GPU, or without GPUs one a node.",
    "cluster.sample_workers": "Processes that generate shards. auto: one a GPU, or without GPUs one a CPU.",
}


def tables() -> str:
    """Return the Markdown of all keys, a table for each section."""
    schema = editor_schema(Config.model_json_schema())
    parts = [_table("Of the whole preset", "", _plain(schema, schema["properties"]))]
    for name, value in schema["properties"].items():
        parts += [_table(title, f"{path}.", keys) for title, path, keys in _sections(schema, name, value)]
    return "\n".join(parts)


def undescribed() -> set[str]:
    """Return the keys that the config does not describe."""
    schema = editor_schema(Config.model_json_schema())
    sections = [("", _plain(schema, schema["properties"]))]
    for name, value in schema["properties"].items():
        sections += [(f"{path}.", keys) for _, path, keys in _sections(schema, name, value)]
    return {f"{above}{key}" for above, keys in sections for key, value in keys.items() if "description" not in value}


def with_tables(text: str) -> str:
    """Return a page with its tables as the config has them."""
    return _TABLES.sub(lambda found: f"{found[1]}\n{tables()}\n{found[2]}", text)


def _plain(schema: Schema, properties: Schema) -> Schema:
    return {name: value for name, value in properties.items() if not list(_sections(schema, name, value))}


def _sections(schema: Schema, path: str, value: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Yield title, path and plain keys of each section that a value may be, then those of the sections inside it."""
    for choice in (value, *value.get("anyOf", ()), *value.get("oneOf", ())):
        if "$ref" in choice:
            keys = schema["$defs"][choice["$ref"].rpartition("/")[2]]["properties"]
            kind = keys.get("kind", {}).get("const")
            yield f"`{path}` of kind `{kind}`" if kind else f"`{path}`", path, _plain(schema, keys)
            for name, inner in keys.items():
                yield from _sections(schema, f"{path}.{name}", inner)
        elif isinstance(choice.get("additionalProperties"), dict):
            yield from _sections(schema, f"{path}.{_MAP}", choice["additionalProperties"])
    if "items" in value:
        yield from _sections(schema, path, value["items"])


def _table(title: str, above: str, keys: Schema) -> str:
    rows = [
        f"| `{above}{name}` | {_allowed(value)} | {_default(above + name, value)} | {_meaning(above + name, value)} |\n"
        for name, value in keys.items()
    ]
    header = "| key | allowed | default | meaning |\n| --- | --- | --- | --- |\n"
    return f"## {title}\n\n{header}{''.join(rows)}"


def _meaning(path: str, value: Schema) -> str:
    return _cell(value.get("description", "") or MEANINGS.get(path, ""))


def _allowed(value: Schema) -> str:
    choices = value.get("anyOf") or value.get("oneOf")
    if choices:
        return "; or ".join(_allowed(choice) for choice in choices)
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{each}`" for each in value["enum"])
    if value.get("type") == "null":
        return "`null`"
    if value.get("type") == "array":
        return _array(value)
    if value.get("type") == "object":
        return f"a map from names to: {_allowed(value['additionalProperties'])}"
    bounds = [form.format(value[key]) for key, form in _BOUNDS.items() if key in value]
    pattern = [f"like `{_cell(value['pattern'])}`"] if "pattern" in value else []
    return " ".join([_NAMES[value["type"]], *pattern, *bounds])


def _array(value: Schema) -> str:
    if "prefixItems" in value:
        return f"{len(value['prefixItems'])} values, each: {_allowed(value['prefixItems'][0])}"
    return f"a list, each: {_allowed(value['items'])}"


def _default(path: str, value: Schema) -> str:
    filled = [_value_at(path, each) for each in _filled_in()]
    if any(each != filled[0] for each in filled):
        return "from the images"
    default = value.get("default", _MISSING) if filled[0] is _MISSING else filled[0]
    if default is _MISSING:
        return "must be given"
    return f"`{_cell(default if isinstance(default, str) else json.dumps(default, ensure_ascii=False))}`"


@cache
def _filled_in() -> tuple[Schema, ...]:
    """Return what three unlike datasets get for what a preset leaves out."""
    datasets = [(8, Found(100, 1, 1)), (32, Found(1_000, 10, 3)), (128, Found(10**7, 100, 3))]
    filled = [fill_in({"data": {"size": size}}, found) for size, found in datasets]
    return tuple({name: section for name, section in preset.items() if name != "data"} for preset in filled)


def _value_at(path: str, preset: Any) -> Any:
    for name in path.split("."):
        preset = preset.get(name, _MISSING) if isinstance(preset, dict) else _MISSING
    return preset


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write all tables into the page."""
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
