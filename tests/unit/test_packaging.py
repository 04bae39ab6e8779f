"""What pyproject.toml promises: versions that the code needs and constraints.txt pins, and the licence."""

import hashlib
import tomllib
from typing import Any

from packaging.requirements import Requirement
from packaging.version import Version

from tests.project import ROOT

APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"  # SHA-256 of the licence's text, as it is published


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {name.lower(): Version(version) for name, version in (line.split("==") for line in lines if "==" in line and line[0] != "#")}  # fmt: skip


def requirements() -> list[Requirement]:
    extras = project()["optional-dependencies"]
    listed = [*project()["dependencies"], *(line for name, lines in extras.items() if name != "inception" for line in lines)]  # fmt: skip
    return [Requirement(line) for line in listed if not line.startswith("imagemint[")]


def test_every_requirement_is_pinned_within_what_it_allows() -> None:
    pinned = pins()
    assert [str(each) for each in requirements() if pinned[each.name.lower()] not in each.specifier] == []


def test_no_torch_is_allowed_that_is_older_than_the_one_that_is_tested() -> None:
    (torch,) = [each for each in requirements() if each.name == "torch"]
    pinned = pins()["torch"]
    assert str(torch.specifier) == f">={pinned.major}.{pinned.minor}"


def test_modules_that_packaging_names_are_sent_to_the_build_of_the_image() -> None:
    modules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["py-modules"]
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    assert [name for name in modules if f"!{name}.py" not in sent or not (ROOT / f"{name}.py").is_file()] == []


def test_the_licence_is_the_published_text_and_packaging_names_it() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2
    assert project()["license"] == "Apache-2.0"
    assert project()["license-files"] == ["LICENSE"]
    assert "!LICENSE" in (ROOT / ".dockerignore").read_text().splitlines()
