"""Errors against the spread of figures over sets that are really drawn anew."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.evaluation.distances import frechet_distance
from pipeline.evaluation.neighbours import neighbour_metrics
from pipeline.evaluation.resampling import Part, standard_errors


def draw(seed: int) -> tuple[Part, Part]:
    random = torch.Generator().manual_seed(seed)
    return (torch.randn(600, 4, generator=random),), (0.3 + 1.2 * torch.randn(600, 4, generator=random),)


def mean(fakes: Part, reals: Part) -> dict[str, float]:
    return {"figure": float(fakes[0].mean() - reals[0].mean())}


def distance(fakes: Part, reals: Part) -> dict[str, float]:
    return {"figure": frechet_distance(fakes[0].double().numpy(), reals[0].double().numpy())}


def neighbours(name: str) -> Callable[[Part, Part], dict[str, float]]:
    def measure(fakes: Part, reals: Part) -> dict[str, float]:
        return {"figure": neighbour_metrics(fakes[0], reals[0])[name]}

    return measure


@pytest.mark.parametrize(
    "measure", [mean, distance, neighbours("precision"), neighbours("coverage"), neighbours("density")]
)
def test_an_error_is_the_spread_of_independent_measurements(measure: Callable[[Part, Part], dict[str, float]]) -> None:
    spread = np.std([measure(*draw(seed))["figure"] for seed in range(100)], ddof=1)
    errors = [standard_errors(measure, *draw(seed))["figure_error"] for seed in range(5)]
    assert np.mean(errors) == pytest.approx(spread, rel=0.35)


def test_rows_of_a_set_stay_together() -> None:
    numbers = torch.arange(100)

    def measure(numbered: Part) -> dict[str, float]:
        first, second = numbered
        assert torch.equal(first * 2, second)
        assert len(first.unique()) == 50
        return {"figure": float(first.float().mean())}

    assert standard_errors(measure, (numbers, numbers * 2))["figure_error"] > 0


def test_it_comes_out_the_same_again() -> None:
    assert standard_errors(mean, *draw(0)) == standard_errors(mean, *draw(0))


def test_what_does_not_vary_has_no_error() -> None:
    def constant(_: Part) -> dict[str, Tensor | float]:
        return {"figure": 2.5}

    assert standard_errors(constant, (torch.arange(10),)) == {"figure_error": 0}
