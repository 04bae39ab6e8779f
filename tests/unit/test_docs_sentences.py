"""Hold the documentation to short sentences, a short README and a short glossary."""

from pathlib import Path

import pytest

from tests.project import ROOT
from tests.unit.docs_pages import Page, all_pages, words_in

MOST_WORDS = 25  # of a sentence


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: str(page.path.relative_to(ROOT)))
def test_sentences_are_short(page: Page) -> None:
    assert [sentence for sentence in page.sentences if words_in(sentence) > MOST_WORDS] == []


def test_a_long_sentence_would_be_found(tmp_path: Path) -> None:
    long, table = "word " * 26, f"| {'word ' * 30}|\n"
    text = f"# {long}\n\nA short one. {long.strip()}.\n- [{long}](a.md) (Chong et al. 2020).\n\n{table}\n```sh\n{long}\n```\n`{long}`\n"
    (tmp_path / "page.md").write_text(text)
    counts = map(words_in, Page(tmp_path / "page.md").sentences)
    assert [count for count in counts if count > MOST_WORDS] == [26, 30]


def test_the_readme_and_the_glossary_are_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
    ((_, *words),) = Page(ROOT / "docs" / "reference" / "glossary.md").tables
    assert len(words) <= 30
