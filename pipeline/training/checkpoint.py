"""A training run's state on disk: written whole, digested, and passed over when damaged."""

import hashlib
import io
import logging
from pathlib import Path
from typing import Any

import torch

from pipeline.storage import write_atomically

log = logging.getLogger(__name__)

KEEP = 2  # the newest and the one before it, should the newest be damaged


def save_checkpoint(folder: Path, images_seen: int, state: dict[str, Any]) -> None:
    """Writes `state` (tensors, numbers, strings, containers of them) and drops all but the newest `KEEP`."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    body = buffer.getvalue()
    write_atomically(folder / f"{images_seen:012d}.pt", hashlib.sha256(body).digest() + body)
    for old in _newest_first(folder)[KEEP:]:
        old.unlink(missing_ok=True)  # a worker of a killed run may be going, and prune the same


def load_newest_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The newest checkpoint that is whole, or None. Nothing in it can execute code (`weights_only`)."""
    for path in _newest_first(folder):
        content = path.read_bytes()
        digest, body = content[:32], content[32:]
        if hashlib.sha256(body).digest() == digest:
            state: dict[str, Any] = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
            return state
        log.warning("checkpoint %s is damaged: going back to the one before it", path)
    return None


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.pt"), reverse=True)
