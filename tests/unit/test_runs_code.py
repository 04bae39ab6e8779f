"""The code that a result depends on is what the code that makes it imports."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pipeline
from pipeline.config.filters import FILTER_KINDS
from pipeline.config.schema import Sample
from pipeline.data import ingest
from pipeline.embedding import embed
from pipeline.runs.code import code_digest, code_of, import_closure
from pipeline.sampling_on_ray import plan
from pipeline.training_on_ray import train
from tests.project import ROOT

FILES = {
    "__init__.py": "",
    "maker.py": "import json\nfrom ruler.deep import part\n\ndef make():\n    from ruler.late import work\n",
    "late.py": "import ruler.deep.other as other\n",
    "deep/__init__.py": "",
    "deep/part.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ruler import words\n",
    "deep/other.py": "from ruler import maker\n",
    "words.py": "",
    "stranger.py": "",
}
ENTERED = {"__init__.py", "maker.py", "late.py", "deep/__init__.py", "deep/part.py", "deep/other.py"}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an importable package `ruler`."""
    for name, text in FILES.items():
        (tmp_path / "ruler" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "ruler" / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "ruler"]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path / "ruler"


def test_all_that_is_imported_on_the_way_is_in_it_and_nothing_else(package: Path) -> None:
    found = import_closure("ruler.maker")
    assert {path.relative_to(package).as_posix() for path in found.values()} == ENTERED
    assert found["ruler.deep"] == package / "deep" / "__init__.py"


@pytest.mark.parametrize("file", FILES)
def test_the_digest_changes_with_the_files_that_are_entered_alone(package: Path, file: str) -> None:
    before = code_digest("ruler.maker")
    (package / file).write_text(f"{FILES[file]}changed = 1\n")
    assert (code_digest("ruler.maker") != before) == (file in ENTERED - {"__init__.py"})


SPOKEN = '''"""Make numbers."""  # for now

LINES = ["""a # b
c"""]  # a list


class Maker:
    """Make a number."""

    # Seven is enough.
    def make(self) -> str:
        """Return seven,

        at once.
        """
        return "# 7"
'''


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        ("Make numbers.", "Make numbers and more.", False),
        ("  # for now", "", False),
        ("Make a number.", "Return a number.\n\n    Always.\n    ", False),
        ("    # Seven is enough.\n", "", False),
        ("\n        at once.\n", "\n        in no time.\n\n", False),
        ("a # b", "a # c", True),
        ("a # b", "a # b\n", True),
        ('return "# 7"', 'return "# 8"', True),
        ("class Maker", "class Taker", True),
    ],
)
def test_words_about_the_code_do_not_count(package: Path, before: str, after: str, counts: bool) -> None:
    assert before in SPOKEN
    (package / "maker.py").write_text(SPOKEN)
    digest = code_digest("ruler.maker")
    (package / "maker.py").write_text(SPOKEN.replace(before, after))
    assert (code_digest("ruler.maker") != digest) == counts


@pytest.mark.parametrize("before", ["\ufeff", 'A = "\x0c"\n'], ids=["mark", "feed"])
def test_a_strange_character_hides_no_code(package: Path, before: str) -> None:
    digests = set()
    for rate in ("0.10", "0.99"):
        (package / "maker.py").write_text(f'{before}RATE = {rate}  # of all\n"""Of all."""\n', encoding="utf-8")
        digests.add(code_digest("ruler.maker"))
    assert len(digests) == 2


def test_neither_the_order_nor_the_place_nor_what_lies_beside_changes_the_digest(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code_digest("ruler.maker", "ruler.stranger")
    assert code_digest("ruler.stranger", "ruler.maker") == before
    (package / "._maker.py").write_text("left by a Mac")
    (package / "new.py").write_text("")
    package.rename(tmp_path / "moved")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "moved").rename(tmp_path / "elsewhere" / "ruler")
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    for name in [name for name in sys.modules if name.partition(".")[0] == "ruler"]:
        monkeypatch.delitem(sys.modules, name)
    assert code_digest("ruler.maker", "ruler.stranger") == before


LOADS = "from pipeline.base.registry import load_entries\n"


@pytest.mark.parametrize(
    ("file", "argument", "entries"),
    [
        ("ruler/shelf/__init__.py", "__name__", {"ruler.shelf.first", "ruler.shelf.second"}),
        ("ruler/user.py", '"ruler.shelf"', {"ruler.shelf", "ruler.shelf.first", "ruler.shelf.second"}),
    ],
)
def test_entries_of_a_registry_count_wherever_they_are_loaded(
    package: Path, monkeypatch: pytest.MonkeyPatch, file: str, argument: str, entries: set[str]
) -> None:
    (package / "shelf").mkdir()
    for name in ("__init__", "first", "second"):
        (package / "shelf" / f"{name}.py").touch()
    (package.parent / file).write_text(f"{LOADS}ENTRIES = load_entries({argument})\n")
    monkeypatch.setattr(pipeline, "__file__", str(package.parent / "pipeline" / "__init__.py"))
    module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert entries <= import_closure(module).keys()


