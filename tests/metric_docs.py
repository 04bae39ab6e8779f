"""What docs/reference/metrics.md says of every metric, made of their declarations; `make metric-docs` writes it there.

It stands between comments `<!-- metrics: NAME -->` and `<!-- end -->`.
"""

import re
from collections.abc import Iterable
from textwrap import fill

from pipeline.base.metric import Metric, Need
from pipeline.config.metrics import METRICS
from tests.project import ROOT

WIDTH = 160  # of lines of the page
PAGE = ROOT / "docs" / "reference" / "metrics.md"
_PART = re.compile(r"(<!-- metrics: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_SPACES = {Need.INCEPTION, Need.ONNX}


def parts() -> dict[str, str]:
    """Return the Markdown of each part by its name."""
    metrics = METRICS.values()
    gates = [metric for metric in metrics if metric.gate]
    return {
        "of images": _table(each for each in metrics if not {Need.RECORDS, *_SPACES} & {*each.needs}),
        "of records": _table(each for each in metrics if Need.RECORDS in each.needs),
        "of other feature spaces": _table(each for each in metrics if _SPACES & {*each.needs}),
        "gates": (
            f"{_item('by `min` and `max` alone', (each for each in gates if each.ratio is None))};\n"
            f"{_item('by `min_of_real` and `max_of_real` as well', (each for each in gates if each.ratio is not None))}.\n"
        ),
    }


def with_parts(text: str) -> str:
    """Return a page with each part as the declarations have it.

    Raises:
        KeyError: the page has a part that there is none of.
    """
    made = parts()
    return _PART.sub(lambda found: f"{found[1]}\n{made[found[2]]}\n{found[3]}", text)


def _table(metrics: Iterable[Metric]) -> str:
    rows = [
        f"| {', '.join(f'`{name}`' for name in metric.names)} | {metric.definition} | {_better(metric)} | {metric.best} |\n"
        for metric in metrics
    ]
    return "".join(["| metric | meaning | better | at best |\n", "| --- | --- | --- | --- |\n", *rows])


def _better(metric: Metric) -> str:
    return metric.better if isinstance(metric.better, str) else f"near {metric.better:g}"


def _item(how: str, metrics: Iterable[Metric]) -> str:
    names = ", ".join(f"`{metric.name}`" for metric in metrics)
    return fill(f"- {how}: {names}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def main() -> None:
    """Write all parts into the page."""
    PAGE.write_text(with_parts(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
