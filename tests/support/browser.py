"""A headless Chromium without a network, for tests that look at pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium; skip the test if it is not installed."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs chromium on the PATH (Debian's package chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu", *QUIET])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, path: Path, **context: Any) -> Iterator[Page]:
    """Open a page, and check that it requests no other file and reports no errors.

    Args:
        browser: The browser.
        path: The HTML file.
        context: Options of the browser's context, such as ``viewport`` and ``color_scheme``.
    """
    requests: list[str] = []
    errors: list[str] = []
    with browser.new_context(offline=True, **context) as opened_context:
        page = opened_context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path.as_uri())
        yield page
    assert requests == [path.as_uri()], requests
    assert errors == [], errors


def overflow(page: Page) -> int:
    """Return the number of pixels by which the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
