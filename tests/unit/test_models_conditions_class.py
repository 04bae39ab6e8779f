"""A class is asked for: what the networks make of it, and which record is of which class."""

import pytest
import torch

from pipeline.base.errors import UserError
from pipeline.models.conditions import CONDITIONS
from pipeline.models.conditions.class_ import CLASS_EMBEDDING_DEVIATION

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = ("cat", "dog", "owl")
CONDITION = CONDITIONS["class"](len(NAMES))


def test_the_class_is_quieter_than_the_noise_in_a_generators_input() -> None:
    code = CONDITIONS["class"](20).code(50)
    latents, labels = torch.randn(20, 50), torch.arange(20)
    inputs = code(latents, labels)
    assert inputs.shape == (20, code.size)
    assert torch.equal(inputs[:, :50], latents)
    assert inputs[:, 50:].std().item() == pytest.approx(CLASS_EMBEDDING_DEVIATION, rel=0.1)


def test_the_logit_is_linear_in_the_features_for_each_class_by_itself() -> None:
    head, features = CONDITION.head(6), torch.randn(2, 6)
    weight, bias = head.logit.weight[0], head.logit.bias
    for label in range(len(NAMES)):
        expected = features @ (weight + head.get_parameter("embedding.weight")[label]) + bias
        torch.testing.assert_close(head(features, torch.full((2,), label)), expected)


def test_one_class_alone_is_nothing_to_be_conditioned_on() -> None:
    assert [CONDITION.conditioned_on(classes) for classes in (1, 2, 10)] == [0, 2, 10]


def test_each_class_is_a_group_and_its_label_is_stored_with_all_names() -> None:
    values = torch.tensor([2, 0, 1])
    assert CONDITION.groups == 3
    assert CONDITION.group(values).tolist() == [2, 0, 1]
    assert CONDITION.labels(values) is values
    assert CONDITION.label_names(NAMES) == [*NAMES]


def test_records_go_round_the_classes_or_have_those_that_are_asked_for() -> None:
    assert CONDITION.cycle(None, NAMES).tolist() == [0, 1, 2]
    assert CONDITION.cycle({"owl": 5}, NAMES).tolist() == [2]
    with pytest.raises(
        UserError, match=r"sample\.labels\.emu: the model has no such class; its classes: cat, dog, owl\."
    ):
        CONDITION.cycle({"cat": 1, "emu": 2}, NAMES)
