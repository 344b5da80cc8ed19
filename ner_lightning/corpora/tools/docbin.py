"""spaCy's DocBin: binary files of documents with words and entities (.spacy)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ner_lightning.atomic_files import whole_file
from ner_lightning.corpora.reader import SPLIT_NAMES, Corpus, CorpusError, CorpusWriter, SplitName
from ner_lightning.corpora.reading.flat_spans import SpanReading
from ner_lightning.corpora.reading.interpretation import SplitContent, interpret
from ner_lightning.corpora.reading.raw_sentences import RawSpan, SpannedText
from ner_lightning.corpora.reading.split_reader import FileReader, SplitFiles
from ner_lightning.corpora.reading.text_files import read_bytes
from ner_lightning.corpora.writing.losses import Losses
from ner_lightning.corpora.writing.text_spans import TextSpan, text_spans
from ner_lightning.sentences import Sentence

if TYPE_CHECKING:
    from spacy.tokens import Doc, DocBin

LOST_EMPTY_WORD = "empty words: left out"
LANGUAGE = "xx"  # several languages; only the vocabulary is made of it


@dataclass(frozen=True)
class SpacyDocBin(FileReader):
    """Reads spaCy's DocBin (.spacy), the format of ``spacy train``; needs the extra spacy.

    The words are those of the file, without words that consist of spaces.

    Args:
        spans_key: The group in ``doc.spans`` that contains the entities, for example sc; null reads ``doc.ents``.
        spans: The reading of overlapping entities, which only ``doc.spans`` can contain.
    """

    spans_key: str | None = field(default=None, kw_only=True)
    spans: SpanReading = field(default=SpanReading(), kw_only=True)

    def read_split(self, split: SplitName, source: SplitFiles) -> SplitContent:
        rows = (row for path in source.paths for row in self._read(path))
        return interpret(rows, split, span_reading=self.spans)

    def _read(self, path: Path) -> Iterator[SpannedText]:
        doc_bin = _doc_bin_class()
        content = read_bytes(path)
        import spacy

        try:
            docs = list(doc_bin().from_bytes(content).get_docs(spacy.blank(LANGUAGE).vocab))
        except Exception as error:  # of zlib, msgpack, numpy or spaCy, depending on where the bytes are damaged
            raise CorpusError(f"{path}: must be a DocBin of spaCy: {type(error).__name__}") from None
        for number, doc in enumerate(docs, start=1):
            spans = doc.ents if self.spans_key is None else doc.spans.get(self.spans_key, ())
            found = [RawSpan(span.start_char, span.end_char, span.label_) for span in spans]
            words = [(word.idx, word.idx + len(word)) for word in doc if not word.is_space]
            names = {key: value for key, value in doc.user_data.items() if isinstance(value, str)}
            yield SpannedText(
                doc.text,
                found,
                str(path),
                number,
                names.get("id", ""),
                names.get("document_id"),
                word_offsets=tuple(words),
            )


def _doc_bin_class() -> type[DocBin]:
    try:
        from spacy.tokens import DocBin
    except ImportError:
        raise CorpusError(
            'spaCy\'s DocBin needs spaCy, which is not installed; install it with pip install "ner-lightning[spacy]"'
        ) from None
    return DocBin


class SpacyDocBinWriter(CorpusWriter):
    """Writes train.spacy, validation.spacy and test.spacy for ``spacy train``; needs the extra spacy.

    The ids of sentences and documents are written as user data.
    """

    def write(self, corpus: Corpus, output_dir: str) -> list[str]:
        doc_bin_class, losses = _doc_bin_class(), Losses()
        import spacy

        vocab: Any = spacy.blank(LANGUAGE).vocab
        for split in SPLIT_NAMES:
            if split in corpus.splits:
                doc_bin = doc_bin_class(store_user_data=True)
                for sentence in corpus.splits[split]:
                    losses.add_scores(sentence)
                    doc_bin.add(_doc(sentence, vocab, losses))
                with whole_file(Path(output_dir, f"{split}.spacy"), "wb") as file:
                    file.write(doc_bin.to_bytes())
        return losses.described()


def _doc(sentence: Sentence, vocab: Any, losses: Losses) -> Doc:
    from spacy.tokens import Doc
    from spacy.util import filter_spans

    text, offsets = sentence.as_text()
    losses.add(LOST_EMPTY_WORD, sum(start == end for start, end in offsets))
    words, spaces = words_with_spaces(text, offsets)
    doc = Doc(vocab, words=words, spaces=spaces)
    found = [_span(doc, span) for span in text_spans(sentence, losses)]
    doc.ents = filter_spans(found)
    names = {"id": sentence.id, "document_id": sentence.document_id}
    doc.user_data.update({key: name for key, name in names.items() if name})
    return doc


def _span(doc: Doc, span: TextSpan) -> Any:
    return doc.char_span(span.start, span.end, label=span.entity_type, alignment_mode="expand")


def words_with_spaces(text: str, offsets: Sequence[tuple[int, int]]) -> tuple[list[str], list[bool]]:
    """Return words that together with single spaces after some of them give exactly the text, as spaCy needs them.

    Other spaces become words, as in spaCy; empty words are left out.

    >>> words_with_spaces("a  b.", [(0, 1), (3, 4), (4, 5)])
    (['a', ' ', 'b', '.'], [True, False, False, False])
    """
    words, spaces, end = list[str](), list[bool](), 0
    for start, next_end in [*((left, right) for left, right in offsets if left < right), (len(text), len(text))]:
        gap = text[end:start]
        if gap.startswith(" ") and words:
            spaces[-1], gap = True, gap[1:]
        for word in (gap, text[start:next_end]):
            if word:
                words.append(word)
                spaces.append(False)
        end = next_end
    return words, spaces
