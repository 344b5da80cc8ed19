"""JSON Lines: one sentence per line, with entities by characters or by words, or with tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from ner_lightning.atomic_files import whole_file
from ner_lightning.corpora.column_files import DEFAULT_SCHEME, LOST_BOUNDARY, mark_unannotated, write_tags
from ner_lightning.corpora.reader import SPLIT_NAMES, Corpus, CorpusError, CorpusWriter, SplitName
from ner_lightning.corpora.reading.flat_spans import SpanReading
from ner_lightning.corpora.reading.interpretation import SplitContent, interpret
from ner_lightning.corpora.reading.json_rows import Row, is_valid_text, is_whole_number, read_rows
from ner_lightning.corpora.reading.json_spans import SPANS_KEYS, spans_of
from ner_lightning.corpora.reading.other_formats import advice_on_other_formats
from ner_lightning.corpora.reading.raw_sentences import RawRow, RawSpan, SpannedText, SpannedWords, TaggedSentence
from ner_lightning.corpora.reading.split_reader import FileReader, SplitFiles
from ner_lightning.corpora.reading.tag_spelling import UNANNOTATED_NUMBERS, TagSpelling
from ner_lightning.corpora.tools.gliner import gliner_words
from ner_lightning.corpora.tools.prodigy import prodigy_text
from ner_lightning.corpora.writing.losses import LOST_TEXT, Losses
from ner_lightning.corpora.writing.split_writer import Json, json_line, names_of
from ner_lightning.corpora.writing.text_spans import text_spans
from ner_lightning.schemes import LabelScheme, SourceScheme
from ner_lightning.sentences import Sentence
from ner_lightning.tags import entities_of
from ner_lightning.word_splitting import PunctuationSplitter, WordSplitter

Form = Literal["auto", "characters", "words", "tags"]

FORMS_IN_WORDS: Final = '"text" and "entities", or "words" and "entities", or "tokens" and "ner_tags"'
WORDS_EXAMPLE: Final = '[0, 1, "PER"]'


@dataclass(frozen=True)
class JsonLines(FileReader):
    """Reads JSON Lines, one sentence (or text) per line, or a JSON array of such objects, in one of three forms.

    By characters, {"text": "Bill left", "entities": [{"start": 0, "end": 4, "type": "PER"}]}. By words,
    {"words": ["Bill", "left"], "entities": [[0, 1, "PER"]]}. With tags, as in Hugging Face datasets,
    {"tokens": ["Bill", "left"], "ner_tags": ["B-PER", "O"]}. Ends are excluded. "id" and "document_id" are optional,
    and so is "unannotated" beside "words", the positions of words that nobody annotated: they are neither learned nor
    scored. Other keys are ignored. A span that cuts a word is widened to whole words, a span outside the text is
    dropped, and of two overlapping spans the longer is kept; all of these are listed.

    Exports of Prodigy, doccano, spaCy and GLiNER are recognized by their keys.

    Args:
        word_splitter: The word splitter for texts; null splits at spaces and around punctuation, or into characters if
            the entities of scripts without spaces need it.
        tag_names: The tags that the numbers in "ner_tags" stand for, in order from 0.
        scheme: The label scheme of the tags; null recognizes it in each split and reports the reason.
        tags: The spelling of the tags.
        spans: The reading of overlapping entities.
    """

    word_splitter: WordSplitter | None = None
    tag_names: list[str] | None = None
    scheme: SourceScheme | None = None
    tags: TagSpelling = TagSpelling()
    spans: SpanReading = field(default=SpanReading(), kw_only=True)

    def read_split(self, split: SplitName, source: SplitFiles) -> SplitContent:
        with advice_on_other_formats(source, self.encoding, "JsonLines"):
            rows = [self._read(row) for path in source.paths for row in read_rows(path, self.encoding)]
        return interpret(
            rows,
            split,
            scheme=self.scheme,
            spelling=self.tags,
            word_splitter=self.word_splitter,
            span_reading=self.spans,
        )

    def _read(self, row: Row) -> RawRow:
        if "answer" in row.values:
            return prodigy_text(row)
        if {"tokenized_text", "ner"} <= row.values.keys():
            return gliner_words(row)
        words_key, entities_key = form_of(row)
        if words_key != "words" and "unannotated" in row.values:
            raise CorpusError(f'{row.place}: "unannotated" gives positions in "words", got it beside "{words_key}"')
        names = row.name("id") or "", row.name("document_id")
        if words_key == "text":
            return SpannedText(row.text(), spans_of(row, entities_key), row.path, row.line, *names)
        if words_key == "words":
            unannotated = unannotated_of(row)
            return SpannedWords(row.words("words"), word_spans_of(row), row.path, row.line, *names, unannotated)
        words = row.words("tokens")
        return TaggedSentence(words, tags_of(row, self.tag_names), row.path, [row.line] * len(words), *names)


def form_of(row: Row) -> tuple[str, str]:
    """Return the two keys that hold the words and the entities.

    Raises:
        CorpusError: If there is not exactly one such pair.
    """
    pairs = [*(("text", key) for key in SPANS_KEYS), ("words", "entities"), ("tokens", "ner_tags")]
    forms = [form for form in pairs if row.values.keys() >= set(form)]
    if len(forms) != 1:
        raise CorpusError(
            f"{row.place}: must have the keys {FORMS_IN_WORDS} (one pair), got {row.keys_in_words}; "
            f"the readers Prodigy, Doccano, LabelStudio and SpacyTuples read exports of these tools"
        )
    return forms[0]


def word_spans_of(row: Row) -> list[RawSpan]:
    """Return the entities of a row that are given as spans of words.

    Raises:
        CorpusError: If one is not a list of start, end and type.
    """
    for value in row.items("entities"):
        if not isinstance(value, list):
            raise row.error("entities", f"a list of spans such as {WORDS_EXAMPLE}", value)
    return spans_of(row, "entities")


def unannotated_of(row: Row) -> tuple[int, ...]:
    """Return the positions of the words of a row that nobody annotated.

    Raises:
        CorpusError: If they are not a list of whole numbers.
    """
    positions = row.items("unannotated") if "unannotated" in row.values else []
    if not all(map(is_whole_number, positions)):
        raise row.error("unannotated", "a list of positions of words", positions)
    return tuple(positions)


def tags_of(row: Row, tag_names: Sequence[str] | None) -> list[str]:
    """Return the tags of a row, with their names in place of numbers.

    Raises:
        CorpusError: If a tag is neither a text nor a number with a name, or there is not one tag per word.
    """
    values = row.items("ner_tags")
    if not all(is_valid_text(value) or is_whole_number(value) for value in values):
        raise row.error("ner_tags", "a list of tags", values)
    num_words = len(row.values["tokens"])
    if len(values) != num_words:
        raise CorpusError(f"{row.place}: every word needs one tag, got {num_words} words and {len(values)} tags")
    values = [str(value) if value in UNANNOTATED_NUMBERS else value for value in values]
    numbers = [value for value in values if is_whole_number(value)]
    if numbers and tag_names is None:
        raise row.error("ner_tags", "names of tags, unless tag_names lists the names of numbers", values)
    for number in numbers:
        if tag_names is not None and not 0 <= number < len(tag_names):
            raise row.error("ner_tags", f"numbers from 0 to {len(tag_names) - 1}, as given by tag_names", number)
    return [tag_names[value] if tag_names and is_whole_number(value) else value for value in values]


class JsonLinesWriter(CorpusWriter):
    """Writes train.jsonl, validation.jsonl and test.jsonl.

    Args:
        word_splitter: The word splitter that will read the texts, to report where it will split them differently from
            the words of the corpus; null is the one that splits at spaces and around punctuation.
        form: The form of the entities: characters, words or tags; auto writes a sentence with a raw text by
            characters, and any other sentence by words.
        scheme: The label scheme of the form tags: BIO, BIOES or IO.
    """

    def __init__(
        self,
        word_splitter: WordSplitter | None = None,
        form: Form = "auto",
        scheme: LabelScheme = DEFAULT_SCHEME,
    ) -> None:
        self.word_splitter = word_splitter or PunctuationSplitter()
        self.form = form
        self.scheme = scheme

    def write(self, corpus: Corpus, output_dir: str) -> list[str]:
        losses = Losses()
        for split in SPLIT_NAMES:
            if split in corpus.splits:
                rows = (json_line(self._row(sentence, losses)) for sentence in corpus.splits[split])
                with whole_file(Path(output_dir, f"{split}.jsonl")) as file:
                    file.writelines(rows)
        return losses.described()

    def _row(self, sentence: Sentence, losses: Losses) -> Json:
        names = names_of(sentence)
        if self.form == "characters" or (self.form == "auto" and sentence.text is not None):
            losses.add_resplit(sentence, self.word_splitter)
            spans = [
                {"start": span.start, "end": span.end, "type": span.entity_type, **_score(span.score)}
                for span in text_spans(sentence, losses)
            ]
            return names | {"text": sentence.as_text()[0], "entities": spans}
        losses.add(LOST_TEXT, sentence.text is not None)
        losses.add_scores(sentence)
        if self.form == "tags":
            tags = write_tags(sentence, self.scheme)
            losses.add(LOST_BOUNDARY, entities_of(tags) != list(sentence.entities))
            return names | {"tokens": sentence.words, "ner_tags": mark_unannotated(tags, sentence)}
        spans_of_words = [[entity.start, entity.end, entity.entity_type] for entity in sentence.entities]
        unannotated = {"unannotated": list(sentence.unannotated)} if sentence.unannotated else {}
        return names | {"words": sentence.words, "entities": spans_of_words} | unannotated


def _score(score: float | None) -> dict[str, float]:
    return {} if score is None else {"score": score}
