"""The corpus report as tables and lists for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from ner_lightning.corpora.checks.counts import Lengths, SplitStatistics, SubwordStatistics
from ner_lightning.corpora.checks.report import CorpusReport
from ner_lightning.corpora.reader import NoteKind, describe_kind
from ner_lightning.terminal_tables import TerminalTable, print_item, print_table

MAX_LINES: Final = 10  # of a list; the report's data has all of them

Row = tuple[str, Callable[[SplitStatistics], str]]
SPLIT_ROWS: tuple[Row, ...] = (
    ("sentences", lambda split: f"{split.num_sentences:,}"),
    ("  without entities", lambda split: count_text(split.sentences_without_entities, split.num_sentences)),
    ("  repeated", lambda split: count_text(split.repeated_sentences, split.num_sentences)),
    ("  also in train", lambda split: count_text(split.sentences_in_train, split.num_sentences)),
    ("  nearly in train", lambda split: count_text(split.near_duplicates, split.num_sentences)),
    ("documents", lambda split: f"{split.num_documents:,}" if split.num_documents else "not given"),
    ("words", lambda split: f"{split.num_words:,}"),
    ("  not annotated", lambda split: count_text(split.num_unannotated, split.num_words)),
    ("  per sentence", lambda split: lengths_text(split.lengths)),
    ("entities", lambda split: f"{split.num_entities:,}"),
    ("  also in train", lambda split: count_text(split.entities_in_train, split.num_entities)),
    ("  mean words", lambda split: f"{split.mean_entity_length:.2f}"),
    ("  most words", lambda split: f"{split.longest_entity}"),
)
SUBWORD_ROWS: tuple[tuple[str, Callable[[SubwordStatistics, SplitStatistics], str]], ...] = (
    ("subwords", lambda subwords, _: f"{subwords.num_subwords:,}"),
    ("  per sentence", lambda subwords, _: lengths_text(subwords.lengths)),
    ("  beyond the window", lambda subwords, split: count_text(subwords.longer_than_window, split.num_sentences)),
    ("  per word", lambda subwords, split: f"{subwords.num_subwords / max(split.num_words, 1):.2f}"),
    ("words of several subwords", lambda subwords, split: count_text(subwords.words_split, split.num_words)),
    ("words without subwords", lambda subwords, _: f"{sum(subwords.words_without_subwords.values()):,}"),
)


def print_report(report: CorpusReport, console: Console) -> None:
    """Print a corpus report: tables first, then warnings and errors."""
    for table in split_tables(report):
        print_table(console, table)
    for title, lines in details(report).items():
        print_list(console, title, lines, "cyan")
    for fact in facts(report):
        console.print(Text(f"{fact}\n"))
    print_list(console, "Notes", report.notes, "cyan", limit=len(report.notes))
    print_list(console, "Warnings", report.warnings, "yellow", limit=len(report.warnings))
    print_list(console, "Errors", report.errors, "red", limit=len(report.errors))
    if not report.errors and not report.warnings:
        console.print(Text("No errors, no warnings.", style="green"))


def split_tables(report: CorpusReport) -> list[TerminalTable]:
    """Return the tables with a column for each split."""
    tables = [_split_table(report), _type_table(report)]
    return [*tables, _notes_table(report)] if any(report.notes_by_kind.values()) else tables


def details(report: CorpusReport) -> dict[str, Sequence[str]]:
    """Return the lists of the report by title, most of them with file and line; some may be empty."""
    by_kind = {
        describe_kind(kind).capitalize(): [
            line for of_split in report.notes_by_kind.values() for line in of_split.get(kind, ())
        ]
        for kind in _note_kinds(report)
    }
    ambiguous = [
        f"{surface}: {', '.join(f'{kind} {count}' for kind, count in types.items())}"
        for surface, types in report.ambiguous_surfaces.items()
    ]
    return {
        "Label scheme": [f"{split}: {evidence}" for split, evidence in report.scheme_evidence.items()],
        **by_kind,
        "Words without subwords": _words_without_subwords(report),
        "Equal entities with several types": ambiguous,
        "Equal sentences with different entities": report.label_conflicts,
    }


def facts(report: CorpusReport) -> list[str]:
    """Return sentences on the whole corpus."""
    verb = "distinguish" if report.cased else "do not distinguish"
    sentences = [f"Capital letters {verb} entities from other words.", skew_text(report)]
    if report.optimizer_steps is not None:
        sentences.append(f"A run with this configuration takes {report.optimizer_steps:,} optimizer steps.")
    return sentences


def skew_text(report: CorpusReport) -> str:
    """Return a sentence on the entities that raw text splits differently from the words of the corpus."""
    shares = ", ".join(f"{name} {count_text(skew.moved, skew.num_entities)}" for name, skew in report.skew.items())
    return f"Entities with other boundaries when {report.word_splitter} splits raw text: {shares}."


def print_list(console: Console, title: str, lines: Sequence[str], style: str, limit: int = MAX_LINES) -> None:
    """Print a titled list of at most ``limit`` lines that says how many there are; nothing if there are no lines."""
    if lines:
        console.print(Text(f"{title} ({len(lines)})", style=f"bold {style}"))
        for line in lines[:limit]:
            print_item(console, line)
        if len(lines) > limit:
            console.print(Text(f"   … and {len(lines) - limit} more"))
        console.print()


def count_text(count: int | None, total: int) -> str:
    """Return a count with its share, or a dash if there is no count.

    >>> count_text(5, 200), count_text(None, 200)
    ('5 (2.5%)', '-')
    """
    return "-" if count is None else f"{count:,} ({count / max(total, 1):.1%})"


def lengths_text(lengths: Lengths) -> str:
    """Return median, 99th percentile and maximum, short enough for a column."""
    return f"{lengths.median} / {lengths.p99} / {lengths.maximum}"


def _split_table(report: CorpusReport) -> TerminalTable:
    splits = report.splits.values()
    rows = [(title, *(cell(split) for split in splits)) for title, cell in SPLIT_ROWS]
    if any(split.subwords for split in splits):
        for title, subword_cell in SUBWORD_ROWS:
            cells = (subword_cell(s.subwords, s) if s.subwords else "-" for s in splits)
            rows.append((title, *cells))
    return _table("Splits", report, rows, "per sentence: median / 99th percentile / maximum")


def _type_table(report: CorpusReport) -> TerminalTable:
    kinds = sorted({kind for split in report.splits.values() for kind in split.entities_by_type})
    splits = report.splits.values()
    rows = [(kind, *(f"{split.entities_by_type.get(kind, 0):,}" for split in splits)) for kind in kinds]
    return _table("Entities by type", report, rows)


def _notes_table(report: CorpusReport) -> TerminalTable:
    notes = [report.notes_by_kind.get(name, {}) for name in report.splits]
    rows = [
        (describe_kind(kind), *(f"{len(of_split.get(kind, ())):,}" for of_split in notes))
        for kind in _note_kinds(report)
    ]
    return _table("Repaired, dropped or renamed by the reader", report, rows)


def _note_kinds(report: CorpusReport) -> list[NoteKind]:
    return sorted({kind for notes in report.notes_by_kind.values() for kind in notes})


def _table(title: str, report: CorpusReport, rows: Sequence[tuple[str, ...]], note: str = "") -> TerminalTable:
    """Return a table with a column for each split."""
    return TerminalTable(title, ("", *report.splits), tuple(rows), note=note)


def _words_without_subwords(report: CorpusReport) -> list[str]:
    return [
        f"{name}: {word} ({count})"
        for name, split in report.splits.items()
        if split.subwords
        for word, count in split.subwords.words_without_subwords.items()
    ]
