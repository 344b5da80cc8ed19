"""Tests of the page of an error analysis in a browser."""

from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from ner_lightning.evaluation.errors.analysis import analyse
from ner_lightning.evaluation.errors.cards import MAX_SENTENCES
from ner_lightning.evaluation.errors.page import write_report
from ner_lightning.evaluation.errors.prediction_analysis import PredictionAnalysis
from ner_lightning.evaluation.errors.tables import error_tables
from support.browser import opened, overflow
from support.sentences_with_errors import SENTENCES, TRAINING, sentence

MORE = [
    sentence("<script>alert(1)</script> " + "word " * 300 + "W" * 200, [(0, 1, "<b>")], [(100, 280, "a type")], "&lt;"),
    sentence("“ ” \u200b ' \"", [(0, 3, "PER"), (1, 2, "LOC")], [(2, 3, "PER")], "overlap"),
    sentence("Paris Hilton saw nothing", [(0, 2, "PER")], [(0, 2, "LOC", 0.9)], "7"),
    sentence("قال محمد علي في القاهرة", [(1, 3, "PER"), (4, 5, "LOC")], [(1, 2, "PER", 0.9)], "rtl"),
    sentence("So says all", [(2, 3, "all")], [], "total"),
]
IDS = ["2", "3", "4", "5", "&lt;", "overlap", "7", "rtl", "total"]  # those with errors
ERRORS = [  # by hand: sentence, kind, gold type, predicted type
    ("2", "wrong both", "PER", "LOC"),
    ("2", "wrong type", "LOC", "PER"),
    ("3", "wrong boundary", "ORG", "ORG"),
    ("4", "spurious", None, "PER"),
    ("4", "missed", "PER", None),
    ("5", "wrong type", "LOC", "PER"),
    ("&lt;", "missed", "<b>", None),
    ("&lt;", "spurious", None, "a type"),
    ("overlap", "wrong boundary", "PER", "PER"),
    ("overlap", "missed", "LOC", None),
    ("7", "wrong type", "PER", "LOC"),
    ("rtl", "wrong boundary", "PER", "PER"),
    ("rtl", "missed", "LOC", None),
    ("total", "missed", "all", None),
]
KINDS = ("wrong type", "wrong boundary", "wrong both", "missed", "spurious")
TYPES = ("<b>", "LOC", "ORG", "PER", "a type", "all")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "report.html"
    record = {"seed": 0, "commit": "0" * 40, "corpus_checksum": "f" * 64, "versions": {"python": "3.11"}}
    analysis = analyse([*SENTENCES, *MORE], TRAINING)
    write_report(path, PredictionAnalysis(Path("test.jsonl"), analysis, record), error_tables(analysis))
    return path


def visible_cards(page: Page) -> list[str]:
    titles = page.locator("#sentences .card:visible h3").all_inner_texts()
    return [title.split(" · ")[0] for title in titles]


def with_errors(*wanted: str | None) -> tuple[list[str], int]:
    """Return the sentences and the number of errors of this kind and these types; None matches all."""
    found = [
        error for error in ERRORS if all(want in (None, part) for want, part in zip(wanted, error[1:], strict=True))
    ]
    return [name for name in IDS if any(error[0] == name for error in found)], len(found)


def test_the_filter_shows_the_sentences_with_matching_errors(browser: Browser, report: Path) -> None:
    with opened(browser, report) as page:
        assert visible_cards(page) == IDS
        for wanted in [*product((None, *KINDS), (None, "LOC", "PER", "all"), (None, "LOC", "a type"))]:
            for name, value in zip(("kind", "gold", "predicted"), wanted, strict=True):
                names = (None, *(KINDS if name == "kind" else TYPES))
                page.locator(f"select[name={name}]").select_option(index=names.index(value))
            expected, num_errors = with_errors(*wanted)
            assert visible_cards(page) == expected
            said = f"errors shown: {num_errors} of {num_errors}, sentences: {len(expected)}"
            assert page.locator("output").inner_text() == said
        assert page.locator("select[name=kind] option").nth(1).inner_text() == "wrong type (3)"


@pytest.mark.parametrize(
    ("sought", "expected"),
    [
        ("paris", ["2", "5", "7"]),
        ("Paris Hilton SAW", ["2", "7"]),  # across entities and their types
        ("محمد علي في", ["rtl"]),
        ("word " * 300, ["&lt;"]),  # the page leaves out most of it
        ("overlap", ["overlap"]),  # an id
        ("gold", []),
        ("wrong type", []),
        ("0.92", []),
    ],
)
def test_words_are_searched_only_in_sentences(browser: Browser, report: Path, sought: str, expected: list[str]) -> None:
    with opened(browser, report) as page:
        page.locator("input[name=words]").fill(sought)
        assert visible_cards(page) == expected
        page.locator("input[name=words]").press("Enter")
        assert visible_cards(page) == expected


