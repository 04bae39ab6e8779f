"""What filters are fitted by."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.config.schema import Sample
from pipeline.models.weights import TrainedPair
from pipeline.sampling.filters.fitting import fit_filters
from pipeline.sampling.filters.kinds.density_ratio import DensityRatioFilter
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.settings import GenerationSettings
from tests.unit.tiny import CLASSES, SAMPLE, SETTINGS, SPEC

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_fit_says_the_same_every_time_and_other_classes_are_left_out(tiny_pair: TrainedPair, tmp_path: Path) -> None:
    wanted = DensityRatioFilter(kind="density_ratio", acceptance=0.5)

    def fit(settings: GenerationSettings) -> dict[str, Any]:
        (fitted,) = fit_filters([wanted], RecordGenerator(tiny_pair, settings), tmp_path, tmp_path)
        return fitted.manifest_header

    both = [fit(SETTINGS) for _ in range(2)]
    assert both[0] == both[1]
    one_class = GenerationSettings.of(Sample(**SAMPLE | {"labels": {"dog": 1}}), SPEC.condition, CLASSES, "fp32")
    bounds = fit(one_class)["log_bounds"]
    assert bounds[0] == 0.0
    assert bounds[1] == pytest.approx(both[0]["log_bounds"][1], abs=0.3)
