"""A real browser, without a window: Debian's Chromium or Playwright's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def chromium():
    """A running browser; skips where there is none.

    For a module and no longer: while it lives Playwright's own event loop counts as running in this thread,
    and no test of another module could start one.
    """
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        program = next(filter(None, map(shutil.which, NAMES)), own if Path(own).exists() else None)
        if program is None:
            pytest.skip("no Chromium: apt-get install chromium, or playwright install chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A page that was opened from disk, and everything that went wrong or asked for something in it."""

    def __init__(self, page, path):
        self.page, self.path = page, path
        self.wrong, self.requests = [], []
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda message: self.wrong.append(message.text))
        page.on("dialog", lambda dialog: self.wrong.append("a dialog") or dialog.dismiss())
        page.on("request", lambda request: self.requests.append(request.url))

    def go(self, end=""):
        self.page.goto(f"{self.path.as_uri()}{end}")
        self.page.wait_for_selector("html[data-ready]", state="attached")
        return self

    def settled(self):
        """Wait until what was asked for is drawn."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
        self.settled()

    @property
    def chosen(self):
        """The label of the row that is chosen."""
        return self.page.locator('.row[aria-selected="true"] .text').inner_text()

    def titled(self, words):
        """Wait until the details show a node of that title."""
        self.page.wait_for_function(
            "words => document.querySelector('#detail h2')?.textContent.includes(words)", arg=words
        )


@pytest.fixture
def opened(chromium, tmp_path):
    """Opens the page of a text in the browser; checks at the end that nothing was wrong and nothing was fetched."""
    pages = []

    def open_page(text, end="", **settings):
        path = tmp_path / f"run-{len(pages)}.html"
        path.write_text(text, encoding="utf-8", newline="\n")
        page = chromium.new_page(viewport={"width": 1440, "height": 900}, **settings)
        pages.append(Opened(page, path))
        return pages[-1].go(end)

    yield open_page
    for each in pages:
        each.page.close()
        assert each.wrong == []
        assert {url.partition("#")[0] for url in each.requests} == {each.path.as_uri()}
