"""Nothing is asked for: values change nothing, and leave no trace."""

import pytest
import torch

from pipeline.base.errors import UserError
from pipeline.models.conditions import CONDITIONS

CONDITION = CONDITIONS["none"](0)
VALUES = torch.tensor([0, 7])


def test_values_change_neither_the_code_nor_the_logit() -> None:
    latents, features = torch.randn(2, 5), torch.randn(2, 6)
    head = CONDITION.head(6)
    assert list(CONDITION.code(5).parameters()) == []
    assert torch.equal(CONDITION.code(5)(latents, VALUES), latents)
    assert torch.equal(head(features, VALUES), head(features, torch.zeros_like(VALUES)))


def test_a_pair_is_conditioned_on_no_class_however_many_the_data_has() -> None:
    assert [CONDITION.conditioned_on(classes) for classes in (1, 10)] == [0, 0]


def test_all_are_one_group_and_no_label_is_stored() -> None:
    assert CONDITION.groups == 1
    assert CONDITION.group(VALUES).tolist() == [0, 0]
    assert CONDITION.labels(VALUES) is None
    assert CONDITION.label_names(["cat", "dog"]) == []


def test_records_have_one_value_and_no_class_can_be_asked_for() -> None:
    assert CONDITION.cycle(None, ()).tolist() == [0]
    with pytest.raises(UserError, match=r"sample\.labels\.cat: the model has no such class; its classes: none\."):
        CONDITION.cycle({"dog": 1, "cat": 2}, ())
