"""Describe time and cost of what was made, in words."""

from pipeline.config.schema import Prices
from pipeline.runs.usage import ResourceUsage

HOUR = 3600
MILLION = 1_000_000


def work_lines(usage: dict[str, ResourceUsage], prices: Prices) -> dict[str, str]:
    """Return a line for each stage of `usage`, and one for a million images at the rate of the last.

    Stages of which time or images are unknown are left out.
    """
    known = {stage: each for stage, each in usage.items() if each.images > 0 and each.seconds > 0}
    lines = {stage: _line(each, prices) for stage, each in known.items()}
    last = list(usage)[-1]
    if last in known:
        each = known[last]
        many = MILLION / each.images
        scaled = ResourceUsage(MILLION, each.seconds * many, each.core_seconds * many, each.gpu_seconds * many)
        lines["a million images"] = _line(scaled, prices)
    return lines


def cost(usage: ResourceUsage, prices: Prices) -> float:
    """Return the cost, in the currency of `prices`."""
    return (usage.core_seconds * prices.core_hour + usage.gpu_seconds * prices.gpu_hour) / HOUR


def _line(usage: ResourceUsage, prices: Prices) -> str:
    hours = [f"{usage.core_seconds / HOUR:.2g} core-hours"]
    if usage.gpu_seconds:
        hours.append(f"{usage.gpu_seconds / HOUR:.2g} GPU-hours")
    return (
        f"{usage.images:,} images in {_clock(usage.seconds)}, {usage.images / usage.seconds:,.0f} images/s; "
        f"{', '.join(hours)}, {cost(usage, prices):.2g} {prices.currency}"
    )


def _clock(seconds: float) -> str:
    whole = round(seconds)
    parts = [(whole // HOUR, "h"), (whole % HOUR // 60, "min"), (whole % 60, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "less than a second"
