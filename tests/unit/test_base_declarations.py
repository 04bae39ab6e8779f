"""What entries declare is told by their names."""

import pytest

from pipeline.base.declarations import declarations
from pipeline.base.errors import UserError
from pipeline.base.registry import entry_names

PACKAGE = "pipeline.training.losses"


def test_every_entry_is_asked_for_what_it_declares() -> None:
    losses = declarations(PACKAGE, "LOSS")
    assert tuple(losses) == entry_names(PACKAGE)
    assert losses["hinge"] is not losses["wgan_gp"]


def test_an_entry_without_the_declaration_is_an_error() -> None:
    with pytest.raises(UserError, match=r"\.py does not define LOST\. Define it .*, or remove the file"):
        declarations(PACKAGE, "LOST")
