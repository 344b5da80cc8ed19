"""The analysis of a predictions file: gold and predicted entities in pairs, and their scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.scores import Scores, score
from ner_lightning.evaluation.strict_reading import StrictReading, read_strictly, recognized_scheme
from ner_lightning.metrics.error_types import EntityPair, pair_entities
from ner_lightning.predictions import PredictedSentence
from ner_lightning.runs.training_entities import TrainingEntities
from ner_lightning.schemes import LabelScheme


@dataclass(frozen=True, slots=True)
class ErrorAnalysis:
    """The sentences of a predictions file, their gold and predicted entities in pairs, and the scores.

    Args:
        sentences: The sentences.
        pairs: For every sentence, its pairs of gold and predicted entities.
        scores: Counts of exact matches.
        training: The surfaces annotated in training; None if they are unknown.
        strict: The predicted tags, read strictly; None if a sentence has no predicted tags, or if their label scheme
            is unknown.
        strict_scores: Counts of exact matches in the strict reading; None without one.
        scheme_was_given: True if the label scheme was given, False if it was recognized from the predicted tags.
    """

    sentences: Sequence[PredictedSentence]
    pairs: Sequence[Sequence[EntityPair]]
    scores: Scores
    training: TrainingEntities | None
    strict: StrictReading | None
    strict_scores: Scores | None
    scheme_was_given: bool

    @property
    def entity_types(self) -> list[str]:
        """The entity types that are annotated or predicted, in alphabetical order."""
        return list(self.scores.by_type)

    def all_pairs(self) -> Iterator[tuple[PredictedSentence, EntityPair]]:
        """Yield every pair with its sentence."""
        for sentence, pairs in zip(self.sentences, self.pairs, strict=True):
            yield from ((sentence, pair) for pair in pairs)

    def errors(self) -> Iterator[tuple[PredictedSentence, EntityPair]]:
        """Yield every pair that is an error, with its sentence."""
        return ((sentence, pair) for sentence, pair in self.all_pairs() if pair.kind != "correct")

    def compared(self) -> Iterator[tuple[PredictedSentence, EntitySpan, EntitySpan]]:
        """Yield the sentence, the gold entity and the predicted entity of every pair that has both."""
        for sentence, pair in self.all_pairs():
            if pair.gold is not None and pair.predicted is not None:
                yield sentence, pair.gold, pair.predicted


def analyse(
    sentences: Sequence[PredictedSentence],
    training: TrainingEntities | None = None,
    scheme: LabelScheme | None = None,
) -> ErrorAnalysis:
    """Pair and score the entities of a predictions file.

    Args:
        sentences: The sentences of the file.
        training: The surfaces annotated in training, if they are known.
        scheme: The label scheme of the predicted tags; None recognizes it from the tags.

    Raises:
        ValueError: If a predicted tag is malformed, or the scheme does not have it.
    """
    has_tags = all(sentence.predicted_tags is not None for sentence in sentences)
    scheme_of_tags = (scheme or recognized_scheme(sentences)) if has_tags else None
    strict = None if scheme_of_tags is None else read_strictly(sentences, scheme_of_tags)
    return ErrorAnalysis(
        sentences,
        [pair_entities(sentence.gold, sentence.predicted) for sentence in sentences],
        score(sentences),
        training,
        strict,
        None if strict is None else score(strict.sentences),
        scheme is not None,
    )


def strict_summary(analysis: ErrorAnalysis) -> str:
    """Return the strict F1 in a sentence or two, or the reason why it is missing."""
    strict, scores = analysis.strict, analysis.strict_scores
    if strict is None or scores is None:
        if any(sentence.predicted_tags is None for sentence in analysis.sentences):
            return "No strict scores: not every sentence has predicted tags."
        return "No strict scores: the label scheme of the predicted tags is unclear; set it with --scheme."
    scheme = strict.scheme.name if analysis.scheme_was_given else f"{strict.scheme.name}, recognized from the tags"
    f1, ill_formed = 100 * scores.overall.f1, 100 * strict.ill_formed
    summary = f"Strict F1 {f1:.2f} (label scheme {scheme}); ill-formed sentences {ill_formed:.2f} %."
    if strict.contradicting == 1:
        summary += " In 1 sentence, the predicted entities contradict the predicted tags."
    elif strict.contradicting:
        summary += f" In {strict.contradicting:,} sentences, the predicted entities contradict the predicted tags."
    return summary


def error_name(pair: EntityPair) -> str:
    """Return the kind of error of a pair in two or three words, including how its boundaries are wrong."""
    if pair.kind == "wrong boundary":
        return str(pair.boundary)
    return f"wrong type, {pair.boundary}" if pair.kind == "wrong both" else pair.kind


def describe(pair: EntityPair) -> str:
    """Return the kind of error with the entity types.

    >>> from ner_lightning.entities import EntitySpan
    >>> describe(EntityPair(EntitySpan(0, 2, "PER"), EntitySpan(0, 1, "LOC")))
    'PER as LOC, too short'
    >>> describe(EntityPair(EntitySpan(0, 2, "PER"), None))
    'PER missed'
    """
    types = list(dict.fromkeys(entity.entity_type for entity in (pair.gold, pair.predicted) if entity is not None))
    if len(types) == 1:
        return f"{types[0]} {error_name(pair)}"
    return error_name(pair).replace("wrong type", " as ".join(types))
