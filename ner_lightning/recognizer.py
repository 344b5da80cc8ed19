"""The recognizer: finds entities in raw text or words with a saved bundle, without Lightning."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, overload

import torch

from ner_lightning.bundle import Bundle
from ner_lightning.encoding.batch_sampler import plan_evaluation
from ner_lightning.encoding.batches import EncodedWindow, EvaluationBatch, label_rows, split_into_passes, tag_rows
from ner_lightning.encoding.passages import Passage
from ner_lightning.entities import EntitySpan
from ner_lightning.predictions import PredictedSentence
from ner_lightning.sentences import Sentence
from ner_lightning.stock_models import load_model
from ner_lightning.unicode_text import lone_surrogate

MAX_SUBWORDS = 4096
BLOCK_WORDS: Final = 50_000


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


@dataclass(frozen=True, slots=True)
class TextPart:
    """A sentence of a text.

    Args:
        sentence: Its words.
        text: Index of the text.
        first_word: Index of its first word in the text.
        is_last: True if it ends the text.
    """

    sentence: Sentence
    text: int
    first_word: int
    is_last: bool


class DecodedSentence(NamedTuple):
    """The entities of a sentence, and the tag ids that they were read from, with -100 after the last word."""

    entities: tuple[EntitySpan, ...]
    tag_ids: list[int]


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
    def from_pretrained(cls, name_or_path: str | Path, device: str | torch.device = "cpu") -> Self:
        """Load a bundle, which is the folder ``model/`` of a run, or another token classifier of ``transformers``.

        Args:
            name_or_path: The folder of the model, or its id on the Hugging Face hub.
            device: The device that computes.

        Raises:
            BundleError: If there is no such model, it is damaged, or its labels are not tags.
        """
        return cls(load_model(name_or_path), device)

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

        A text is split into sentences as its bundle says. Words without a text are one sentence, unless there are too
        many for a window. If the model reads documents or context, the sentences of a text are a document, and so are
        those of all texts with the same ``document_id``.

        Args:
            sentences: The sentences or texts.
            max_subwords: Largest number of subwords in a batch; a longer window is computed by itself.
            after_batch: Called after each batch with the number of texts that it completed, to show progress.

        Raises:
            ValueError: If a word is not valid Unicode, or the model computes NaN.
        """
        texts = list(sentences)
        for text in texts:
            _require_unicode(text.words)
        found: list[list[EntitySpan]] = [[] for _ in texts]
        parts = list(self._parts(texts))
        passages = self.window_encoder.passages([part.sentence for part in parts])
        spans_by_part: dict[int, tuple[EntitySpan, ...]] = {}
        for block in blocks_of_words(passages):
            for batch in self._batches(block, max_subwords):
                spans_by_part |= {i: spans for i, (spans, _) in batch.items()}
                if after_batch is not None:
                    after_batch(sum(parts[i].is_last for i in batch))
        for i, part in enumerate(parts):
            found[part.text] += (shifted(span, part.first_word) for span in spans_by_part[i])
        return [tuple(spans) for spans in found]

    def predict_annotated(
        self,
        sentences: Sequence[Sentence],
        max_subwords: int = MAX_SUBWORDS,
        after_batch: Callable[[int], None] | None = None,
    ) -> list[PredictedSentence]:
        """Return annotated sentences with the predicted entities, exactly as ``test`` of a run finds them.

        No sentence is split further, and nothing is predicted on words that nobody annotated.

        Args:
            sentences: The sentences.
            max_subwords: Largest number of subwords in a batch; a longer sentence is computed by itself.
            after_batch: Called after each batch with the number of its sentences, to show progress.

        Raises:
            ValueError: If a word is not valid Unicode, or the model computes NaN.
        """
        for sentence in sentences:
            _require_unicode(sentence.words)
        bare = [sentence.with_entities(()) for sentence in sentences]
        found: dict[int, DecodedSentence] = {}
        for batch in self._batches(list(self.window_encoder.passages(bare)), max_subwords):
            found |= batch
            if after_batch is not None:
                after_batch(len(batch))
        names = self.settings.tags.tags
        return [
            PredictedSentence.of(sentence, entities, tuple(names[tag_id] for tag_id in tag_ids[: len(sentence)]))
            for sentence, (entities, tag_ids) in zip(sentences, (found[i] for i in range(len(bare))), strict=True)
        ]

    def _parts(self, texts: Sequence[Sentence]) -> Iterator[TextPart]:
        """Yield the sentences of all texts, named by their document, which is the text if it has no document."""
        for index, text in enumerate(texts):
            name = f"text {index}" if text.document_id is None else f"document {text.document_id}"
            for start, end in self._sentences_of(text):
                part = replace(text.part(start, end), document_id=name)
                yield TextPart(part, index, start, is_last=end == len(text))

    def _sentences_of(self, text: Sentence) -> list[tuple[int, int]]:
        """Return the first word of each sentence of a text, and the word after its last."""
        if text.text is None and len(text) <= self.window_encoder.tokenizer.capacity:
            return [(0, len(text))]
        raw, offsets = text.as_text()
        return word_ranges(self.settings.sentence_splitter.starts(raw), offsets)

    def _batches(self, passages: Sequence[Passage], max_subwords: int) -> Iterator[dict[int, DecodedSentence]]:
        """Yield the entities and tags of the sentences of passages by position, in batches of similar length."""
        windows = [windows for _, windows in self.window_encoder.encode_passages(passages)]
        lengths = [sum(len(window.input_ids) for window in row) for row in windows]
        for indices in plan_evaluation(lengths, max_subwords):
            sentences = [sentence for i in indices for sentence in passages[i].sentences]
            positions = [position for i in indices for position in passages[i].positions]
            batch = self._collate(sentences, [windows[i] for i in indices], max_subwords)
            yield dict(zip(positions, self._decode(batch), strict=True))

    def _collate(
        self, sentences: Sequence[Sentence], windows: Sequence[list[EncodedWindow]], max_subwords: int
    ) -> EvaluationBatch:
        passes = split_into_passes((window for row in windows for window in row), max_subwords)
        # without gold entities, the rows only mark words
        rows, labels = (rows_of(sentences, self.settings.tags) for rows_of in (tag_rows, label_rows))
        return EvaluationBatch(
            tuple(self.window_encoder.collate(run) for run in passes), tuple(sentences), rows, labels
        )

    @torch.inference_mode()
    def _decode(self, batch: EvaluationBatch) -> list[DecodedSentence]:
        decoder, tags = self.settings.decoder, self.settings.tags
        logits = self.classifier.sentence_logits(batch.to(self.device)).cpu()
        if not logits.isfinite().all():  # they would be read as no entity
            raise ValueError("the model must give finite logits, got NaN or infinity")
        tag_ids = batch.scored(decoder.tag_ids(logits, batch.mask, tags, self.transitions), tags)
        entities = decoder.entities(logits, tag_ids, tags, self.transitions)
        return [DecodedSentence(*row) for row in zip(entities, tag_ids.tolist(), strict=True)]


