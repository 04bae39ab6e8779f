"""What is generated does not change when code is moved: small committed models make what they always made."""

import json
from typing import Any

import pytest

from tests.project import ROOT
from tests.unit.pinned_cases import (
    CASES,
    FILES_FROM,
    MODELS,
    NUMBERS_FROM,
    PINS,
    differences,
    generated,
    machine,
    software,
)

MAKE_ANEW = "`python -m tests.unit.pinned_cases` writes the digests anew"


@pytest.fixture(scope="module")
def pins() -> dict[str, Any]:
    """The digests, and what they were made on."""
    return json.loads(PINS.read_text(encoding="utf-8"))


def require_the_same(pins: dict[str, Any], names: tuple[str, ...]) -> None:
    """Skips where the last bits of a number may be others."""
    other = differences(pins["machine"] | pins["software"], machine() | software(names))
    if other:
        pytest.skip(f"pinned on another kind of machine. {other}")


def test_every_architecture_and_every_case_is_pinned(pins: dict[str, Any]) -> None:
    assert {case.model for case in CASES.values()} == MODELS.keys()
    assert pins["cases"].keys() == CASES.keys()


def test_the_digests_are_of_the_versions_in_use(pins: dict[str, Any]) -> None:
    """With others they would be skipped for ever."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    in_use = dict(line.split("==") for line in lines if "==" in line)
    assert pins["software"] == {name: in_use[name] for name in NUMBERS_FROM + FILES_FROM}, MAKE_ANEW


@pytest.mark.parametrize("name", CASES)
def test_labels(pins: dict[str, Any], name: str) -> None:
    assert generated(name)["labels"] == pins["cases"][name]["labels"]


@pytest.mark.parametrize("name", CASES)
def test_pixels_and_logits(pins: dict[str, Any], name: str) -> None:
    require_the_same(pins, NUMBERS_FROM)
    assert generated(name)["records"] == pins["cases"][name]["records"], MAKE_ANEW


@pytest.mark.parametrize("name", CASES)
def test_bytes_of_the_files(pins: dict[str, Any], name: str) -> None:
    require_the_same(pins, NUMBERS_FROM + FILES_FROM)
    assert generated(name)["files"] == pins["cases"][name]["files"], MAKE_ANEW


def test_what_differs_is_named() -> None:
    pinned = {"vendor": "AMD", "torch": "2.13.0"}
    assert differences(pinned, pinned) == ""
    assert differences(pinned, {"vendor": "Intel", "torch": "2.13.0"}) == "vendor: Intel (pinned: AMD)"
