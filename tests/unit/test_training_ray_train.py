"""How much memory training thinks there is, which decides where the images are held. The rest runs on Ray: integration."""

import os
from pathlib import Path

import pytest
import torch

from pipeline.training import ray_train

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    ("limit", "seen"),
    [("1000000\n", 1_000_000), ("max\n", MACHINE), ("9223372036854771712\n", MACHINE), (None, MACHINE)],
)
def test_a_container_sees_its_own_limit_and_not_the_machines_memory(
    limit: str | None, seen: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "memory.max"
    if limit is not None:
        file.write_text(limit)
    monkeypatch.setattr(ray_train, "MEMORY_LIMITS", (str(file),))
    assert ray_train._memory(torch.device("cpu")) == seen
