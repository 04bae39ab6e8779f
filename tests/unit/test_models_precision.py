"""What `precision: auto` means."""

from pathlib import Path

import pytest

from pipeline.models import precision
from pipeline.models.precision import resolve_precision


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("wanted", ["fp32", "bf16"])
def test_an_explicit_precision_is_kept_on_any_hardware(wanted: str, device: str) -> None:
    assert resolve_precision(wanted, device) == wanted


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("avx2 avx512_bf16 fma", "bf16"), ("amx_bf16 amx_tile", "bf16"), ("avx2 avx512f fma", "fp32")],
)
def test_auto_is_bf16_only_where_the_cpu_multiplies_it(
    flags: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags}\n")
    monkeypatch.setattr(precision, "Path", lambda _: tmp_path / "cpuinfo")
    assert resolve_precision("auto", "cpu") == expected


def test_auto_is_fp32_on_a_cpu_that_does_not_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "Path", lambda _: tmp_path / "no such file")
    assert resolve_precision("auto", "cpu") == "fp32"