def word_ranges(starts: Sequence[int], offsets: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the first word of each sentence and the word after its last; a sentence without words is left out.

    Args:
        starts: Start of each sentence in the text, the first of which is 0.
        offsets: Start and end of each word. A start within a word is ignored.

    >>> word_ranges([0, 6, 8], [(0, 5), (5, 7), (9, 12)])
    [(0, 2), (2, 3)]
    """
    begins = [start for start, _ in offsets]
    borders = {0, len(begins)}
    for start in starts:
        word = bisect_left(begins, start)
        if word and offsets[word - 1][1] <= start:
            borders.add(word)
    return list(pairwise(sorted(borders))) or [(0, 0)]


def blocks_of_words(passages: Iterable[Passage]) -> Iterator[list[Passage]]:
    """Yield passages in blocks of about ``BLOCK_WORDS`` words, which bounds the memory for long texts."""
    block: list[Passage] = []
    num_words = 0
    for passage in passages:
        block.append(passage)
        num_words += passage.borders[-1] + len(passage.after)
        if num_words >= BLOCK_WORDS:
            yield block
            block, num_words = [], 0
    if block:
        yield block


def shifted(span: EntitySpan, num_words: int) -> EntitySpan:
    """Return a span that starts a number of words later."""
    return replace(span, start=span.start + num_words, end=span.end + num_words)


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
