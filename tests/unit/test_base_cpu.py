"""What a process that computes on the CPU keeps of its memory, in a process of its own; and how much there is, and how many CPUs."""

import gc
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.base import cpu

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

PROGRAM = """
import resource
import torch
from pipeline.base.cpu import keep_freed_memory

keep_freed_memory()

def work():
    for _ in range(20):
        torch.ones(2**24)  # 64 MiB

work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep what is freed")
def test_freed_memory_is_used_again_and_not_fetched_anew() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100


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
    monkeypatch.setattr(cpu, "MEMORY_LIMITS", (str(file),))
    assert cpu.machine_memory() == seen


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("100000 100000", 1), ("10000 100000", 1), ("max 100000", None), ("900000000 100000", None), (None, None)],
)
def test_a_container_has_the_cpus_of_its_quota(
    quota: str | None, expected: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpu.max"
    if quota is not None:
        file.write_text(f"{quota}\n")
    monkeypatch.setattr(cpu, "_QUOTA", file)
    of_machine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert cpu.usable_cpus() == (expected or of_machine)


def test_python_looks_for_cycles_again_afterwards_whatever_happened() -> None:
    @cpu.without_search_for_cycles()
    def fail() -> None:
        assert not gc.isenabled()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert gc.isenabled()
