"""From sentences as a file has them to sentences with entities: the step that all readers share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ner_lightning.corpora.reader import CorpusError, ReadingNote, SplitName
from ner_lightning.corpora.reading.document_lines import texts_of
from ner_lightning.corpora.reading.flat_spans import FittedSpans, SpanReading, fit_to_text, fit_to_words
from ner_lightning.corpora.reading.offset_units import with_code_point_offsets
from ner_lightning.corpora.reading.raw_sentences import (
    RawRow,
    RawSentence,
    Skipped,
    SpannedText,
    SpannedWords,
    TaggedSentence,
)
from ner_lightning.corpora.reading.source_tags import understand_tags
from ner_lightning.corpora.reading.tag_spelling import TagSpelling
from ner_lightning.schemes import SourceScheme
from ner_lightning.sentences import Sentence
from ner_lightning.word_splitting import CharacterSplitter, PunctuationSplitter, WordSplitter

MAX_TEXTS: Final = 2_000  # enough to choose a word splitter
MAX_CUT_SHARE: Final = 0.1  # spans that cut words, above which the other word splitter is tried


@dataclass(frozen=True, slots=True)
class SplitContent:
    """The sentences of one split, with everything that a corpus keeps about reading them.

    Args:
        sentences: The sentences, each with an id.
        notes: Everything that was repaired or dropped, in the order of the files.
        scheme_evidence: A sentence that names the label scheme and the reason; None if there are no tags.
        word_splitter: The word splitter that split the texts into words; None if there are no texts.
    """

    sentences: tuple[Sentence, ...]
    notes: tuple[ReadingNote, ...] = ()
    scheme_evidence: str | None = None
    word_splitter: WordSplitter | None = None


def interpret(
    raw_rows: Iterable[RawRow],
    split: SplitName,
    *,
    scheme: SourceScheme | None = None,
    spelling: TagSpelling = TagSpelling(),
    tag_hint: str = "",
    word_splitter: WordSplitter | None = None,
    span_reading: SpanReading = SpanReading(),
) -> SplitContent:
    """Turn tags and spans into entities, split texts into words, and give every sentence an id.

    Args:
        raw_rows: All rows of the split, in any form.
        split: The split.
        scheme: The label scheme of the tags; None recognizes it.
        spelling: The spelling of the tags, as far as the user states it.
        tag_hint: The settings that choose the tags, for the error about a malformed tag.
        word_splitter: The word splitter for texts; None is ``PunctuationSplitter``, or ``CharacterSplitter`` if
            the spans show that entities end within the words of the former.
        span_reading: The reading of overlapping and discontinuous spans.

    Raises:
        CorpusError: If a tag is malformed, or two sentences have the same id.
    """
    rows, notes = with_code_point_offsets(list(raw_rows), split)
    rows = [line for row in rows for line in texts_of(row)]
    raw = [row for row in rows if not isinstance(row, Skipped)]
    ids = iter(unique_ids(raw, split))
    tagged = [sentence for sentence in raw if isinstance(sentence, TaggedSentence)]
    source_tags = understand_tags(tagged, scheme, spelling, tag_hint)
    texts = [row for row in raw if isinstance(row, SpannedText) and row.word_offsets is None]
    splitter = word_splitter or fitting_text_splitter(texts)
    sentences: list[Sentence] = []
    for row in rows:
        if isinstance(row, Skipped):
            notes.append(ReadingNote(split, "row_skipped", row.reason, row.path, row.line))
            continue
        name = next(ids)
        if isinstance(row, TaggedSentence):
            sentence = Sentence(
                tuple(row.words),
                source_tags.entities(row),
                name,
                row.document_id,
                row.text,
                row.word_offsets,
                source_tags.unannotated_words(row),
            )
            notes += source_tags.notes(row, split, name)
        else:
            sentence, fitted = _from_spans(row, splitter, name, span_reading)
            notes += (ReadingNote(split, kind, text, row.path, row.line, name) for kind, text in fitted.problems)
        sentences.append(sentence)
    return SplitContent(
        tuple(sentences), tuple(notes), source_tags.evidence if tagged else None, splitter if texts else None
    )


def _from_spans(
    row: SpannedWords | SpannedText, splitter: WordSplitter, name: str, reading: SpanReading
) -> tuple[Sentence, FittedSpans]:
    """Return the sentence of a row with spans, and how its spans were read."""
    if isinstance(row, SpannedWords):
        fitted = fit_to_words(row.spans, row.words, reading.overlaps)
        words = tuple(row.words)
        try:
            return Sentence(words, fitted.entities, name, row.document_id, unannotated=row.unannotated), fitted
        except ValueError as error:  # of unannotated words
            raise CorpusError(f"{row.path}:{row.line}: {error}") from None
    offsets = tuple(splitter.split(row.text)) if row.word_offsets is None else row.word_offsets
    words = tuple(row.text[start:end] for start, end in offsets)
    fitted = fit_to_text(row.spans, row.text, offsets, reading)
    return Sentence(words, fitted.entities, name, row.document_id, row.text, offsets), fitted


def fitting_text_splitter(rows: Sequence[SpannedText]) -> WordSplitter:
    """Return the word splitter whose words the spans of texts seldom cut: by punctuation, or by characters."""
    annotated = [row for row in rows if row.spans][:MAX_TEXTS]
    by_punctuation, by_characters = (_share_of_cuts(annotated, s) for s in (PunctuationSplitter(), CharacterSplitter()))
    is_by_characters = by_punctuation > MAX_CUT_SHARE and by_characters < by_punctuation / 2
    return CharacterSplitter() if is_by_characters else PunctuationSplitter()


def _share_of_cuts(rows: Sequence[SpannedText], splitter: WordSplitter) -> float:
    """Return the share of spans that start or end within a word."""
    num_cuts = 0
    for row in rows:
        inside = {place for start, end in splitter.split(row.text) for place in range(start + 1, end)}
        num_cuts += sum(span.start in inside or span.end in inside for span in row.spans)
    return num_cuts / max(sum(len(row.spans) for row in rows), 1)


def unique_ids(sentences: Sequence[RawSentence], split: SplitName) -> list[str]:
    """Return the ids of the sentences of a split; a sentence without an id is named after its split and position.

    Raises:
        CorpusError: If two sentences have the same id.
    """
    position_by_id: dict[str, int] = {}
    for position, sentence in enumerate(sentences):
        name = sentence.id or f"{split}-{position}"
        first = sentences[position_by_id.setdefault(name, position)]
        if first is not sentence:
            place = f"line {first.line}" if first.path == sentence.path else f"{first.path}:{first.line}"
            raise CorpusError(
                f"{sentence.path}:{sentence.line}: the id of a sentence must be unique in its split, "
                f"{name!r} is also used in {place}"
            )
    return list(position_by_id)
