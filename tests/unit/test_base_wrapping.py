"""Long lines on a terminal break between words, and nothing is lost of them."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.wrapping import wrapped


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("train: 12,032 of 60,000 images (20%)", ["train: 12,032 of 60,000", "  images (20%)"]),
        (
            "Quality   a classifier gets 89.6% of them right",
            ["Quality   a classifier gets", "          89.6% of them right"],
        ),
        ("          datasets/digits/report/index.html", ["          datasets/digits/report/index.html"]),
        ("short\n\nlines", ["short", "", "lines"]),
    ],
)
def test_a_line_goes_on_below_its_own_text(text: str, lines: list[str]) -> None:
    assert wrapped(text, Terminal()).split("\n") == lines


@given(st.text(alphabet="ab /-.:", max_size=80))
def test_no_word_is_broken_or_lost(text: str) -> None:
    assert wrapped(text, Terminal()).split() == text.split()


def test_elsewhere_a_line_stays_one_line() -> None:
    assert wrapped("word " * 20, io.StringIO()) == "word " * 20
