"""The report in a real Chromium, from a file: every picture drawn, nothing asked of the network, usable on a phone and a desk."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.project import Places, succeed

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)")
PHONE, DESK = 380, 1400  # px


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Who runs tests as root, as containers do, cannot have the sandbox.
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@contextmanager
def opened(browser: Browser, file: Path, width: int, scheme: Literal["light", "dark"]) -> Iterator[Page]:
    """A page, opened from its file; nothing may be complained of or asked for until it is closed."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    problems_of: list[str] = []
    page.on("console", lambda message: problems_of.append(message.text))
    page.on("pageerror", lambda error: problems_of.append(str(error)))
    page.on(
        "request", lambda asked: problems_of.append(asked.url) if not asked.url.startswith(("file:", "data:")) else None
    )
    page.on("requestfailed", lambda failed: problems_of.append(failed.url))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert problems_of == []


VIEWS = pytest.mark.parametrize(("width", "scheme"), [(PHONE, "light"), (PHONE, "dark"), (DESK, "light")])


@pytest.fixture
def page(browser: Browser, audited: Places, width: int, scheme: Literal["light", "dark"]) -> Iterator[Page]:
    """The report."""
    with opened(browser, audited.dataset / "report" / "index.html", width, scheme) as report:
        yield report


@pytest.fixture(scope="module")
def comparison(audited: Places, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page about two versions, of which the second found more of what the first lacked."""
    folder = tmp_path_factory.mktemp("versions")
    figures = {}
    for stage in ("evaluate", "audit"):
        figures |= json.loads((audited.dataset / "metrics" / f"{stage}.json").read_text())
    gates = json.loads((audited.dataset / "metrics" / "accept.json").read_text())["gates"]
    for number, coverage in (("1.0.0", 0.1), ("2.0.0", 0.9)):
        shutil.copytree(audited.dataset, folder / number)
        release = {"version": number, "change": f"what {number} changed"}
        written = {**figures, "coverage": coverage, "gates": gates, "release": release}
        (folder / number / "figures.json").write_text(json.dumps(written))
    page = folder / "compare.html"
    succeed("imagemint", "compare", str(folder / "1.0.0"), str(folder / "2.0.0"), "--out", str(page))
    return page


@VIEWS
def test_every_picture_is_drawn_and_nothing_is_cut_off(page: Page) -> None:
    sizes = page.evaluate(
        "[...document.images].map(image => [image.naturalWidth, image.getBoundingClientRect().width])"
    )
    assert len(sizes) == 1 + 2 * 10 + 2 + 1  # the strip, two sheets a class, nearest pairs, the walk
    for natural, drawn in sizes:
        assert natural > 0
        assert drawn > page.viewport_size["width"] / 2
    # Wider things than the window scroll within themselves: the page does not move sideways under a thumb.
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


@VIEWS
def test_text_can_be_read(page: Page) -> None:
    assert_readable(page)


def assert_readable(page: Page) -> None:
    """Large enough, and of enough contrast with what is behind it (WCAG 2.2, 1.4.3: 4.5)."""
    texts = page.evaluate("""() => {
        const shown = [];
        for (const element of document.querySelectorAll("p, li, td, th, h1, h2, h3, b, span, code, figcaption, pre, summary")) {
            if (!element.innerText || !element.checkVisibility()) continue;
            let behind = element;
            while (behind && getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
            const style = getComputedStyle(element);
            shown.push([element.innerText, parseFloat(style.fontSize), style.color, getComputedStyle(behind).backgroundColor]);
        }
        return shown;
    }""")
    assert len(texts) > 50
    for text, size, ink, paper in texts:
        assert size >= 12, text
        assert contrast(ink, paper) >= 4.5, text


@VIEWS
def test_the_verdict_and_what_it_is_for_come_first(page: Page) -> None:
    top = page.locator("body").inner_text()
    order = [top.index(words) for words in ("Accepted: all 3 gates met", "Use it for", "Not for", "What it looks like")]
    assert order == sorted(order)
    assert page.locator(".verdict").bounding_box()["y"] < 400


@VIEWS
def test_two_versions_stand_on_one_page(
    browser: Browser, comparison: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    with opened(browser, comparison, width, scheme) as page:
        drawn = page.evaluate("[...document.images].map(image => image.naturalWidth)")
        assert len(drawn) == 2
        assert min(drawn) > 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert_readable(page)
        text = page.locator("body").inner_text()
        assert re.search(r"0\.10 ±.* → 0\.90 ±", text)
        assert "what 2.0.0 changed" in text


def contrast(ink: str, paper: str) -> float:
    lighter, darker = sorted((luminance(ink), luminance(paper)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Relative, of a colour as `rgb(r, g, b)`; WCAG 2.2's definition."""
    channels = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
