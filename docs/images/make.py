"""Takes the screenshot in the README: the top of the page that `compare --page` draws from a result in docs/results.

    python docs/images/make.py

Needs the extra `dev` and Chromium on the PATH.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
COMPARISON = ROOT / "docs" / "results" / "bc5cdr_schemes" / "comparison.viterbi.json"
SCREENSHOT = Path(__file__).parent / "comparison.png"
WIDTH, HEIGHT = 940, 1060
MARGIN = 6


def main() -> int:
    """Draw the page and take the screenshot; the exit status is 2 without Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.stderr.write("error: chromium must be on the PATH\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        page_path = Path(folder) / "comparison.html"
        draw = ["-m", "ner_lightning", "compare", "--page", str(COMPARISON), "--output", str(page_path)]
        subprocess.run([sys.executable, *draw], check=True, cwd=ROOT)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            page.goto(page_path.as_uri())
            table = page.locator("table").first.bounding_box()
            assert table is not None
            height = table["y"] + table["height"] + MARGIN  # down to the first table
            page.screenshot(path=SCREENSHOT, full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
