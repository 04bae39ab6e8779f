"""Describe a dataset for machines in Croissant 1.1 (http://mlcommons.org/croissant/1.1)."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.report.card import has_parquet
from pipeline.report.records import occurring_classes
from pipeline.sampling.manifest import Manifest
from pipeline.sampling.shards.formats import extra_columns
from pipeline.store.files import write_json

TYPES = {"float32": "sc:Float", "int64": "sc:Integer"}
# The context of the specification, whole, since readers warn of keys that are missing; only `prov` is added to it.
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
MEDIA_TYPES = {".parquet": "application/x-parquet", ".tar": "application/x-tar"}
SPDX = "https://spdx.org/licenses/"


def write_croissant(path: Path, manifest: Manifest, version: str, published: str) -> None:
    """Write the description; `published` is a date, year-month-day."""
    write_json(path, croissant(manifest, version, published))


def croissant(manifest: Manifest, version: str, published: str) -> dict[str, object]:
    """Return the description.

    It has a file object a shard, with its digest. Where there is Parquet, it has a file set and the record set
    `default`. Where there are labels, the record set `classes` is an enumeration that gives each label its name.
    """
    files = [file for shard in manifest.shards for file in shard.files]
    distribution: list[dict[str, object]] = [
        {
            "@type": "cr:FileObject",
            "@id": Path(file.file).name,
            "name": Path(file.file).name,
            "contentUrl": file.file,
            "contentSize": f"{file.bytes} B",
            "encodingFormat": MEDIA_TYPES[Path(file.file).suffix],
            "sha256": file.sha256,
        }
        for file in files
    ]
    classes = occurring_classes(manifest)
    labelled = f" in {len(classes)} classes ({', '.join(classes)})" if classes else ", no labels"
    record_sets: list[dict[str, object]] = []
    if has_parquet(manifest):
        distribution.append(
            {
                "@type": "cr:FileSet",
                "@id": "parquet-files",
                "name": "parquet-files",
                "encodingFormat": MEDIA_TYPES[".parquet"],
                "includes": "data/train-*.parquet",
            }
        )
        fields = [
            _field("image", "sc:ImageObject", transform={"jsonPath": "bytes"}),
            *([_field("label", "sc:Integer") | {"references": {"field": {"@id": "classes/label"}}}] if classes else []),
            _field("index", "sc:Integer"),
            *(_field(name, TYPES[dtype]) for name, dtype in extra_columns(manifest.filters).items()),
        ]
        record_sets.append({"@type": "cr:RecordSet", "@id": "default", "name": "default", "field": fields})
    if classes:
        record_sets.append(_class_names(manifest.classes))
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": f"{manifest.name}-synthetic",
        "description": (
            f"{manifest.count:,} synthetic images{labelled}, made by a generative adversarial network trained on {manifest.source.name}."
        ),
        "citeAs": _citation(manifest, version, published),
        "license": SPDX + manifest.source.licence,
        "url": f"urn:sha256:{manifest.dataset_id}",
        "version": version,
        "creator": {"@type": "sc:Organization", "name": f"imagemint {manifest.software['imagemint']}"},
        "datePublished": published,
        "prov:wasDerivedFrom": {
            "@id": f"urn:sha256:{manifest.source.digest}",
            "sc:name": manifest.source.name,
        },
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "@id": f"urn:sha256:{manifest.fingerprint}",
            "prov:used": {"@id": f"urn:sha256:{manifest.model.digest}"},
        },
        "distribution": distribution,
        "recordSet": record_sets,
    }


def _field(name: str, data_type: str, transform: dict[str, str] | None = None) -> dict[str, object]:
    source: dict[str, object] = {"fileSet": {"@id": "parquet-files"}, "extract": {"column": name}}
    if transform is not None:
        source["transform"] = transform
    return {"@type": "cr:Field", "@id": f"default/{name}", "name": name, "dataType": data_type, "source": source}


def _class_names(names: Sequence[str]) -> dict[str, object]:
    types = {"label": "sc:Integer", "name": "sc:Text"}
    return {
        "@type": "cr:RecordSet",
        "@id": "classes",
        "name": "classes",
        "description": "The name of each label.",
        "dataType": "sc:Enumeration",
        "key": {"@id": "classes/label"},
        "field": [
            {"@type": "cr:Field", "@id": f"classes/{name}", "name": name, "dataType": data_type}
            for name, data_type in types.items()
        ],
        "data": [{"classes/label": label, "classes/name": name} for label, name in enumerate(names)],
    }


def _citation(manifest: Manifest, version: str, published: str) -> str:
    """Return a BibTeX entry; the author is the program, since no person is known."""
    entries = {
        "title": f"{manifest.name}-synthetic",
        "author": f"{{imagemint {manifest.software['imagemint']}}}",
        "year": published[:4],
        "version": version,
        "note": f"Synthetic image dataset, urn:sha256:{manifest.dataset_id}",
    }
    lines = "".join(f",\n  {key} = {{{value}}}" for key, value in entries.items())
    return f"@misc{{{manifest.name}-synthetic-{version}{lines}\n}}"
