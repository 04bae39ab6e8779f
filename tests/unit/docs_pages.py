"""The documentation's pages, taken apart: prose, code blocks, inline code, tables, links, command lines."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.project import ROOT

SHELL = ("", "sh")  # languages of code blocks that hold commands
SEPARATORS = ("&&", "||", "|", "&", ";", "--")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def prose(self) -> str:
        """The text without code blocks."""
        return _FENCE.sub("", self.text)

    @cached_property
    def spans(self) -> list[str]:
        """Inline code."""
        return re.findall(r"`([^`\n]+)`", self.prose)

    @cached_property
    def sentences(self) -> list[str]:
        """Return the sentences of the prose, without headings, tables and pictures; inline code is one word, a link its text."""
        text = re.sub(r"<!--.*?-->|!\[[^\]]*\]\([^)]*\)", "", self.prose, flags=re.DOTALL)
        text = re.sub(r"(?m)^(\||#| {4}).*$", "\n", text)
        text = re.sub(r"\[([^\]]*)\]\([^)\s]*\)", r"\1", re.sub(r"`[^`\n]+`", "code", text))
        paragraphs = re.split(r"\n\s*\n|\n(?= *(?:-|\d+\.) )", text.replace(" et al. ", " et al "))
        parts = (re.split(r"(?<=[.!?])[*)\"]* +(?=\S)", " ".join(each.split())) for each in paragraphs)
        return [sentence for sentences in parts for sentence in sentences if sentence]

    def blocks(self, *languages: str) -> list[str]:
        """Return the contents of the code blocks in one of these languages."""
        return [body for language, body in _FENCE.findall(self.text) if language in languages]

    @cached_property
    def links(self) -> list[str]:
        """Targets within the repository."""
        targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]+`", "", self.prose))
        return [target for target in targets if not re.match(r"[a-z]+:", target)]

    @cached_property
    def anchors(self) -> set[str]:
        """What a link to a heading of this page says after #."""
        headings = re.findall(r"(?m)^#+ (.*)$", self.prose)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def section(self, heading: str) -> str:
        """Return the text between a heading of the second level and the next one."""
        return self.prose.split(f"\n## {heading}\n")[1].split("\n## ")[0]

    @cached_property
    def tables(self) -> list[list[list[str]]]:
        """Each a list of rows, the header first; each row a list of cells."""
        tables = re.findall(r"(?m)(?:^\|.*\|$\n?)+", self.prose)
        return [[_cells(line) for line in table.splitlines() if not _is_rule(line)] for table in tables]

    @cached_property
    def command_lines(self) -> list[list[str]]:
        """Commands of code blocks and inline code, as words, without what sets variables before them or runs them elsewhere."""
        lines = [line for block in self.blocks(*SHELL) for line in block.replace("\\\n", " ").splitlines()]
        words = [shlex.split(line, comments=True) for line in lines]
        words += [span.split() for span in self.spans]
        return [command for line in words for part in _simple_commands(line) if (command := _unwrapped(part))]


def words_in(sentence: str) -> int:
    """Return how many words, numbers included, a sentence has."""
    return len(re.findall(r"\w[\w'.,/-]*", sentence))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _is_rule(line: str) -> bool:
    return set(line) <= set("|-: ")


def _simple_commands(words: list[str]) -> Iterator[list[str]]:
    command: list[str] = []
    for word in words:
        if word in SEPARATORS:
            yield command
            command = []
        else:
            command.append(word)
    yield command


def _unwrapped(words: list[str]) -> list[str]:
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if words[:1] == ["infra/local/enter"]:
        return next((words[start:] for start, word in enumerate(words) if word in ("imagemint", "python")), words)
    return words


def all_pages() -> list[Page]:
    """Return README and every page below docs, examples and infra."""
    found = [
        ROOT / "README.md",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/**/*.md"),
        *ROOT.glob("infra/**/*.md"),
    ]
    return [Page(path) for path in sorted(found)]
