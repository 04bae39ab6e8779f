"""What the documentation shows exists: links, files, commands with their options, keys of presets, metrics."""

import ast
import re
from functools import cache
from itertools import pairwise, takewhile

import pytest
import yaml

from pipeline.config.config import Config
from pipeline.config.filters import FILTER_KINDS
from pipeline.config.metrics import METRICS
from pipeline.config.sources import SOURCE_KINDS
from pipeline.data.sources.known import KNOWN_DATASETS
from pipeline.jobs.work import STAGES
from tests import command_docs, key_docs, metric_docs
from tests.project import ROOT
from tests.unit.docs_commands import CONSOLE, config_schema, is_key, key_names, options, options_in
from tests.unit.docs_pages import SHELL, Page, all_pages

PAGES = all_pages()
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.path.relative_to(ROOT)))
REPEATED_FROM = 40  # characters: shorter lines, such as one of a list, may well be equal
DOTTED = re.compile(rf"({'|'.join(Config.model_fields)})\.[\w.]+(?=$|[:=])")
OWN = "flowers"  # the preset that users make in the docs
PLACEHOLDER = re.compile(r"[A-Z]{2,}|N$|…")


@each_page
def test_links_lead_somewhere(page: Page) -> None:
    for link in page.links:
        name, _, anchor = link.partition("#")
        target = (page.path.parent / name).resolve() if name else page.path
        assert target.exists(), link
        assert not anchor or anchor in Page(target).anchors, link


@each_page
def test_files_of_the_repository_that_are_named_are_there(page: Page) -> None:
    named = re.findall(r"(?<![\w./-])((?:conf|docs|examples|infra|pipeline|stages|tests)/[\w./-]*\w)", page.text)
    found = [name for name in named if not (ROOT / name).exists() and not PLACEHOLDER.search(name)]
    assert [name for name in found if name != f"conf/{OWN}.yaml"] == []


def test_every_page_is_linked_from_another_one() -> None:
    linked = {(page.path.parent / link.partition("#")[0]).resolve() for page in PAGES for link in page.links}
    assert {page.path for page in PAGES} - linked <= {ROOT / "README.md"}


@each_page
def test_no_line_stands_twice(page: Page) -> None:
    lines = [line for line in page.prose.splitlines() if len(line) > REPEATED_FROM and not set(line) <= set("|-: ")]
    assert [line for line in set(lines) if lines.count(line) > 1] == []


def faults(command: list[str]) -> list[str]:
    """Return what of a command line does not exist; nothing for programs of others."""
    program, *words = command
    given = [word.strip("[]").partition("=")[0] for word in words if re.match(r"\[?--?[a-z]", word)]
    known: frozenset[str] | None
    if program == "make":
        return [word for word in words if not _is_make_word(word)]
    if program == "imagemint" and words:
        named = takewhile(lambda word: not (word.startswith("-") or PLACEHOLDER.search(word)), words)
        known = options(CONSOLE, *named)
    elif program == "python" and words[:1] == ["-m"]:
        if PLACEHOLDER.search(words[1]):
            return []
        script = ROOT / f"{words[1].replace('.', '/')}.py"
        known, given = options(words[1]) if words[1].startswith("stages.") else options_in(script), given[1:]
    elif program == "python" and words[0].endswith(".py") and not PLACEHOLDER.search(words[0]):
        known = options_in(ROOT / words[0])
    elif program.startswith("infra/") and not program.endswith("/"):
        known = options_in(ROOT / program)
    elif program in STAGES and given:
        known = options(f"stages.{program}")
    else:
        return []
    if known is None:
        return [" ".join(command)]
    keys = [word.partition("=")[0] for flag, word in pairwise(words) if flag == "--set"]
    return [option for option in given if option not in known] + [key for key in keys if not _is_key_or_pattern(key)]


def _is_make_word(word: str) -> bool:
    makefile = (ROOT / "Makefile").read_text()
    variable = word.partition("=")[0] if "=" in word else None
    return f"$({variable})" in makefile if variable else re.search(rf"(?m)^{re.escape(word)}:", makefile) is not None


def _is_key_or_pattern(key: str) -> bool:
    return key == "section.key" or is_key(key)


@each_page
def test_commands_exist_with_the_options_shown(page: Page) -> None:
    assert [fault for command in page.command_lines for fault in faults(command)] == []


@pytest.mark.parametrize(
    "line",
    [
        "imagemint shwo datasets/digits",
        "imagemint show datasets/digits --columns 3",
        "imagemint run tarin --preset digits",
        "imagemint run train --prest digits",
        "python -m stages.tarin",
        "python -m stages.sample --set sample.cuont=1",
        "python -m tests.benchmarks.nodes --tiny",
        "make reprise",
        "make repro PRESTE=digits",
        "infra/local/up 3 --s4",
        "audit --fully",
    ],
)
def test_a_command_that_does_not_exist_would_be_found(line: str) -> None:
    assert len(faults(line.split())) == 1


