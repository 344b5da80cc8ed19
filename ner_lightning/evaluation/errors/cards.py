"""The sentences with errors that a page shows, each as a card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from random import Random
from typing import Final

from markupsafe import escape

from ner_lightning.evaluation.errors.analysis import ErrorAnalysis, describe, error_name
from ner_lightning.evaluation.errors.suspects import Suspect
from ner_lightning.evaluation.pages.sentence_rows import Highlight, Row, sentence_rows
from ner_lightning.evaluation.pages.tables import TypeLabel
from ner_lightning.metrics.error_types import ERROR_KINDS, EntityPair, ErrorKind
from ner_lightning.predictions import PredictedSentence

MAX_SENTENCES: Final = 300  # on a page
MAX_BYTES: Final = 800_000  # of all cards, so that a page stays below a megabyte
MARKUP_BYTES: Final = 60  # per entity


@dataclass(frozen=True, slots=True)
class ErrorCard:
    """A sentence with errors, as a page shows it.

    Args:
        title: The sentence's id and a description of its errors.
        rows: The gold entities above the predicted ones.
        text: The text that the page's search looks through: the id and the whole sentence, on one line each.
        errors: The :func:`error_key` of every error, used by the page's filter.
    """

    title: str
    rows: Sequence[Row]
    text: str = ""
    errors: Sequence[str] = ()

    @property
    def num_bytes(self) -> int:
        """The approximate size of the card on a page."""
        pieces = [piece for row in self.rows for piece in row.pieces]
        entities = [piece.highlight for piece in pieces if piece.highlight is not None]
        texts = [*(piece.text for piece in pieces), *(f"{shown.label}{shown.note}" for shown in entities)]
        all_text = " ".join([self.title, self.text, *self.errors, *texts])
        return len(escape(all_text).encode()) + MARKUP_BYTES * len(entities)


def error_cards(analysis: ErrorAnalysis, labels: Mapping[str, TypeLabel]) -> list[ErrorCard]:
    """Return cards for the sentences with errors, in the order of the file; cards that do not fit are left out."""
    cards: dict[int, ErrorCard] = {}
    left = MAX_BYTES
    for index in drawing_order(analysis.pairs):
        card = _error_card(analysis.sentences[index], analysis.pairs[index], labels)
        if card.num_bytes <= left:
            left -= card.num_bytes
            cards[index] = card
        if len(cards) == MAX_SENTENCES:
            break
    return [cards[index] for index in sorted(cards)]


def _error_card(sentence: PredictedSentence, pairs: Sequence[EntityPair], labels: Mapping[str, TypeLabel]) -> ErrorCard:
    errors = [pair for pair in pairs if pair.kind != "correct"]
    description = ", ".join(
        error if times == 1 else f"{times} × {error}" for error, times in Counter(map(describe, errors)).items()
    )
    return ErrorCard(
        f"{sentence.id} · {description}",
        error_rows(sentence, pairs, labels, errors),
        f"{sentence.id}\n{' '.join(sentence.words)}",
        [error_key(pair, list(labels)) for pair in errors],
    )


def suspect_cards(
    analysis: ErrorAnalysis, suspects: Iterable[Suspect], labels: Mapping[str, TypeLabel]
) -> list[ErrorCard]:
    """Return a card for every suspect, with the entities around it."""
    pairs_by_id = {sentence.id: pairs for sentence, pairs in zip(analysis.sentences, analysis.pairs, strict=True)}
    return [
        ErrorCard(
            f"{suspect.score:.3f} · {describe(suspect.pair)} · {suspect.sentence.id}",
            error_rows(suspect.sentence, pairs_by_id[suspect.sentence.id], labels, [suspect.pair]),
        )
        for suspect in suspects
    ]


def error_key(pair: EntityPair, entity_types: Sequence[str]) -> str:
    """Return a key for an error: the numbers of its kind, gold type and predicted type, separated by colons.

    The type is left empty on a side that has no entity.

    >>> from ner_lightning.entities import EntitySpan
    >>> error_key(EntityPair(EntitySpan(0, 1, "PER"), EntitySpan(0, 1, "LOC")), ["LOC", "PER"])
    '1:1:0'
    >>> error_key(EntityPair(EntitySpan(0, 1, "PER"), None), ["LOC", "PER"])
    '4:1:'
    """
    gold, predicted = (
        "" if entity is None else entity_types.index(entity.entity_type) for entity in (pair.gold, pair.predicted)
    )
    return f"{ERROR_KINDS.index(pair.kind)}:{gold}:{predicted}"


def drawing_order(pairs_by_sentence: Sequence[Sequence[EntityPair]]) -> Iterator[int]:
    """Draw sentences with errors in an order in which the kinds of errors and entity types take turns.

    For each kind and type, sentences are drawn in a random order that is the same in every call.

    Args:
        pairs_by_sentence: For every sentence, its pairs of gold and predicted entities.

    Returns:
        The indices of all sentences with errors, each once.
    """
    by_error: dict[tuple[ErrorKind, str], list[int]] = {}
    for index, pairs in enumerate(pairs_by_sentence):
        for error in sorted({error for pair in pairs if pair.kind != "correct" for error in _kinds_with_type(pair)}):
            by_error.setdefault(error, []).append(index)
    drawn = [Random(0).sample(indices, len(indices)) for _, indices in sorted(by_error.items())]
    in_turn = chain.from_iterable(zip_longest(*drawn))
    return iter(dict.fromkeys(index for index in in_turn if index is not None))


def _kinds_with_type(pair: EntityPair) -> Iterator[tuple[ErrorKind, str]]:
    """Yield the kind of error once with the gold type and once with the predicted type."""
    return ((pair.kind, entity.entity_type) for entity in (pair.gold, pair.predicted) if entity is not None)


def error_rows(
    sentence: PredictedSentence,
    pairs: Iterable[EntityPair],
    labels: Mapping[str, TypeLabel],
    about: Iterable[EntityPair],
) -> list[Row]:
    """Return the sentence with its gold entities above the predicted ones; errors are marked and named.

    Args:
        sentence: The sentence.
        pairs: Its pairs of gold and predicted entities.
        labels: The label of every entity type.
        about: The pairs in question; a long sentence is shortened to their surroundings.
    """
    gold, predicted = [], []
    for pair in pairs:
        wrong = pair.kind != "correct"
        if pair.gold is not None:
            note = "missed" if pair.predicted is None else "mispredicted" if wrong else ""
            gold.append(Highlight(pair.gold, labels[pair.gold.entity_type], note, wrong))
        if pair.predicted is not None:
            score = "" if pair.predicted.score is None else f"{pair.predicted.score:.2f}"
            note = f"{error_name(pair)} {score}".strip() if wrong else score
            predicted.append(Highlight(pair.predicted, labels[pair.predicted.entity_type], note, wrong))
    in_question = [entity for pair in about for entity in (pair.gold, pair.predicted) if entity is not None]
    return sentence_rows(sentence.words, {"gold": gold, "predicted": predicted}, in_question)
