"""The page that shows a corpus report."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from markupsafe import Markup

from ner_lightning.console import printable
from ner_lightning.corpora.checks.printed_report import details, facts, split_tables
from ner_lightning.corpora.checks.report import CorpusReport
from ner_lightning.evaluation.corpus.plots import Bars, bar_plot, length_shares, subword_shares
from ner_lightning.evaluation.pages.html import render
from ner_lightning.evaluation.pages.plots import plot_for_any_window
from ner_lightning.evaluation.pages.tables import Table
from ner_lightning.terminal_tables import TerminalTable

MAX_LINES: Final = 200  # of a list; the JSON report has all of them
MAX_TYPES: Final = 30  # in the plot
EM_SPACE: Final = "\u2003"  # an indentation, which browsers keep


def corpus_page(report: CorpusReport) -> str:
    """Return the page as HTML."""
    severities = {"error": report.errors, "warning": report.warnings, "note": report.notes}
    lists = {title: [*map(printable, lines)] for title, lines in details(report).items() if lines}
    values = {
        "date": date.today().isoformat(),
        "tiles": {f"{severity}s": len(lines) for severity, lines in severities.items()},
        "findings": [(severity, printable(line)) for severity, lines in severities.items() for line in lines],
        "facts": facts(report),
        "tables": [_page_table(table) for table in split_tables(report)],
        "plots": dict(_plots(report)),
        "lists": {title: lines[:MAX_LINES] for title, lines in lists.items()},
        "sizes": {title: len(lines) for title, lines in lists.items()},
    }
    return render("corpus.html", "Corpus report", values)


def _page_table(table: TerminalTable) -> Table:
    rows = tuple(tuple(printable(cell).replace("  ", EM_SPACE) for cell in row) for row in table.rows)
    return Table(table.title, table.header, rows, note=table.note)


def _plots(report: CorpusReport) -> Iterator[tuple[str, Markup]]:
    """Yield each plot with its title."""
    splits = report.splits
    types = {name: split.entities_by_type for name, split in splits.items() if split.num_entities}
    totals = {kind: sum(of.get(kind, 0) for of in types.values()) for kinds in types.values() for kind in kinds}
    names = sorted(totals, key=lambda kind: (-totals[kind], kind))[:MAX_TYPES]
    shares: Bars = {
        name: {kind: 100 * count / splits[name].num_entities for kind, count in of_split.items()}
        for name, of_split in types.items()
    }
    if names:
        yield "Entities by type", _plot((shares, names), "entities of the split (%)")
    lengths = length_shares({name: split.sentences_by_length for name, split in splits.items()})
    yield "Words per sentence", _plot(lengths, "sentences of the split (%)")
    subwords = {name: split.subwords for name, split in splits.items() if split.subwords is not None}
    if subwords:
        by_length = length_shares({name: of_split.sentences_by_length for name, of_split in subwords.items()})
        yield "Subwords per sentence", _plot(by_length, "sentences of the split (%)")
        by_word = subword_shares({name: of_split.words_by_subwords for name, of_split in subwords.items()})
        yield "Subwords per word", _plot(by_word, "words of the split (%)")


def _plot(bars: tuple[Bars, list[str]], x_label: str) -> Markup:
    return plot_for_any_window(lambda width: bar_plot(*bars, x_label, width))
