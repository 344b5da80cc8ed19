"""CoNLL-2012 (OntoNotes): words in columns, with entities as brackets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from ner_lightning.corpora.column_files import tagged_sentences
from ner_lightning.corpora.reader import SplitName
from ner_lightning.corpora.reading.brackets import spanned_words
from ner_lightning.corpora.reading.column_lines import ColumnLayout
from ner_lightning.corpora.reading.flat_spans import SpanReading
from ner_lightning.corpora.reading.interpretation import SplitContent, interpret
from ner_lightning.corpora.reading.split_reader import FileReader, SplitFiles
from ner_lightning.corpora.writing.losses import LOST_SENTENCE, LOST_TEXT, Losses
from ner_lightning.corpora.writing.split_writer import SplitWriter
from ner_lightning.sentences import Sentence

FIRST_PART: Final = re.compile(r"\((.*)\); part 0+")
OTHER_PART: Final = re.compile(r"\((.*)\); part 0*(\d+)")
UNWRITABLE: Final = re.compile(r"\s|^$")
UNWRITABLE_TYPE: Final = re.compile(r"[\s()*]|^$")
LOST_WORD: Final = "words that are empty or contain a space: written with _ instead"
LOST_TYPE: Final = "entities whose type contains a space, a bracket or an asterisk: written with _ instead"
LOST_END: Final = "sentences without a document after one that has a document: they will be read as part of it"
LOST_DOCUMENT: Final = "documents whose id contains a line break or a tab: written with a space instead"
LOST_ID: Final = "sentences with a custom id: not written"


@dataclass(frozen=True)
class Conll2012(FileReader):
    """Reads the columns of CoNLL-2012 and OntoNotes, in which brackets mark the entities: (PERSON*, *, *), (GPE).

    Args:
        word_column: Column of the word, counted from 0; from the end if negative.
        tag_column: Column of the brackets.
        spans: The reading of nested entities.
    """

    word_column: int = 3
    tag_column: int = 10
    spans: SpanReading = field(default=SpanReading(), kw_only=True)

    def read_split(self, split: SplitName, source: SplitFiles) -> SplitContent:
        layout = ColumnLayout(self.word_column, self.tag_column)
        sentences = tagged_sentences(layout, source, split, self.encoding)
        rows = (spanned_words(replace(it, document_id=_document_name(it.document_id))) for it in sentences)
        return interpret(rows, split, span_reading=self.spans)


def _document_name(marker: str | None) -> str | None:
    """Return the name of a document without the brackets of its marker.

    >>> _document_name("(bc/cctv); part 000"), _document_name("(bc/cctv); part 012")
    ('bc/cctv', 'bc/cctv part 12')
    """
    if marker is None:
        return None
    if found := FIRST_PART.fullmatch(marker):
        return found[1]
    found = OTHER_PART.fullmatch(marker)
    return f"{found[1]} part {found[2]}" if found else marker


class Conll2012Writer(SplitWriter):
    """Writes the columns of CoNLL-2012, with the words and the entities; all other columns are empty."""

    suffix: ClassVar[str] = ".conll"

    def pieces(self, sentences: Sequence[Sentence], split: SplitName, losses: Losses) -> Iterator[str]:
        name, num_written = None, 0
        for sentence in sentences:
            if not sentence.words:
                losses.add(LOST_SENTENCE)
                continue
            losses.add(LOST_TEXT, sentence.text is not None)
            losses.add(LOST_ID, sentence.id not in {"", f"{split}-{num_written}"})
            losses.add_scores(sentence)
            losses.add_unannotated(sentence)
            losses.add(LOST_END, sentence.document_id is None and name is not None)
            if sentence.document_id not in {None, name}:
                yield "" if name is None else "#end document\n"
                name = sentence.document_id
                written = re.sub(r"[\t\r\n]", " ", name or "")
                losses.add(LOST_DOCUMENT, written != name)
                yield f"#begin document ({written}); part 000\n"
            yield from _lines(sentence, name or "-", losses)
            num_written += 1
        yield "#end document\n" if name is not None else ""


def _lines(sentence: Sentence, document: str, losses: Losses) -> Iterator[str]:
    starts, ends = dict[int, str](), set[int]()
    for entity in sentence.entities:
        kind = UNWRITABLE_TYPE.sub("_", entity.entity_type)
        losses.add(LOST_TYPE, kind != entity.entity_type)
        starts[entity.start] = f"({kind}"
        ends.add(entity.end - 1)
    document = UNWRITABLE.sub("_", document)
    for index, word in enumerate(sentence.words):
        written = UNWRITABLE.sub("_", word)
        losses.add(LOST_WORD, written != word)
        opens, closes = starts.get(index, ""), index in ends
        brackets = f"{opens})" if opens and closes else f"{opens}*{')' * closes}"
        yield "   ".join([document, "0", str(index), written, *["-", "*", "-", "-", "-", "-"], brackets, "-"]) + "\n"
    yield "\n"
