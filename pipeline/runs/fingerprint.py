"""Identify runs and datasets, so that equal work is never done twice and unequal work never mixed."""

import hashlib
import json
from typing import Any

# What is no part of any fingerprint, and why. Everything else in a stage's config sections is.
LEFT_OUT = {
    "root": "where the work is kept does not change it",
    "cluster.sample_workers": "records are addressed by index: any number of workers makes the same bytes",
    "cluster.train_workers": "a run may go on with more or fewer; only the last bits of sums depend on it",
    "data.source.path": "the digest of the data goes in instead",
    "sample.count": "a larger count only adds shards",
}


def canonical_digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of `value` (sorted keys, no spaces), hexadecimal."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def six_digits(value: float) -> float:
    """Return a fitted number rounded to the six digits that go into an identity: a fit's last bits may differ."""
    return float(f"{value:.6g}")


def run_identity(stage: str, parameters: dict[str, object]) -> str:
    """Return the identity of a stage's run with `parameters`, which must hold all that its result depends on."""
    return canonical_digest({"stage": stage, **parameters})
