"""Resolve what `precision: auto` means on the hardware at hand."""

from pathlib import Path

import torch


def resolve_precision(wanted: str, device: str) -> str:
    """Return "fp32" or "bf16" for `wanted` (auto, fp32, bf16) on `device` (cpu, cuda).

    Autocast to bf16 halves the time of a step where the hardware multiplies bf16 natively. On other hardware it is
    emulated and slower than fp32.
    """
    if wanted != "auto":
        return wanted
    native = torch.cuda.is_bf16_supported(including_emulation=False) if device == "cuda" else _cpu_multiplies_bf16()
    return "bf16" if native else "fp32"


def _cpu_multiplies_bf16() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags
