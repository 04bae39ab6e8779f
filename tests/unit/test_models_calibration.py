"""A line for each group, applied."""

import torch

from pipeline.models.calibration import Calibration

LOGITS = torch.tensor([1.0, -2.0, 3.0])


def test_each_group_has_its_line() -> None:
    calibration = Calibration([2.0, -1.0], [0.5, 0.0])
    assert calibration.log_ratios(LOGITS, torch.tensor([0, 1, 0])).tolist() == [2.5, 2.0, 6.5]


def test_none_leaves_logits_as_they_are() -> None:
    assert torch.equal(Calibration.none(1).log_ratios(LOGITS, torch.tensor([0, 0, 0])), LOGITS)
    assert torch.equal(Calibration.none(3).log_ratios(LOGITS, torch.tensor([0, 2, 1])), LOGITS)