def test_words_and_kinds_of_errors_can_be_combined(browser: Browser, report: Path) -> None:
    with opened(browser, report) as page:
        page.locator("input[name=words]").fill("paris")
        page.locator("select[name=kind]").select_option(label="wrong both (1)")
        assert visible_cards(page) == ["2"]
        page.locator("select[name=kind]").select_option(label="wrong type (3)")
        page.locator("input[name=words]").fill("Hilton")
        assert visible_cards(page) == ["2", "7"]
        assert page.locator("output").inner_text() == "errors shown: 2 of 3, sentences: 2"


NUMBERS = [  # by hand: the table's side, row, column, its number, and the sentences
    ("gold", "LOC", "wrong type", 2, ["2", "5"]),
    ("gold", "PER", "wrong type", 1, ["7"]),
    ("gold", "LOC", "missed", 2, ["overlap", "rtl"]),
    ("predicted", "LOC", "wrong type", 1, ["7"]),
    ("predicted", "PER", "wrong type", 2, ["2", "5"]),
    ("predicted", "LOC", "wrong both", 1, ["2"]),
    ("predicted", "a type", "spurious", 1, ["&lt;"]),
]


@pytest.mark.parametrize(("side", "row", "column", "number", "expected"), NUMBERS)
def test_a_number_leads_to_its_sentences(
    browser: Browser, report: Path, side: str, row: str, column: str, number: int, expected: list[str]
) -> None:
    with opened(browser, report) as page:
        page.locator("input[name=words]").fill("nothing like it")
        page.locator("select[name=predicted]").select_option(label="ORG")
        table = page.locator("#kinds table").nth(("gold", "predicted").index(side))
        button = table.get_by_role("button", name=f"{row}, {column}: {number}", exact=True)
        assert button.inner_text() == str(number)
        button.press("Enter")
        assert visible_cards(page) == expected
        assert page.locator("output").inner_text() == f"errors shown: {number} of {number}, sentences: {len(expected)}"
        assert page.locator("#sentences h2").evaluate("heading => heading === document.activeElement")
        assert 0 <= page.locator("#sentences h2").bounding_box()["y"] < 200


def test_a_type_called_all_is_distinguished_from_the_total(browser: Browser, report: Path) -> None:
    with opened(browser, report) as page:
        of_type, of_all = page.locator("#kinds table").first.get_by_role("button", name="all, missed").all()
        assert (of_type.inner_text(), of_all.inner_text()) == ("1", "5")
        of_type.click()
        assert visible_cards(page) == ["total"]
        of_all.click()
        assert visible_cards(page) == ["4", "&lt;", "overlap", "rtl", "total"]


def test_without_javascript_all_sentences_are_shown_without_a_filter(browser: Browser, report: Path) -> None:
    with opened(browser, report, java_script_enabled=False) as page:
        assert visible_cards(page) == IDS
        assert not page.locator(".filter").is_visible()


@pytest.mark.parametrize(("width", "media"), [(1200, "screen"), (390, "screen"), (700, "print")])
def test_nothing_is_wider_than_the_window(browser: Browser, report: Path, width: int, media: str) -> None:
    with opened(browser, report, viewport={"width": width, "height": 800}) as page:
        page.emulate_media(media="print" if media == "print" else "screen")
        assert overflow(page) == 0
        assert page.locator(".filter").is_visible() == (media == "screen")


