"""The report in a real Chromium, from a file: every picture drawn, nothing asked of the network, usable on a phone and a desk."""

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.project import Places

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)")
PHONE, DESK = 380, 1400  # px


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Who runs tests as root, as containers do, cannot have the sandbox.
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture(params=[(PHONE, "light"), (PHONE, "dark"), (DESK, "light")], ids=str)
def page(browser: Browser, audited: Places, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The report, opened; whatever went wrong on the way is in `page.complaints`."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "request", lambda asked: complaints.append(asked.url) if not asked.url.startswith(("file:", "data:")) else None
    )
    opened.on("requestfailed", lambda failed: complaints.append(failed.url))
    opened.goto((audited.dataset / "report" / "index.html").as_uri())
    yield opened
    context.close()
    assert complaints == []


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


def test_text_can_be_read(page: Page) -> None:
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


def test_the_verdict_and_what_it_is_for_come_first(page: Page) -> None:
    top = page.locator("body").inner_text()
    order = [top.index(words) for words in ("Accepted: all 3 gates met", "Use it for", "Not for", "What it looks like")]
    assert order == sorted(order)
    assert page.locator(".verdict").bounding_box()["y"] < 400


def contrast(ink: str, paper: str) -> float:
    lighter, darker = sorted((luminance(ink), luminance(paper)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Relative, of a colour as `rgb(r, g, b)`; WCAG 2.2's definition."""
    channels = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
