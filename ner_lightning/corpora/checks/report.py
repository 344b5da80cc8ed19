"""The corpus report: what a corpus holds and what is wrong with it, as data and as tables in 80 columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from ner_lightning.corpora.reader import NoteKind, SplitName, kind_in_words
from ner_lightning.terminal_tables import TerminalTable, print_item, print_table

NUM_LINES = 10  # of a list; all are in the report's data


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of sentences: the median, the 95th and 99th percentile (nearest rank), and the maximum."""

    median: int
    p95: int
    p99: int
    maximum: int

    @classmethod
    def of(cls, lengths: Iterable[int]) -> Lengths:
        """The percentiles of one or more lengths; zeros where there is none.

        >>> Lengths.of([3, 1, 2])
        Lengths(median=2, p95=3, p99=3, maximum=3)
        """
        ordered = sorted(lengths) or [0]
        median, p95, p99 = (ordered[-(-len(ordered) * percent // 100) - 1] for percent in (50, 95, 99))
        return cls(median, p95, p99, ordered[-1])


@dataclass(frozen=True, slots=True)
class SubwordStatistics:
    """The words of a split as a tokenizer cuts them.

    Args:
        num_subwords: Subwords of all words, where a word that has none counts as one (the unknown subword).
        lengths: Subwords of a sentence, without special subwords.
        words_without_subwords: Code points of each word that the tokenizer gives no subword, and its count.
        longer_than_window: Sentences of more subwords than the window takes; None where no window was given.
    """

    num_subwords: int
    lengths: Lengths
    words_without_subwords: dict[str, int]
    longer_than_window: int | None


@dataclass(frozen=True, slots=True)
class SplitStatistics:
    """The numbers of one split.

    Args:
        num_sentences: Sentences, with or without entities.
        num_words: Words of all sentences.
        num_documents: Documents, as far as the corpus names them; 0 where it doesn't.
        entities_by_type: Number of entities of each type, sorted by type.
        mean_entity_length: Words of an entity in the mean; 0 where there is none.
        longest_entity: Words of the longest entity; 0 where there is none.
        sentences_without_entities: Sentences that hold no entity.
        sentences_without_words: Sentences that hold no word.
        lengths: Words of a sentence.
        repeated_sentences: Sentences with the same words as an earlier one of the split.
        repeated_ids: Sentence ids that stand for more than one sentence of the split.
        sentences_in_train: Sentences with the same words as one of train; None where that says nothing.
        entities_in_train: Entities whose surface is an entity in train too; None where that says nothing.
        subwords: The same words in subwords, where a tokenizer was given.
    """

    num_sentences: int
    num_words: int
    num_documents: int
    entities_by_type: dict[str, int]
    mean_entity_length: float
    longest_entity: int
    sentences_without_entities: int
    sentences_without_words: int
    lengths: Lengths
    repeated_sentences: int
    repeated_ids: tuple[str, ...]
    sentences_in_train: int | None = None
    entities_in_train: int | None = None
    subwords: SubwordStatistics | None = None

    @property
    def num_entities(self) -> int:
        return sum(self.entities_by_type.values())


@dataclass(frozen=True, slots=True)
class CorpusReport:
    """What a corpus holds and what is wrong with it.

    Args:
        splits: The numbers of each split.
        scheme_evidence: For each split read from tags, the recognised scheme and why.
        notes_by_kind: For each split and kind, all notes that the reader left, with file and line.
        ambiguous_surfaces: Entity surfaces of several types, with the count of each type; commonest first.
        label_conflicts: A line for all sentences of the same words that have different entities.
        cased: Whether capital letters tell entity words from others, see ``statistics.entities_are_cased``.
        errors: What makes the corpus unfit, a line each.
        warnings: What will cost quality or distort scores, a line each.
    """

    splits: Mapping[SplitName, SplitStatistics]
    scheme_evidence: Mapping[SplitName, str]
    notes_by_kind: Mapping[SplitName, Mapping[NoteKind, Sequence[str]]]
    ambiguous_surfaces: dict[str, dict[str, int]]
    label_conflicts: tuple[str, ...]
    cased: bool
    errors: tuple[str, ...]
    warnings: tuple[str, ...]

    def to_plain(self) -> dict[str, Any]:
        """The report as JSON holds it."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


Row = tuple[str, Callable[[SplitStatistics], str]]
SPLIT_ROWS: tuple[Row, ...] = (
    ("sentences", lambda split: f"{split.num_sentences:,}"),
    ("  without entities", lambda split: count_text(split.sentences_without_entities, split.num_sentences)),
    ("  repeated", lambda split: count_text(split.repeated_sentences, split.num_sentences)),
    ("  in train too", lambda split: count_text(split.sentences_in_train, split.num_sentences)),
    ("documents", lambda split: f"{split.num_documents:,}" if split.num_documents else "not told"),
    ("words", lambda split: f"{split.num_words:,}"),
    ("  of a sentence", lambda split: lengths_text(split.lengths)),
    ("entities", lambda split: f"{split.num_entities:,}"),
    ("  seen in train", lambda split: count_text(split.entities_in_train, split.num_entities)),
    ("  words in the mean", lambda split: f"{split.mean_entity_length:.2f}"),
    ("  words at most", lambda split: f"{split.longest_entity}"),
)
SUBWORD_ROWS: tuple[tuple[str, Callable[[SubwordStatistics, int], str]], ...] = (
    ("subwords", lambda subwords, _: f"{subwords.num_subwords:,}"),
    ("  of a sentence", lambda subwords, _: lengths_text(subwords.lengths)),
    ("  past the window", lambda subwords, total: count_text(subwords.longer_than_window, total)),
    ("words without subwords", lambda subwords, _: f"{sum(subwords.words_without_subwords.values()):,}"),
)


def print_report(report: CorpusReport, console: Console) -> None:
    """Print a corpus report: tables first, then what is wrong."""
    print_table(console, _split_table(report))
    print_table(console, _type_table(report))
    if any(report.notes_by_kind.values()):
        print_table(console, _notes_table(report))
    scheme = [f"{split}: {evidence}" for split, evidence in report.scheme_evidence.items()]
    print_list(console, "Label scheme", scheme, "cyan")
    for kind in _note_kinds(report):
        lines = [line for notes in report.notes_by_kind.values() for line in notes.get(kind, ())]
        print_list(console, kind_in_words(kind).capitalize(), lines, "cyan")
    print_list(console, "Words without subwords", _words_without_subwords(report), "cyan")
    ambiguous = [
        f"{surface}: {', '.join(f'{kind} {count}' for kind, count in types.items())}"
        for surface, types in report.ambiguous_surfaces.items()
    ]
    print_list(console, "Same surface, several types", ambiguous, "cyan")
    print_list(console, "Same sentence, different entities", report.label_conflicts, "cyan")
    cased = "tell" if report.cased else "do not tell"
    console.print(Text(f"Capital letters {cased} entities from other words.\n"))
    print_list(console, "Warnings", report.warnings, "yellow", limit=len(report.warnings))
    print_list(console, "Errors", report.errors, "red", limit=len(report.errors))
    if not report.errors and not report.warnings:
        console.print(Text("No errors, no warnings.", style="green"))


def print_list(console: Console, title: str, lines: Sequence[str], style: str, limit: int = NUM_LINES) -> None:
    """Print a titled list of at most ``limit`` lines that says how many there are; nothing for no line."""
    if lines:
        console.print(Text(f"{title} ({len(lines)})", style=f"bold {style}"))
        for line in lines[:limit]:
            print_item(console, line)
        if len(lines) > limit:
            console.print(Text(f"   … and {len(lines) - limit} more"))
        console.print()


def count_text(count: int | None, total: int) -> str:
    """A count with its share; a dash where it does not apply.

    >>> count_text(5, 200), count_text(None, 200)
    ('5 (2.5%)', '-')
    """
    return "-" if count is None else f"{count:,} ({count / max(total, 1):.1%})"


def lengths_text(lengths: Lengths) -> str:
    """Median, 99th percentile and maximum, short enough for a column."""
    return f"{lengths.median} / {lengths.p99} / {lengths.maximum}"


def _split_table(report: CorpusReport) -> TerminalTable:
    splits = report.splits.values()
    rows = [(title, *(cell(split) for split in splits)) for title, cell in SPLIT_ROWS]
    if any(split.subwords for split in splits):
        for title, subword_cell in SUBWORD_ROWS:
            cells = (subword_cell(s.subwords, s.num_sentences) if s.subwords else "-" for s in splits)
            rows.append((title, *cells))
    return _table("Splits", report, rows, "of a sentence: median / 99th percentile / longest")


def _type_table(report: CorpusReport) -> TerminalTable:
    kinds = sorted({kind for split in report.splits.values() for kind in split.entities_by_type})
    splits = report.splits.values()
    rows = [(kind, *(f"{split.entities_by_type.get(kind, 0):,}" for split in splits)) for kind in kinds]
    return _table("Entities by type", report, rows)


def _notes_table(report: CorpusReport) -> TerminalTable:
    notes = [report.notes_by_kind.get(name, {}) for name in report.splits]
    rows = [
        (kind_in_words(kind), *(f"{len(of_split.get(kind, ())):,}" for of_split in notes))
        for kind in _note_kinds(report)
    ]
    return _table("What the reader mended, dropped or renamed", report, rows)


def _note_kinds(report: CorpusReport) -> list[NoteKind]:
    return sorted({kind for notes in report.notes_by_kind.values() for kind in notes})


def _table(title: str, report: CorpusReport, rows: Sequence[tuple[str, ...]], note: str = "") -> TerminalTable:
    """A table with a column for each split."""
    return TerminalTable(title, ("", *report.splits), tuple(rows), note=note)


def _words_without_subwords(report: CorpusReport) -> list[str]:
    return [
        f"{name}: {word} ({count})"
        for name, split in report.splits.items()
        if split.subwords
        for word, count in split.subwords.words_without_subwords.items()
    ]
