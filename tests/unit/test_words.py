"""The words of the code: docstrings are sentences in the imperative, and one thing has one name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project import ROOT

FILES = sorted([*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "stages").rglob("*.py"), ROOT / "imagemint.py"])
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

# In their base form. A fragment ("Those of one run.") begins with none of them.
VERBS = """
    Accept Add Address Adjust Advise Append Apply Arrange Ask Assemble Assign Augment Average Begin Bind Bound
    Build Cache Calibrate Change Check Choose Classify Collect Compare Compute Connect Continue Convert Convolve
    Copy Count Crop Decide Declare Decode Define Describe Detect Divide Do Double Download Draw Encode End Estimate
    Evaluate Fetch Fill Find Fit Forecast Format Free Gather Generate Give Go Hand Handle Hold Identify Import
    Initialise Inspect Keep Lay Learn Leave Let Limit Link List Load Lock Log Look Maintain Make Map Mark Match
    Measure Merge Move Name Note Notice Number Offer Open Order Parse Plan Plot Prepare Print Propose Protect
    Provide Publish Put Raise Read Recognise Record Refuse Regenerate Register Reject Remove Replace Report
    Represent Request Require Resolve Restore Return Round Run Save Say Scale Scan Select Send Set Share Show Sort
    Split Stack Start State Stop Store Summarise Synchronise Take Tell Train Transfer Translate Turn Update Upload
    Validate Verify Wait Walk Warn Warp Weigh Wrap Write Yield
"""
# What has another name here: see the glossary, and the style guide's table.
RETIRED = """
    mint judge floor beside taught teacher survey worktime spent stopwatch complaints bring mirror player players duel
    teller told trouble elsewhere asked ending endings strip some equally
"""


def _documented(file: Path) -> Iterator[tuple[Documented, str]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, Documented) and (text := ast.get_docstring(node)):
            yield node, text


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_docstrings_begin_with_a_verb(file: Path) -> None:
    verbs = set(VERBS.split())
    fragments = [
        f"{getattr(node, 'name', 'module')}: {text.splitlines()[0]}"
        for node, text in _documented(file)
        if text.split()[0].strip(",.:;`") not in verbs
    ]
    assert fragments == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_names_are_the_words_of_the_field(file: Path) -> None:
    retired = set(RETIRED.split())
    names = [file.stem, *_defined_names(file)]
    assert [
        name for name in names if retired & {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}
    ] == []


def _defined_names(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