@each_page
def test_presets_in_commands_exist(page: Page) -> None:
    text = "\n".join([*page.blocks(*SHELL), *page.spans])
    named = re.findall(r"(?:--preset |PRESET=|imagemint use )([a-z][\w-]*)", text)
    assert [name for name in named if name != OWN and not (ROOT / "conf" / f"{name}.yaml").is_file()] == []


@each_page
def test_options_that_stand_alone_are_somebodys(page: Page) -> None:
    ours = {option for module in ("stages.job", "stages.audit") for option in options(module) or ()}
    ours |= {option for name in _subcommands() for option in options(CONSOLE, name) or ()}
    ours |= {option for script in ("up", "down", "enter", "s3/stop.sh") for option in options_in(ROOT / "infra/local" / script) or ()}  # fmt: skip
    elsewhere = {word for command in page.command_lines if len(command) > 1 for word in command[1:]}
    alone = [span.split()[0].partition("=")[0] for span in page.spans if span.startswith("--")]
    assert [option for option in alone if option not in ours | elsewhere] == []


@cache
def _subcommands() -> set[str]:
    return {command[1] for page in PAGES for command in page.command_lines if command[0] == "imagemint" and command[1:]}


@each_page
def test_keys_of_presets_exist(page: Page) -> None:
    files = (".json", ".csv", ".yaml")
    dotted = [found[0] for span in page.spans if (found := DOTTED.match(span)) and not found[0].endswith(files)]
    assert [key for key in dotted if not is_key(key)] == []
    single = [found[1] for span in page.spans if (found := re.match(r"(\w+): ", span))]
    assert [key for key in single if key not in key_names() | METRICS.keys()] == []
    for block in page.blocks("yaml"):
        content = yaml.safe_load(block)
        if not Config.model_fields.keys() & content.keys():
            continue  # of another program
        assert [key for key in _paths(content) if not is_key(key)] == []


def _paths(content: object, above: str = "") -> list[str]:
    if isinstance(content, list):
        return [path for each in content for path in _paths(each, above)]
    if not isinstance(content, dict):
        return [above]
    return [path for key, value in content.items() for path in _paths(value, f"{above}.{key}".lstrip("."))]


@cache
def measured() -> frozenset[str]:
    """Return every name that the code which measures writes: texts, fields and arguments."""
    names = set()
    for path in (*ROOT.glob("pipeline/**/*.py"), *ROOT.glob("stages/**/*.py")):
        if path.parent.name in ("config", "report"):
            continue  # these name what others measure
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names.add(node.target.id)
            elif isinstance(node, ast.keyword) and node.arg:
                names.add(node.arg)
    return frozenset(names)


def is_metric(name: str) -> bool:
    return bool({name, name.removesuffix("_real"), name.removeprefix("validation_")} & measured())


@each_page
def test_metrics_in_tables_are_measured(page: Page) -> None:
    for header, *rows in page.tables:
        cells = [cell for row in rows for cell in (row[0], *row[2:])] if header[0] in ("figure", "metric") else []
        cells += header if header[0] == "fault" else []
        assert [name for cell in cells for name in re.findall(r"`(\w+)`", cell) if not is_metric(name)] == []


def test_metrics_are_told_of_as_they_are_declared() -> None:
    text = metric_docs.PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- metrics: ([\w ]+) -->", text)) == set(metric_docs.parts())
    assert text == metric_docs.with_parts(text), "run `make metric-docs`"


def test_keys_are_told_of_as_the_config_has_them() -> None:
    text = key_docs.PAGE.read_text(encoding="utf-8")
    assert text == key_docs.with_tables(text), "run `make key-docs`"


def test_commands_are_told_of_as_they_are() -> None:
    text = command_docs.PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- commands: ([\w ]+) -->", text)) == set(command_docs.parts())
    assert text == command_docs.with_parts(text), "run `make command-docs`"


def test_every_key_has_one_meaning() -> None:
    assert key_docs.undescribed() == set(key_docs.MEANINGS)


def test_choices_in_tables_are_those_of_the_config() -> None:
    text = str(config_schema())
    named = [row[0] for page in PAGES for header, *rows in page.tables if header[0] in ("name", "`data.source.kind`") for row in rows]  # fmt: skip
    assert [name for name in named if f"'{name.strip('`')}'" not in text] == []


def test_every_filter_is_told_of() -> None:
    told = re.findall(r"(?m)^\*\*`(\w+)`\*\*", Page(ROOT / "docs" / "guide" / "sampling.md").text)
    assert set(told) == set(FILTER_KINDS)


def test_every_source_and_known_dataset_is_told_of() -> None:
    page = Page(ROOT / "docs" / "reference" / "sources.md")
    tables = {header[0]: {row[0].strip("`") for row in rows} for header, *rows in page.tables}
    assert tables["`data.source.kind`"] == set(SOURCE_KINDS) - {"auto"}
    assert tables["name of a known dataset"] == set(KNOWN_DATASETS)


@each_page
def test_environment_variables_exist(page: Page) -> None:
    code = _code()
    assert [name for name in re.findall(r"\bIMAGEMINT_\w+", page.text) if name not in code] == []


@cache
def _code() -> str:
    return "".join(path.read_text() for path in (*ROOT.glob("pipeline/**/*.py"), *ROOT.glob("stages/**/*.py")))