def test_a_registry_whose_package_nothing_tells_is_an_error(package: Path) -> None:
    (package / "maker.py").write_text("ENTRIES = load_entries(somewhere)\n")
    with pytest.raises(ValueError, match="malformed node"):
        import_closure("ruler.maker")


@pytest.mark.parametrize(
    ("text", "entered"),
    [
        ("load_entries('ruler.shelf')", {"ruler", "ruler.maker", "ruler.shelf", "ruler.shelf.entry", "ruler.words"}),
        ("declarations('ruler.shelf', 'VALUE')", {"ruler", "ruler.maker"}),
    ],
)
def test_entries_of_a_registry_are_in_it_where_they_work_and_not_where_they_are_but_asked_what_they_declare(
    package: Path, monkeypatch: pytest.MonkeyPatch, text: str, entered: set[str]
) -> None:
    monkeypatch.setattr(pipeline, "__file__", str(package.parent / "pipeline" / "__init__.py"))
    (package / "shelf").mkdir()
    (package / "shelf" / "__init__.py").touch()
    (package / "shelf" / "entry.py").write_text("from ruler import words\n")
    (package / "maker.py").write_text(
        f"from pipeline.base.declarations import declarations\nfrom pipeline.base.registry import load_entries\n\nLOADED = {text}\n"
    )
    assert import_closure("ruler.maker").keys() == entered


def test_a_misspelt_module_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="pipelin_typo"):
        code_digest("pipelin_typo")


# What would make results again, and what would not -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("modules", "counts"),
    [
        (
            train.CODE,
            {
                "training.losses.relativistic",
                "models.layers",
                "training.ada",
                "data.parquet_blocks",
                "images.png",
                "base.cpu",
            },
        ),
        (
            plan.CODE,
            {"sampling.generate", "sampling.settings", "sampling.selection", "models.grey_conv", "images.encodings"},
        ),
        (ingest.CODE, {"data.decode", "data.sources.tree", "images.png"}),
        (embed.CODE, {"embedding.classifier", "embedding.self_supervised", "models.precision"}),
    ],
)
def test_what_makes_the_bytes_counts_and_what_talks_does_not(modules: tuple[str, ...], counts: set[str]) -> None:
    found = {name.removeprefix("pipeline.") for name in code_of(*modules)}
    assert counts <= found
    assert not {name.split(".")[0] for name in found} & {
        "cli",
        "report",
        "release",
        "jobs",
        "cluster",
        "store",
        "pipeline",
    }
    assert "base.log" not in found


@pytest.mark.parametrize("kind", FILTER_KINDS)
def test_a_filter_counts_for_the_records_that_pass_it_alone(kind: str) -> None:
    (wanted,) = Sample.model_validate({"count": 1, "filters": [{"kind": kind}]}).filters
    kinds = {name for name in code_of(*plan.code_of_records([wanted])) if ".filters.kinds." in name}
    assert kinds == {f"pipeline.sampling.filters.kinds.{kind}"}


def test_sampling_counts_for_records_and_for_nothing_else() -> None:
    assert not [name for name in code_of(*plan.code_of_records([])) if ".filters.kinds." in name]
    for modules in (ingest.CODE, embed.CODE, train.CODE):
        assert not [name for name in code_of(*modules) if name.startswith("pipeline.sampling")]


TRAINS_AGAIN = {
    ("training/losses/hinge.py", "ANOTHER = 1"): True,
    ("training_on_ray/job.py", "ANOTHER = 1"): True,
    ("__init__.py", '__version__ = "99"'): False,
    ("base/log.py", "OTHER = 1"): False,
    ("training_on_ray/reporting.py", "OTHER = 1"): False,
    ("cli/console.py", "OTHER = 1"): False,
    ("evaluation/metrics/frechet.py", "OTHER = 1"): False,
    ("base/metric.py", "OTHER = 1"): False,
}
# Of a copy of the code: the digest as it is, and with each line appended to its file alone.
DIGESTS = f"""
import json
from pathlib import Path
from pipeline.runs.code import code_digest

digests = [code_digest(*{train.CODE})]
for file, line in {list(TRAINS_AGAIN)}:
    path = Path("pipeline") / file
    before = path.read_text()
    path.write_text(before + line + chr(10))
    digests.append(code_digest(*{train.CODE}))
    path.write_text(before)
print(json.dumps(digests))
"""


def test_a_changed_loss_trains_again_and_a_reworded_line_does_not(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    printed = subprocess.run(
        [sys.executable, "-c", DIGESTS], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    before, *changed = json.loads(printed)
    assert dict(zip(TRAINS_AGAIN, (digest != before for digest in changed), strict=True)) == TRAINS_AGAIN
