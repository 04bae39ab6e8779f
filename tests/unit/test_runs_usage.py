"""The time that went into a run adds up over the processes that worked on it."""

from pathlib import Path

import pytest

from pipeline.runs.usage import TIME, ResourceUsage, UsageMeter, usage_of
from pipeline.store.local import LocalFolder


def test_laps_of_several_processes_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 110.0, 130.0, 1000.0, 1001.5])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    run = LocalFolder(tmp_path)
    assert usage_of(run) == ResourceUsage()
    first = UsageMeter(run, cores=2, gpus=0)
    first.lap(500)
    first.lap(1500)
    second = UsageMeter(run, cores=4, gpus=1, images=1500)
    second.lap(1600)
    assert usage_of(run) == ResourceUsage(images=1600, seconds=31.5, core_seconds=66, gpu_seconds=1.5)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"images": "many"}'])
def test_rubbish_is_no_time(tmp_path: Path, content: str) -> None:
    (tmp_path / TIME).write_text(content)
    assert usage_of(LocalFolder(tmp_path)) == ResourceUsage()
