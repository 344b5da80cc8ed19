"""JSON Lines: a sentence a line, with entities by characters or by words, or with tags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ner_lightning.atomic_files import whole_file
from ner_lightning.corpora.flat_spans import Fitted, fit_to_text, fit_to_words
from ner_lightning.corpora.json_rows import Row
from ner_lightning.corpora.reader import (
    SPLIT_NAMES,
    Corpus,
    CorpusReader,
    CorpusWriter,
    ReadingNote,
    SplitName,
    require_sentences,
)
from ner_lightning.corpora.tagged_sentences import TaggedSentence, ill_formed_notes, recognise_scheme
from ner_lightning.corpora.text_files import paths_of_splits, read_lines, resolve_path, with_ids
from ner_lightning.schemes import SourceScheme
from ner_lightning.sentences import Sentence
from ner_lightning.word_splitting import PunctuationSplitter, WordSplitter


class JsonLines(CorpusReader):
    """Reads JSON Lines, a sentence (or text) a line, in one of three forms.

    By characters, {"text": "Bill left", "entities": [{"start": 0, "end": 4, "type": "PER"}]}. By words,
    {"words": ["Bill", "left"], "entities": [[0, 1, "PER"]]}. With tags, as in Hugging Face datasets,
    {"tokens": ["Bill", "left"], "ner_tags": ["B-PER", "O"]}. Ends are excluded. "id" and "document_id" may
    be added, other keys are not read. A span that cuts a word is widened to whole words, one that runs out of
    the text is dropped, and of two that overlap the longer is kept; each is listed.

    Args:
        train: Path of the training split. A path that begins with data/ is looked up in the folder that the
            environment variable NER_LIGHTNING_DATA names, where it is set.
        validation: Path of the validation split.
        test: Path of the test split.
        word_splitter: How a text becomes words; null splits at blanks and around punctuation.
        tag_names: The tags that numbers in "ner_tags" stand for, in order from 0.
        scheme: The label scheme of the tags; null recognises it in each file and says why.
    """

    def __init__(
        self,
        train: str | None = None,
        validation: str | None = None,
        test: str | None = None,
        word_splitter: WordSplitter | None = None,
        tag_names: list[str] | None = None,
        scheme: SourceScheme | None = None,
    ) -> None:
        self.paths = paths_of_splits(train, validation, test)
        self.word_splitter = word_splitter or PunctuationSplitter()
        self.tag_names = tag_names
        self.scheme = scheme

    def read(self) -> Corpus:
        splits: dict[SplitName, tuple[Sentence, ...]] = {}
        notes: list[ReadingNote] = []
        evidence: dict[SplitName, str] = {}
        for split, given_path in self.paths.items():
            path = resolve_path(given_path)
            found, file_notes, lines = self._read_rows(path, split)
            tagged = [sentence for sentence in found if isinstance(sentence, TaggedSentence)]
            if tagged:
                scheme, evidence[split] = recognise_scheme(tagged, self.scheme, str(path))
                file_notes += ill_formed_notes(tagged, scheme, split, str(path))
            sentences = [s.to_sentence() if isinstance(s, TaggedSentence) else s for s in found]
            splits[split] = require_sentences(with_ids(sentences, split, path, lines), split, str(path))
            notes += sorted(file_notes, key=lambda note: note.line)
        return Corpus(splits, tuple(notes), evidence)

    def _read_rows(
        self, path: Path, split: SplitName
    ) -> tuple[list[Sentence | TaggedSentence], list[ReadingNote], list[int]]:
        """The sentences of a file, what was mended in their spans, and their lines."""
        found: list[Sentence | TaggedSentence] = []
        notes: list[ReadingNote] = []
        lines: list[int] = []
        for line_number, line in enumerate(read_lines(path), start=1):
            if not line.strip():
                continue
            row = Row.parse(line, f"{path}:{line_number}")
            if row.form == ("tokens", "ner_tags"):
                found.append(self._tagged_sentence(row, line_number))
            else:
                sentence, fitted = self._sentence(row)
                found.append(sentence)
                notes += (ReadingNote(split, kind, text, str(path), line_number) for kind, text in fitted.problems)
            lines.append(line_number)
        return found, notes, lines

    def _tagged_sentence(self, row: Row, line_number: int) -> TaggedSentence:
        words = row.words("tokens")
        lines = [line_number] * len(words)
        return TaggedSentence(words, row.tags(self.tag_names), lines, row.name("id") or "", row.name("document_id"))

    def _sentence(self, row: Row) -> tuple[Sentence, Fitted]:
        name, document_id = row.name("id") or "", row.name("document_id")
        if row.form == ("words", "entities"):
            words = row.words("words")
            fitted = fit_to_words(row.spans(), words)
            return Sentence(words, fitted.entities, name, document_id), fitted
        text = row.text()
        offsets = tuple(self.word_splitter.split(text))
        words = tuple(text[start:end] for start, end in offsets)
        fitted = fit_to_text(row.spans(), text, offsets)
        return Sentence(words, fitted.entities, name, document_id, text, offsets), fitted


class JsonLinesWriter(CorpusWriter):
    """Writes train.jsonl, validation.jsonl and test.jsonl.

    A sentence whose raw text is known is written by characters, any other by words.

    Args:
        word_splitter: The splitter that will read the texts, to tell where it finds other words than the
            corpus has; null is the one that splits at blanks and around punctuation.
    """

    def __init__(self, word_splitter: WordSplitter | None = None) -> None:
        self.word_splitter = word_splitter or PunctuationSplitter()

    def write(self, corpus: Corpus, output_dir: str) -> list[str]:
        num_resplit = 0
        for split in SPLIT_NAMES:
            if split not in corpus.splits:
                continue
            sentences = corpus.splits[split]
            rows = (json.dumps(row_of(sentence), ensure_ascii=False) + "\n" for sentence in sentences)
            with whole_file(Path(output_dir, f"{split}.jsonl")) as file:
                file.writelines(rows)
            num_resplit += sum(
                s.text is not None and tuple(self.word_splitter.split(s.text)) != s.word_offsets for s in sentences
            )
        lost = "sentences with a raw text whose words the word splitter will cut otherwise"
        return [f"{num_resplit} {lost}"] if num_resplit else []


def row_of(sentence: Sentence) -> dict[str, Any]:
    """The object that holds a sentence."""
    names = {"id": sentence.id, "document_id": sentence.document_id}
    row: dict[str, Any] = {key: name for key, name in names.items() if name}
    if sentence.text is None or sentence.word_offsets is None:
        spans = [[entity.start, entity.end, entity.entity_type] for entity in sentence.entities]
        return row | {"words": list(sentence.words), "entities": spans}
    offsets = sentence.word_offsets
    entities = [
        {"start": offsets[entity.start][0], "end": offsets[entity.end - 1][1], "type": entity.entity_type}
        for entity in sentence.entities
    ]
    return row | {"text": sentence.text, "entities": entities}
