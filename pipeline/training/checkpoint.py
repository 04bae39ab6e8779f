"""Save and load the state of a training run on disk.

A checkpoint is written whole, with a digest, and passed over when it is damaged.
"""

import hashlib
import io
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.store.files import write_atomically

KEEP = 2  # the newest and the one before it, should the newest be damaged

# As torch's modules and optimizers give it: tensors, numbers, texts, and containers of these.
StateDict = dict[str, Any]


class CheckpointWriter:
    """Write checkpoints in the background, one at a time and in order; leaving the context waits for the last one.

    `written` is called after each checkpoint, also in the background.
    """

    def __init__(self, folder: Path, written: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self.written = written
        self._thread = ThreadPoolExecutor(1, "checkpoints")
        self._writing: Future[None] | None = None

    def __enter__(self) -> "CheckpointWriter":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._finish()
        finally:
            self._thread.shutdown()

    def save(self, number: int, state: StateDict) -> None:
        """Start to write `state`, which nobody may change any more; an error of the previous checkpoint is raised here."""
        self._finish()
        self._writing = self._thread.submit(self._save, number, state)

    def _save(self, number: int, state: StateDict) -> None:
        save_checkpoint(self.folder, number, state)
        self.written()

    def _finish(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()


def save_checkpoint(folder: Path, number: int, state: StateDict) -> None:
    """Write `state` and delete all other checkpoints but the `KEEP - 1` before it.

    `state` consists of tensors, numbers, strings and containers of them. `number` grows from one checkpoint of a run to
    the next. Checkpoints with greater numbers are deleted: they are left over from a damaged past.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    body = buffer.getvalue()
    newest = folder / f"{number:06d}.pt"
    write_atomically(newest, hashlib.sha256(body).digest() + body)
    retained = [path for path in _newest_first(folder) if path <= newest][:KEEP]
    for other in set(_newest_first(folder)) - set(retained):
        other.unlink(missing_ok=True)  # a worker of a killed run may be going, and prune the same


def load_newest_checkpoint(folder: Path, warn: Callable[[str], None]) -> StateDict | None:
    """Return the newest checkpoint that is whole, or None; `warn` gets a message for each one that is passed over.

    Nothing in a checkpoint can execute code (`weights_only`).
    """
    damaged = False
    for path in _newest_first(folder):
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # pruned by a worker of a killed run
            continue
        digest, body = content[:32], content[32:]
        if hashlib.sha256(body).digest() == digest:
            state: StateDict = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
            return state
        damaged = True
        warn(f"checkpoint {path} is damaged: going back to the one before it")
    if damaged:
        warn("no undamaged checkpoint is left: starting from the beginning")
    return None


def copied_to_cpu(state: Any) -> Any:
    """Return `state` with every tensor in it copied to the CPU, so that further training does not change it."""
    if isinstance(state, Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: copied_to_cpu(value) for key, value in state.items()}
    if isinstance(state, list):
        return [copied_to_cpu(value) for value in state]
    return state


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.pt"), reverse=True)
