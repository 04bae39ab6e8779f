"""A line for each label, applied."""

import torch

from pipeline.models.calibration import Calibration

LOGITS = torch.tensor([1.0, -2.0, 3.0])


def test_each_label_has_its_line() -> None:
    calibration = Calibration([2.0, -1.0], [0.5, 0.0])
    assert calibration.log_ratios(LOGITS, torch.tensor([0, 1, 0])).tolist() == [2.5, 2.0, 6.5]


def test_an_unconditional_pair_has_one_line_whatever_labels_it_is_given() -> None:
    assert Calibration([2.0], [1.0]).log_ratios(LOGITS, torch.tensor([0, 7, 3])).tolist() == [3.0, -3.0, 7.0]


def test_none_leaves_logits_as_they_are() -> None:
    for classes in (0, 3):
        assert torch.equal(Calibration.none(classes).log_ratios(LOGITS, torch.tensor([0, 2, 1])), LOGITS)
