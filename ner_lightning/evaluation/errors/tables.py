"""The tables of an error analysis, for the terminal, the page and JSON."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.entity_groups import (
    Grouping,
    by_entity_length,
    by_familiarity,
    by_frequency,
    by_sentence_length,
)
from ner_lightning.evaluation.errors.analysis import ErrorAnalysis, describe
from ner_lightning.evaluation.pages.score_tables import SCORE_COLUMNS, score_cells, scores_table
from ner_lightning.evaluation.pages.tables import Frequencies, Percent, Table, type_labels
from ner_lightning.metrics.error_types import ERROR_KINDS, ErrorKind, Side, confused_types, count_kinds, count_semeval
from ner_lightning.predictions import PredictedSentence

PAIRING = (
    "Gold and predicted entities are paired one to one, largest overlap first; an entity left without a partner counts "
    "as missed or spurious."
)
BOUNDARIES = ("too long", "too short", "shifted")
MAX_ROWS = 20  # on a page, of tables that have a row for each confusion, word or surface


def error_tables(analysis: ErrorAnalysis) -> dict[str, Table]:
    """Return all tables by name, in the order of reading.

    The tables of confusions, words and surfaces have a row for each one that occurs, most frequent first.
    """
    tables = {
        "scores": scores_table(
            analysis.scores,
            "Scores by type",
            "A predicted entity counts as correct if its boundaries and type match the gold entity.",
        ),
        "semeval": semeval_table(analysis),
        "gold_kinds": kinds_table(analysis, "gold"),
        "predicted_kinds": kinds_table(analysis, "predicted"),
        "confusion": confusion_table(analysis),
        "boundaries": boundaries_table(analysis),
        "edge_words": edge_words_table(analysis),
        "surfaces": surfaces_table(analysis),
    }
    if analysis.training is not None:
        tables["familiarity"] = group_table(analysis, by_familiarity(analysis.training))
        tables["frequency"] = group_table(analysis, by_frequency(analysis.training))
    tables["entity_length"] = group_table(analysis, by_entity_length())
    tables["sentence_length"] = group_table(analysis, by_sentence_length())
    return tables


def semeval_table(analysis: ErrorAnalysis) -> Table:
    """Return the four measures of SemEval-2013."""
    counts_by_measure = count_semeval(pair for _, pair in analysis.all_pairs())
    rows = [
        (
            measure,
            Percent(counts.precision if counts.actual else None),
            Percent(counts.recall if counts.possible else None),
            Percent(counts.f1 if counts.actual or counts.possible else None),
            *(counts.correct, counts.incorrect, counts.partial, counts.missed, counts.spurious),
        )
        for measure, counts in counts_by_measure.items()
    ]
    return Table(
        "SemEval-2013 measures (%)",
        ("measure", "precision", "recall", "F1", "COR", "INC", "PAR", "MIS", "SPU"),
        tuple(rows),
        note="Strict requires the right boundaries and type (unlike the strict reading of a label scheme), exact the "
        "right boundaries, and type the right type and any overlap. Partial accepts any overlap, and counts one half "
        "if the boundaries are wrong. " + PAIRING,
    )


def kinds_table(analysis: ErrorAnalysis, side: Side) -> Table:
    """Return the number of gold or predicted entities by type and kind of error, with the total of each type first."""
    labels = type_labels(analysis.entity_types)
    other: ErrorKind = "spurious" if side == "gold" else "missed"
    kinds = [kind for kind in ERROR_KINDS if kind != other]
    counts = count_kinds((pair for _, pair in analysis.all_pairs()), side)
    return Table(
        f"{side.capitalize()} entities by kind of error",
        ("type", side, *kinds),
        _with_total((labels[name], kept.total(), *(kept[kind] for kind in kinds)) for name, kept in counts.items()),
        note=PAIRING,
        has_total=True,
    )


def confusion_table(analysis: ErrorAnalysis) -> Table:
    """Return the pairs of types that are confused with each other, where the boundaries are right."""
    labels = type_labels(analysis.entity_types)
    surfaces: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for sentence, pair in analysis.errors():
        for gold, predicted in confused_types(pair):
            if pair.gold is not None and gold is not None and predicted is not None:
                surfaces[gold, predicted][pair.gold.surface(sentence.words)] += 1
    rows = [
        (labels[gold], labels[predicted], Frequencies(names), names.total(), _share(analysis, gold, names.total()))
        for (gold, predicted), names in sorted(surfaces.items(), key=lambda item: (-item[1].total(), item[0]))
    ]
    return Table(
        "Confused types",
        ("gold", "predicted", "most often", "times", "share of gold (%)"),
        tuple(rows),
        text_columns=3,
        note="Only entities with the right boundaries are counted.",
    )


def confusion_matrix(analysis: ErrorAnalysis) -> Table:
    """Return how often each gold type is predicted as each type, where the boundaries are right.

    Only a page has room for this table.
    """
    labels = type_labels(analysis.entity_types)
    counts = Counter(types for _, pair in analysis.all_pairs() for types in confused_types(pair))
    return Table(
        "Gold types (rows) and predicted types (columns)",
        ("gold", *labels),
        tuple((label, *(counts[gold, predicted] for predicted in labels)) for gold, label in labels.items()),
        note="Only entities with the right boundaries are counted.",
    )


def boundaries_table(analysis: ErrorAnalysis) -> Table:
    """Return the number of entities with wrong boundaries, by gold type."""
    labels = type_labels(analysis.entity_types)
    counts: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    for _, pair in analysis.errors():
        if pair.gold is not None and pair.boundary in BOUNDARIES:
            counts[pair.gold.entity_type][pair.boundary] += 1
    return Table(
        "Wrong boundaries",
        ("gold", *BOUNDARIES),
        _with_total((labels[name], *(counts[name][boundary] for boundary in BOUNDARIES)) for name in sorted(counts)),
        note="Too long contains the whole gold entity, too short is part of it, and shifted overlaps it otherwise. The "
        "predicted type may be right or wrong.",
        has_total=True,
    )


def edge_words_table(analysis: ErrorAnalysis) -> Table:
    """Return the words that wrong boundaries add to an entity or leave out."""
    counts = Counter(edge for compared in analysis.compared() for edge in _edge_words(*compared))
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Table(
        "Words at wrong boundaries",
        ("words", "error", "times"),
        tuple((*edge, count) for edge, count in rows),
        text_columns=2,
    )


def _edge_words(sentence: PredictedSentence, gold: EntitySpan, predicted: EntitySpan) -> Iterator[tuple[str, str]]:
    edges = {
        "added at the start": (predicted.start, gold.start),
        "left out at the start": (gold.start, predicted.start),
        "added at the end": (gold.end, predicted.end),
        "left out at the end": (predicted.end, gold.end),
    }
    return ((" ".join(sentence.words[a:b]), edge) for edge, (a, b) in edges.items() if a < b)


def surfaces_table(analysis: ErrorAnalysis) -> Table:
    """Return the surfaces with errors: of gold entities, and of predicted entities without a gold counterpart."""
    annotated: Counter[str] = Counter()
    errors: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sentence, pair in analysis.all_pairs():
        entity = pair.gold or pair.predicted
        assert entity is not None
        surface = entity.surface(sentence.words)
        annotated[surface] += pair.gold is not None
        if pair.kind != "correct":
            errors[surface][describe(pair)] += 1
    rows = [
        (
            surface,
            Frequencies(kinds),
            Frequencies((analysis.training or {}).get(surface, {})),
            kinds.total(),
            annotated[surface],
        )
        for surface, kinds in sorted(errors.items(), key=lambda item: (-item[1].total(), item[0]))
    ]
    return Table(
        "Surfaces with the most errors",
        ("surface", "errors", "in training", "times", "gold"),
        tuple(rows),
        text_columns=3,
    )


def group_table(analysis: ErrorAnalysis, grouping: Grouping) -> Table:
    """Return the scores of each group of entities."""
    counts_by_group = grouping.scores(analysis.sentences)
    return Table(
        f"By {grouping.title}",
        (grouping.title, *SCORE_COLUMNS),
        tuple((name, *score_cells(counts)) for name, counts in counts_by_group.items()),
        note=grouping.note,
    )


def _with_total(rows: Iterable[tuple[Any, ...]]) -> tuple[tuple[Any, ...], ...]:
    rows = tuple(rows)
    columns = list(zip(*rows, strict=True))[1:]
    return (*rows, ("all", *map(sum, columns))) if rows else ()


def _share(analysis: ErrorAnalysis, gold_type: str, count: int) -> Percent:
    return Percent(count / analysis.scores.by_type[gold_type].gold)
