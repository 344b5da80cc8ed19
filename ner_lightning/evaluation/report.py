"""The page of an error analysis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from random import Random
from typing import Final

from ner_lightning.evaluation.analysed_files import AnalysedFile, analyse_file
from ner_lightning.evaluation.error_analysis import ErrorAnalysis, about_strict, describe, problem
from ner_lightning.evaluation.error_tables import MOST, confusion_matrix, error_tables
from ner_lightning.evaluation.page import Highlight, Row, render, sentence_rows
from ner_lightning.evaluation.run_folders import PREDICTIONS
from ner_lightning.evaluation.suspects import SURE, find_suspects
from ner_lightning.evaluation.tables import Percent, TypeLabel, type_labels
from ner_lightning.evaluation.training_entities import TrainingEntities
from ner_lightning.metrics.error_types import ERROR_KINDS, EntityPair, ErrorKind, pair_entities
from ner_lightning.predictions import PredictedSentence
from ner_lightning.whole_files import whole_file

MOST_SENTENCES: Final = 300  # with errors that a page shows, so that it stays below a megabyte
MOST_SUSPECTS: Final = 20
SHOWN_OF_RECORD: Final = ("seed", "commit", "corpus_checksum", "loss", "versions")

ErrorKey = tuple[ErrorKind, str]  # a kind of error, and an entity type that has part in it


@dataclass(frozen=True, slots=True)
class ErrorCard:
    """A sentence with errors as the page shows it.

    Args:
        title: Its id, and what is wrong.
        rows: Gold above predicted.
        errors: What the filter goes by.
    """

    title: str
    rows: Sequence[Row]
    errors: Collection[ErrorKey] = ()


def write_run_report(run_dir: Path, training: TrainingEntities) -> None:
    """Write the ``report.html`` of a run folder, on its test predictions or, where there are none, on validation's.

    Raises:
        ValueError: If a file of the run is damaged.
        OSError: If the page cannot be written.
    """
    paths = [run_dir / PREDICTIONS / f"{split}.jsonl" for split in ("test", "validation")]
    found = next((path for path in paths if path.is_file()), None)
    if found is not None:
        write_report(run_dir / "report.html", analyse_file(found, training))


def write_report(path: Path, file: AnalysedFile) -> None:
    """Write the page of an error analysis.

    Raises:
        OSError: If it cannot be written.
    """
    analysis, record = file.analysis, file.record or {}
    labels = type_labels(analysis.entity_types)
    suspects = find_suspects(analysis)
    cards = error_cards(analysis, labels)
    values = {
        "analysis": analysis,
        "tables": {name: table.head(MOST) for name, table in error_tables(analysis).items()},
        "confusion_matrix": confusion_matrix(analysis),
        "kinds": ERROR_KINDS[1:],
        "num_of_kind": Counter(pair.kind for _, pair in analysis.errors()),
        "num_with_errors": sum(any(pair.kind != "correct" for pair in pairs) for pairs in analysis.pairs),
        "cards": cards,
        "suspects": [
            ErrorCard(
                f"{suspect.score:.3f} · {describe(suspect.pair)} · {suspect.sentence.id}",
                error_rows(suspect.sentence, labels),
            )
            for suspect in suspects[:MOST_SUSPECTS]
        ],
        "num_suspects": len(suspects),
        "sure": SURE,
        "percent": Percent,
        "about_strict": about_strict(analysis),
        "record": {key: record[key] for key in SHOWN_OF_RECORD if key in record},
    }
    page = render("report.html", f"Errors in {file.path.stem} predictions", values, script="report.js")
    with whole_file(path) as output:
        output.write(page)


def error_cards(analysis: ErrorAnalysis, labels: Mapping[str, TypeLabel]) -> list[ErrorCard]:
    """The sentences with errors that the page has room for, in their order."""
    keys_of = [error_keys(pairs) for pairs in analysis.pairs]
    cards = []
    for index in choose_fairly(keys_of, MOST_SENTENCES):
        sentence, pairs = analysis.sentences[index], analysis.pairs[index]
        errors = Counter(describe(pair) for pair in pairs if pair.kind != "correct")
        told = ", ".join(error if times == 1 else f"{times} × {error}" for error, times in errors.items())
        cards.append(ErrorCard(f"{sentence.id} · {told}", error_rows(sentence, labels), sorted(keys_of[index])))
    return cards


def error_keys(pairs: Sequence[EntityPair]) -> set[ErrorKey]:
    """The kinds of errors of a sentence with the types that have part in each."""
    return {
        (pair.kind, entity.entity_type)
        for pair in pairs
        if pair.kind != "correct"
        for entity in (pair.gold, pair.predicted)
        if entity is not None
    }


def choose_fairly(keys_of: Sequence[Collection[ErrorKey]], most: int) -> list[int]:
    """Choose sentences so that each kind of error of each type is shown as often as the others, as far as it occurs.

    Of each, sentences are drawn in turn, in a random order that is the same each time.

    Args:
        keys_of: The errors of every sentence; those without any are not chosen.
        most: How many sentences to choose at most.

    Returns:
        Their indices, in order.
    """
    by_key: dict[ErrorKey, list[int]] = {}
    for index, keys in enumerate(keys_of):
        for key in sorted(keys):
            by_key.setdefault(key, []).append(index)
    drawn = [Random(0).sample(indices, len(indices)) for _, indices in sorted(by_key.items())]
    in_turn = (index for index in chain.from_iterable(zip_longest(*drawn)) if index is not None)
    return sorted(list(dict.fromkeys(in_turn))[:most])


def error_rows(sentence: PredictedSentence, labels: Mapping[str, TypeLabel]) -> list[Row]:
    """The sentence with its gold entities above the predicted ones; errors are marked and named."""
    gold, predicted = [], []
    for pair in pair_entities(sentence.gold, sentence.predicted):
        wrong = pair.kind != "correct"
        if pair.gold is not None:
            note = "missed" if pair.predicted is None else ""
            gold.append(Highlight(pair.gold, labels[pair.gold.entity_type], note, wrong))
        if pair.predicted is not None:
            score = "" if pair.predicted.score is None else f"{pair.predicted.score:.2f}"
            note = f"{problem(pair)} {score}".strip() if wrong else score
            predicted.append(Highlight(pair.predicted, labels[pair.predicted.entity_type], note, wrong))
    return sentence_rows(sentence.words, {"gold": gold, "predicted": predicted})
