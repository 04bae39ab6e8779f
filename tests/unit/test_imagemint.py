"""Test what `import imagemint` gives, in any folder, and that it loads nothing heavy."""

import subprocess
import sys
from pathlib import Path

import pytest

import imagemint
from tests.project import ROOT

HEAVY = {"numpy", "pyarrow", "pydantic", "ray", "scipy", "torch"}


def test_every_public_name_is_there() -> None:
    assert {name: getattr(imagemint, name).__name__ for name in imagemint.__all__} == {
        name: name for name in imagemint.__all__
    }
    with pytest.raises(AttributeError, match="no attribute 'load_modle'"):
        imagemint.load_modle  # noqa: B018


def test_outside_of_the_checkout_it_imports_nothing_that_takes_seconds(tmp_path: Path) -> None:
    code = f"import sys, imagemint; print(imagemint.UserError.__name__, sorted({HEAVY!r} & sys.modules.keys()), dir(imagemint))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"UserError [] {sorted(imagemint.__all__)}\n", "")


def test_names_are_imported_without_ray() -> None:
    code = "import sys; from imagemint import *; print(load_model.__name__, 'ray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("load_model False\n", "")
