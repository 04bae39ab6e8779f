"""Name the hardware that numbers were computed on: results are equal bit for bit on one kind of hardware only."""

from pathlib import Path

import torch


def device_name(use_gpu: bool) -> str:
    """Return the name of the device, for example "cuda NVIDIA H200" or "cpu AMD EPYC 9R14 AVX512"."""
    if use_gpu:
        return f"cuda {torch.cuda.get_device_name()}" if torch.cuda.is_available() else "cuda"
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"cpu {names[0] if names else 'unknown'} {torch.backends.cpu.get_cpu_capability()}"
