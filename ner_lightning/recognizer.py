"""The recognizer: raw text or words to entities, by a saved bundle; it needs no Lightning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, overload

import torch

from ner_lightning.bundle import Bundle, load_bundle
from ner_lightning.encoding.batch_sampler import plan_evaluation
from ner_lightning.encoding.batches import EncodedWindow, EvaluationBatch, split_into_passes, tag_rows
from ner_lightning.entities import EntitySpan
from ner_lightning.schemes import IGNORE_INDEX
from ner_lightning.sentences import Sentence

MAX_SUBWORDS = 4096


@dataclass(frozen=True, slots=True)
class RecognizedEntity:
    """An entity in a text: ``text == input[start:end]``.

    Args:
        start: Its first character.
        end: Behind its last character.
        text: The characters from start to end.
        type: Its entity type.
        score: Its probability; None where the decoder gives none.
    """

    start: int
    end: int
    text: str
    type: str
    score: float | None

    def to_plain(self) -> dict[str, Any]:
        """The entity as JSON can hold it."""
        return asdict(self)


class EntityRecognizer:
    """Finds the entities of texts of any length; nothing is cut.

    Texts are computed together in batches of like length, which changes no result.

    Args:
        bundle: A loaded bundle.
        device: Where to compute: ``cpu``, ``cuda``.
    """

    def __init__(self, bundle: Bundle, device: str | torch.device = "cpu") -> None:
        self.settings = bundle.settings
        self.window_encoder, self.transitions = bundle.window_encoder, bundle.transitions
        self.classifier = bundle.classifier.to(device).eval()
        self.device = device

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str | torch.device = "cpu") -> Self:
        """Load a bundle, the folder ``model/`` of a run.

        Raises:
            BundleError: If it cannot be loaded.
        """
        return cls(load_bundle(folder), device)

    @overload
    def __call__(self, texts: str) -> list[RecognizedEntity]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, texts: Sequence[str]) -> list[list[RecognizedEntity]]: ...

    def __call__(self, texts: str | Sequence[str]) -> list[RecognizedEntity] | list[list[RecognizedEntity]]:
        """The entities of a text, or of each text.

        Raises:
            ValueError: If a text is not valid Unicode.
        """
        if isinstance(texts, str):
            return self([texts])[0]
        sentences = [self.split(text) for text in texts]
        found = self.recognize(sentences)
        return [locate(sentence, spans) for sentence, spans in zip(sentences, found, strict=True)]

    def split(self, text: str) -> Sentence:
        """The words of a text, by the word splitter of the bundle."""
        if not isinstance(text, str):
            raise TypeError(f"a text must be a string, got {text!r:.60}; recognize_words takes sentences of words")
        offsets = tuple(self.settings.word_splitter.split(text))
        return Sentence(tuple(text[start:end] for start, end in offsets), text=text, word_offsets=offsets)

    def recognize_words(
        self, sentences: Iterable[Sequence[str]], max_subwords: int = MAX_SUBWORDS
    ) -> list[tuple[EntitySpan, ...]]:
        """The entities of sentences that are split into words already, as spans of words.

        Raises:
            ValueError: If a sentence is a string, or a word is not valid Unicode.
        """
        return self.recognize((_sentence_of(words) for words in sentences), max_subwords)

    def recognize(
        self, sentences: Iterable[Sentence], max_subwords: int = MAX_SUBWORDS
    ) -> list[tuple[EntitySpan, ...]]:
        """The entities of sentences (or whole texts), in order; entities that they hold already are not read.

        Args:
            sentences: The sentences.
            max_subwords: The most subwords that are computed at once (or one window).

        Raises:
            ValueError: If a word is not valid Unicode, or the model computes NaN.
        """
        bare = [sentence.with_entities(()) for sentence in sentences]
        for sentence in bare:
            _require_unicode(sentence.words)
        windows = [windows for _, windows in self.window_encoder.encode(bare)]
        lengths = [sum(len(window.input_ids) for window in row) for row in windows]
        found: list[tuple[EntitySpan, ...]] = [()] * len(bare)
        for indices in plan_evaluation(lengths, max_subwords):
            batch = self._collate([bare[i] for i in indices], [windows[i] for i in indices], max_subwords)
            for index, entities in zip(indices, self._entities(batch), strict=True):
                found[index] = entities
        return found

    def _collate(
        self, sentences: Sequence[Sentence], windows: Sequence[list[EncodedWindow]], max_subwords: int
    ) -> EvaluationBatch:
        passes = split_into_passes((window for row in windows for window in row), max_subwords)
        # of sentences without gold, the rows only say where words are
        rows = tag_rows(sentences, self.settings.tags)
        return EvaluationBatch(tuple(self.window_encoder.collate(run) for run in passes), tuple(sentences), rows, rows)

    @torch.inference_mode()
    def _entities(self, batch: EvaluationBatch) -> list[tuple[EntitySpan, ...]]:
        decoder, tags = self.settings.decoder, self.settings.tags
        logits = self.classifier.sentence_logits(batch.to(self.device)).cpu()
        if not logits.isfinite().all():  # they would be read as no entity
            raise ValueError("the model must give finite logits, got NaN or infinity")
        tag_ids = decoder.tag_ids(logits, batch.gold != IGNORE_INDEX, tags, self.transitions)
        return decoder.entities(logits, tag_ids, tags, self.transitions)


def locate(sentence: Sentence, spans: Iterable[EntitySpan]) -> list[RecognizedEntity]:
    """Spans of words as characters of the sentence's text; words without a text are joined by blanks.

    >>> locate(Sentence(("in", "New", "York")), [EntitySpan(1, 3, "LOC", 0.9)])
    [RecognizedEntity(start=3, end=11, text='New York', type='LOC', score=0.9)]
    """
    text, offsets = sentence.as_text()
    entities = []
    for span in spans:
        start, end = offsets[span.start][0], offsets[span.end - 1][1]
        entities.append(RecognizedEntity(start, end, text[start:end], span.entity_type, span.score))
    return entities


def _sentence_of(words: Sequence[str]) -> Sentence:
    if isinstance(words, str):
        raise ValueError(f"a sentence must be a list of words, got the text {words[:40]!r}; call the recognizer")
    return Sentence(tuple(words))


def _require_unicode(words: Sequence[str]) -> None:
    try:
        "".join(words).encode()
    except UnicodeEncodeError as error:
        found = f"the lone surrogate {error.object[error.start]!a}"
        raise ValueError(f"words must be valid Unicode, got {found}") from None
