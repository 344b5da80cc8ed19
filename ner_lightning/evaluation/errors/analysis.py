"""What a predictions file tells of a model's errors."""

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
    """The sentences of a predictions file with their entities paired, and what is known besides.

    Args:
        sentences: The sentences.
        pairs: The pairs of every sentence.
        scores: The counts of exact matches.
        training: The surfaces annotated in training; None where they are not known.
        strict: The strict reading; None where there are no predicted tags, or their scheme is not known.
        strict_scores: Its counts of exact matches.
        scheme_was_given: Whether somebody told the scheme of the tags, which is else recognised by their look.
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
        """The types that are annotated or predicted, in alphabetical order."""
        return list(self.scores.by_type)

    def all_pairs(self) -> Iterator[tuple[PredictedSentence, EntityPair]]:
        """Every pair with its sentence."""
        for sentence, pairs in zip(self.sentences, self.pairs, strict=True):
            yield from ((sentence, pair) for pair in pairs)

    def errors(self) -> Iterator[tuple[PredictedSentence, EntityPair]]:
        """Every pair that is not correct, with its sentence."""
        return ((sentence, pair) for sentence, pair in self.all_pairs() if pair.kind != "correct")

    def compared(self) -> Iterator[tuple[PredictedSentence, EntitySpan, EntitySpan]]:
        """Every gold entity that has a counterpart, with it: the sentence, the gold and the predicted one."""
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
        sentences: The sentences.
        training: The surfaces annotated in training, where they are known.
        scheme: The label scheme of the predicted tags; None recognises it by their look.

    Raises:
        ValueError: If a predicted tag is malformed, or none of the scheme's.
    """
    has_tags = all(sentence.predicted_tags is not None for sentence in sentences)
    read_in = (scheme or recognized_scheme(sentences)) if has_tags else None
    strict = None if read_in is None else read_strictly(sentences, read_in)
    return ErrorAnalysis(
        sentences,
        [pair_entities(sentence.gold, sentence.predicted) for sentence in sentences],
        score(sentences),
        training,
        strict,
        None if strict is None else score(strict.sentences),
        scheme is not None,
    )


def about_strict(analysis: ErrorAnalysis) -> str:
    """What there is to say of the strict reading, in a sentence or two."""
    strict, scores = analysis.strict, analysis.strict_scores
    if strict is None or scores is None:
        if any(sentence.predicted_tags is None for sentence in analysis.sentences):
            return "No strict scores: not every sentence has predicted tags."
        return "No strict scores: the look of the predicted tags does not tell their scheme; --scheme would."
    scheme = strict.scheme.name if analysis.scheme_was_given else f"{strict.scheme.name}, as the tags look,"
    f1, ill_formed = 100 * scores.overall.f1, 100 * strict.ill_formed
    told = f"Strict F1 {f1:.2f}: only what {scheme} can write; ill-formed sentences {ill_formed:.2f} %."
    if strict.contradicting:
        told += f" In {strict.contradicting:,} sentences the predicted entities are not those of the predicted tags."
    return told


def problem(pair: EntityPair) -> str:
    """What is wrong with a pair, in two or three words."""
    if pair.kind == "wrong boundary":
        return str(pair.boundary)
    return f"wrong type, {pair.boundary}" if pair.kind == "wrong both" else pair.kind


def describe(pair: EntityPair) -> str:
    """The same with the types.

    >>> from ner_lightning.entities import EntitySpan
    >>> describe(EntityPair(EntitySpan(0, 2, "PER"), EntitySpan(0, 1, "LOC")))
    'PER as LOC, too short'
    >>> describe(EntityPair(EntitySpan(0, 2, "PER"), None))
    'PER missed'
    """
    types = list(dict.fromkeys(entity.entity_type for entity in (pair.gold, pair.predicted) if entity is not None))
    if len(types) == 1:
        return f"{types[0]} {problem(pair)}"
    return problem(pair).replace("wrong type", " as ".join(types))