CONTRASTS = """elements => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const paint = (color) => { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); };
  const luminance = () => {
    const linear = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  return elements.map((element) => {
    const styles = [];
    for (let each = element; each; each = each.parentElement) styles.unshift(getComputedStyle(each));
    for (const style of styles) paint(style.backgroundColor);
    const paper = luminance();
    canvas.globalAlpha = styles.reduce((opacity, style) => opacity * style.opacity, 1);
    paint(styles.at(-1).color);
    canvas.globalAlpha = 1;
    const [dark, light] = [paper, luminance()].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_enough_contrast_in_light_and_dark(browser: Browser, report: Path, scheme: str) -> None:
    """The contrast is at least 4.5 to 1, as WCAG 2.2 requires for text of this size."""
    with opened(browser, report, color_scheme=scheme) as page:
        for part in ("p", "a", ".zero", ".total td", "td button", "thead th", ".type", "mark", "mark b", "mark small",
                     "dt", "h3", "output", "select"):  # fmt: skip
            contrasts = page.locator(part).evaluate_all(CONTRASTS)
            assert min(contrasts) >= 4.5, part
            assert max(contrasts) <= 21


@pytest.mark.parametrize(("width", "scrolling"), [(1200, 0), (390, 4)])
def test_only_tables_that_scroll_can_be_focused_by_keyboard(
    browser: Browser, report: Path, width: int, scrolling: int
) -> None:
    with opened(browser, report, viewport={"width": 800, "height": 800}) as page:
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(100)  # until it is laid out
        wider = page.locator(".scroll").evaluate_all("all => all.map((each) => each.scrollWidth > each.clientWidth)")
        assert sum(wider) >= scrolling
        assert scrolling or not any(wider)
        for element, scrolls in zip(page.locator(".scroll").all(), wider, strict=True):
            roles = [element.get_attribute(name) for name in ("tabindex", "role")]
            assert roles == (["0", "region"] if scrolls else [None, None])
        names = [region.get_attribute("aria-label") for region in page.get_by_role("region").all()]
        assert ("SemEval-2013 measures (%)" in names) == bool(scrolling)


def test_screen_readers_announce_the_beginning_and_the_end_of_an_entity(browser: Browser, report: Path) -> None:
    with opened(browser, report) as page:
        announced = page.locator("#sentences .card", has_text="New York").aria_snapshot()
        assert "[entity: New York Times ORG mispredicted end]" in " ".join(announced.replace('"', " ").split())


def test_arabic_is_read_from_right_to_left(browser: Browser, report: Path) -> None:
    """From the right: a word, the entity's words with its badges to their left, the next word; nothing overlaps."""
    with opened(browser, report) as page:
        row = page.locator("#sentences .card", has_text="rtl").locator("dd").nth(1)
        assert row.evaluate("row => getComputedStyle(row).direction") == "rtl"
        boxes = row.evaluate("""row => {
          const box = (node) => {
            const range = new Range();
            range.selectNodeContents(node);
            const { left, right } = range.getBoundingClientRect();
            return [left, right];
          };
          const mark = row.querySelector("mark");
          const [surface, type, , note] = mark.childNodes;
          return [mark.previousSibling, surface, type, note, mark.nextSibling].map(box);
        }""")
        assert len(boxes) == 5
        assert all(after[1] <= before[0] + 1 for before, after in pairwise(boxes)), boxes
        surface = page.locator("#surfaces [dir=auto]", has_text="محمد علي")
        assert surface.evaluate("cell => getComputedStyle(cell).direction") == "rtl"


def test_types_are_shown_by_name_and_not_only_by_color(browser: Browser, report: Path) -> None:
    with opened(browser, report) as page:
        marks = page.locator("mark")
        assert marks.count() > 10
        assert page.locator("mark b").count() == marks.count()
        assert page.locator("mark", has_text="<script>alert(1)</script>").count() == 1


def test_the_page_of_a_large_file_says_how_much_it_leaves_out(browser: Browser, tmp_path: Path) -> None:
    many = [replace(each, id=f"{copy}-{each.id}") for copy in range(200) for each in SENTENCES]
    analysis = analyse(many)
    file = PredictionAnalysis(Path("test.jsonl"), analysis, None)
    write_report(tmp_path / "report.html", file, error_tables(analysis))
    with opened(browser, tmp_path / "report.html") as page:
        assert len(visible_cards(page)) == MAX_SENTENCES
        said = page.locator("#sentences > .note").inner_text()
        assert said.startswith("800 sentences have errors; 300 of them are shown")
        assert said.endswith("500 are left out.")
        page.get_by_role("button", name="PER, missed: 200", exact=True).click()
        shown = len(visible_cards(page))
        assert 75 <= shown < 200
        assert page.locator("output").inner_text() == f"errors shown: {shown} of 200, sentences: {shown}"


@pytest.mark.parametrize(
    ("sentences", "f1"), [(SENTENCES[:1], "100.00"), (SENTENCES[5:], "–")], ids=["no error", "no entity"]
)
def test_a_page_without_errors_is_valid(browser: Browser, tmp_path: Path, sentences: list, f1: str) -> None:
    analysis = analyse(sentences, {})
    write_report(tmp_path / "report.html", PredictionAnalysis(Path("test.jsonl"), analysis, {}), error_tables(analysis))
    with opened(browser, tmp_path / "report.html", viewport={"width": 390, "height": 800}) as page:
        assert visible_cards(page) == []
        assert overflow(page) == 0
        assert page.locator(".tiles div").first.inner_text().split("\n") == ["F1, %", f1]
        assert "0 sentences have errors" in page.locator("#sentences > .note").inner_text()
