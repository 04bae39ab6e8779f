"""A small finished dataset for the tests of what describes one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.images.png import encode_png
from pipeline.sampling.manifest import Manifest
from pipeline.sampling.records import Records
from pipeline.sampling.shards.formats import FORMATS
from pipeline.store.files import file_sha256, write_atomically
from tests.unit.tiny import SAMPLE

CLASSES = ["T-shirt/top", "no", "1e3"]  # YAML would read the last two as something else
ROWS = 6
METRICS = {
    "fd_domain_error": 0.4, "fd_domain_error_real": 0.2, "fd_domain_extrapolated": 9.87, "fd_domain_extrapolated_real": 0.1,
    "precision": 0.83, "precision_real": 0.92, "recall": 0.79, "recall_real": 0.93, "near_train_share": 0.0123, "nearest_train_ratio": 0.98,
    "authenticity": 0.61, "authenticity_real": 0.64, "membership_auc": 0.512, "membership_logit_auc": 0.567,
    "fd_domain": 12.34, "fd_domain_real": 1.26, "tstr_accuracy": 0.876, "trtr_accuracy": 0.912, "augmented_accuracy": 0.923,
    "tstr_by_class": {"T-shirt/top": 0.81, "1e3": 0.94}, "trtr_by_class": {"T-shirt/top": 0.86, "1e3": 0.97},
    "label_accuracy": 0.987, "label_accuracy_real": 0.991, "coverage": 0.71, "coverage_real": 0.95, "diversity_min": 0.65, "unique_share": 0.99951, "train_copies": 0, "held_out_copies": 0,
}  # fmt: skip

UNLABELLED_METRICS = {
    "fd_domain_error": 0.4, "fd_domain_error_real": 0.2, "fd_domain_extrapolated": 9.87, "fd_domain_extrapolated_real": 0.1,
    "precision": 0.83, "precision_real": 0.92, "recall": 0.79, "recall_real": 0.93, "near_train_share": 0.0123, "nearest_train_ratio": 0.98,
    "authenticity": 0.61, "authenticity_real": 0.64, "membership_auc": 0.512, "membership_logit_auc": 0.567,
    "fd_domain": 12.34, "fd_domain_real": 1.26, "class_share_min": 0.83, "class_share_min_real": 0.97,
    "class_share": {"T-shirt/top": 1.17, "no": 1.0, "1e3": 0.83},
    "coverage": 0.71, "coverage_real": 0.95, "diversity_min": 0.65, "diversity": {"T-shirt/top": 0.65, "no": 0.9, "1e3": 0.8},
    "unique_share": 0.99951, "duplicates": 1, "train_copies": 0, "held_out_copies": 0,
}  # fmt: skip


ONE_CLASS_METRICS = {
    **{name: value for name, value in UNLABELLED_METRICS.items() if not name.startswith(("class_share", "diversity"))},
    "diversity_all": 0.87,
}

FEW = {"images": 2000, "real_images": 24, "floor_images": 1168, "validation_images": 4}
WARNINGS = [
    "measured on 24 real holdout images: too few for a reliable result; at least 100 are needed",
    "measured on 4 validation images: too few for a reliable result; at least 100 are needed",
]


def pixels() -> np.ndarray:
    """`uint8 [12, 8, 8, 1]`: all images of the dataset, by index."""
    return np.random.default_rng(0).integers(0, 256, (2 * ROWS, 8, 8, 1), np.uint8)


def make_dataset(folder: Path, *kinds: str, classes: Sequence[str] = CLASSES) -> Manifest:
    """Writes two shards in each format, with labels where there are classes; returns their manifest."""
    images = pixels()
    shards = []
    for number in range(2):
        indices = np.arange(number * ROWS, (number + 1) * ROWS)
        labels = indices % 3 if classes else None
        records = Records(images[indices], labels, indices, (indices / 4).astype(np.float32))
        files = []
        for kind in kinds:
            ending, render = FORMATS[kind]
            path = folder / "data" / f"train-{number:06d}{ending}"
            write_atomically(path, render(records, [encode_png(image) for image in records.images], classes, ".png"))
            files.append({"file": f"data/{path.name}", "bytes": path.stat().st_size, "sha256": file_sha256(path)})
        shards.append(
            {
                "shard": number,
                "first_index": number * ROWS,
                "rows": ROWS,
                "candidates": ROWS,
                "refused": {},
                **files[0],
                "also": files[1:],
                "labels": dict.fromkeys(classes, ROWS // 3),
                "fingerprint": "f" * 64,
            }
        )
    manifest = {
        "format_version": 1,
        "dataset_id": "d" * 64,
        "fingerprint": "f" * 64,
        "count": 2 * ROWS,
        "name": "small",
        "classes": list(classes),
        "image": {"height": 8, "width": 8, "channels": 1, "encoding": "png"},
        "model": {"digest": "a" * 64, "uri": "models/small"},
        "source": {"digest": "b" * 64, "name": "Möbel & Co: a source", "licence": "CC-BY-4.0"},
        "config": {"sample": SAMPLE},
        "precision": "fp32",
        "software": {"imagemint": "9.9", "device": "a CPU"},
        "filters": [],
        "shards": shards,
    }
    return Manifest.model_validate(manifest)
