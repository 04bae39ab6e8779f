"""What a process that computes on the CPU keeps of its memory, in a process of its own."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource
import torch
from pipeline.cpu import keep_freed_memory

if {keeping}:
    keep_freed_memory()

def work():
    for _ in range(20):
        torch.ones(2**24)  # 64 MiB

work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_fetched(keeping: bool) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(keeping=keeping)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="page faults are counted as Linux does")
def test_freed_memory_is_used_again_and_not_fetched_anew() -> None:
    assert pages_fetched(keeping=True) < 100
