"""The recognizer: finds entities in raw text or words with a saved bundle, without Lightning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, overload

import torch

from ner_lightning.bundle import Bundle, load_bundle
from ner_lightning.encoding.batch_sampler import plan_evaluation
from ner_lightning.encoding.batches import EncodedWindow, EvaluationBatch, split_into_passes, tag_rows
from ner_lightning.entities import EntitySpan
from ner_lightning.sentences import Sentence
from ner_lightning.unicode_text import lone_surrogate

MAX_SUBWORDS = 4096


@dataclass(frozen=True, slots=True)
class RecognizedEntity:
    """An entity in a text: ``text == input[start:end]``.

    Args:
        start: Index of its first character.
        end: Index after its last character.
        text: The characters from start to end.
        type: Its entity type.
        score: Its probability, or None if the decoder gives no scores.
    """

    start: int
    end: int
    text: str
    type: str
    score: float | None

    def to_plain(self) -> dict[str, Any]:
        """Return the entity as plain data for JSON."""
        return asdict(self)


class EntityRecognizer:
    """Finds the entities of texts of any length, without truncation.

    Texts of similar length are computed in one batch, which does not change the entities.

    Args:
        bundle: A loaded bundle.
        device: The device that computes: ``cpu`` or ``cuda``.
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
            BundleError: If the folder is not a valid bundle.
        """
        return cls(load_bundle(folder), device)

    @overload
    def __call__(self, texts: str) -> list[RecognizedEntity]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, texts: Sequence[str]) -> list[list[RecognizedEntity]]: ...

    def __call__(self, texts: str | Sequence[str]) -> list[RecognizedEntity] | list[list[RecognizedEntity]]:
        """Return the entities of a text, or of each text.

        Raises:
            ValueError: If a text is not valid Unicode.
        """
        if isinstance(texts, str):
            return self([texts])[0]
        sentences = [self.split(text) for text in texts]
        found = self.recognize(sentences)
        return [locate(sentence, spans) for sentence, spans in zip(sentences, found, strict=True)]

    def split(self, text: str) -> Sentence:
        """Split a text into words with the word splitter of the bundle."""
        if not isinstance(text, str):
            raise TypeError(f"a text must be a string, got {text!r:.60}; use recognize_words for lists of words")
        offsets = tuple(self.settings.word_splitter.split(text))
        return Sentence(tuple(text[start:end] for start, end in offsets), text=text, word_offsets=offsets)

    def recognize_words(
        self, sentences: Iterable[Sequence[str]], max_subwords: int = MAX_SUBWORDS
    ) -> list[tuple[EntitySpan, ...]]:
        """Return the entities of sentences that are already split into words, as spans of words.

        Raises:
            ValueError: If a sentence is a string, or a word is not valid Unicode.
        """
        return self.recognize((_sentence_of(words) for words in sentences), max_subwords)

    def recognize(
        self,
        sentences: Iterable[Sentence],
        max_subwords: int = MAX_SUBWORDS,
        after_batch: Callable[[int], None] | None = None,
    ) -> list[tuple[EntitySpan, ...]]:
        """Return the predicted entities of sentences or whole texts, in order; their gold entities are ignored.

        Args:
            sentences: The sentences.
            max_subwords: Largest number of subwords in a batch; a longer window is computed by itself.
            after_batch: Called after each batch with its number of sentences, to show progress.

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
            if after_batch is not None:
                after_batch(len(indices))
        return found

    def _collate(
        self, sentences: Sequence[Sentence], windows: Sequence[list[EncodedWindow]], max_subwords: int
    ) -> EvaluationBatch:
        passes = split_into_passes((window for row in windows for window in row), max_subwords)
        # without gold entities, the rows only mark words
        rows = tag_rows(sentences, self.settings.tags)
        return EvaluationBatch(tuple(self.window_encoder.collate(run) for run in passes), tuple(sentences), rows, rows)

    @torch.inference_mode()
    def _entities(self, batch: EvaluationBatch) -> list[tuple[EntitySpan, ...]]:
        decoder, tags = self.settings.decoder, self.settings.tags
        logits = self.classifier.sentence_logits(batch.to(self.device)).cpu()
        if not logits.isfinite().all():  # they would be read as no entity
            raise ValueError("the model must give finite logits, got NaN or infinity")
        tag_ids = decoder.tag_ids(logits, batch.mask, tags, self.transitions)
        return decoder.entities(logits, tag_ids, tags, self.transitions)


def locate(sentence: Sentence, spans: Iterable[EntitySpan]) -> list[RecognizedEntity]:
    """Convert spans of words to characters of the text; words without a text are joined by spaces.

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
        raise ValueError(
            f"a sentence must be a list of words, got the text {words[:40]!r}; for texts, call the recognizer itself"
        )
    return Sentence(tuple(words))


def _require_unicode(words: Sequence[str]) -> None:
    if (found := lone_surrogate("".join(words))) is not None:
        raise ValueError(f"words must be valid Unicode, got the lone surrogate {found!a}")
