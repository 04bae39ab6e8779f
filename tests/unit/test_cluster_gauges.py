"""Test the descriptions that Prometheus gets of each number."""

from pipeline.cluster.gauges import GAUGES


def test_descriptions_of_metrics_are_what_ray_takes() -> None:
    """Ray raises an error at the first character that is not ASCII, in the middle of a run."""
    assert "Frechet distance" in GAUGES["fd_domain"]
    assert [name for name, text in GAUGES.items() if not text.isascii()] == []
