"""Column files (CoNLL): one word per line with its tag in a column, and an empty line after every sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ner_lightning.atomic_files import whole_file
from ner_lightning.corpora.reader import SPLIT_NAMES, Corpus, CorpusError, CorpusWriter, SplitName
from ner_lightning.corpora.reading.brackets import spanned_words, uses_brackets
from ner_lightning.corpora.reading.column_lines import DOCSTART, ColumnLayout, ColumnParser, Separator
from ner_lightning.corpora.reading.interpretation import SplitContent, interpret
from ner_lightning.corpora.reading.other_formats import advice_on_other_formats
from ner_lightning.corpora.reading.raw_sentences import TaggedSentence
from ner_lightning.corpora.reading.split_reader import FileReader, SplitFiles
from ner_lightning.corpora.reading.tag_spelling import TagSpelling
from ner_lightning.corpora.reading.text_files import read_lines, require_line_ends
from ner_lightning.schemes import BIO, LabelScheme, SourceScheme
from ner_lightning.sentences import Sentence
from ner_lightning.tags import OUTSIDE, Tag, entities_of


@dataclass(frozen=True)
class ColumnFiles(FileReader):
    """Reads CoNLL-style files: one word and its tag per line, in columns, and an empty line between sentences.

    The label scheme (IO, IOB1, BIO, IOE1, IOE2, BIOES, BILOU, BMES or BMEWO) and the spelling of tags are recognized
    from the tags, and so are the brackets of CoNLL-2012. Ill-formed tags are read by the conlleval convention and
    listed. Lines that begin with -DOCSTART- mark documents.

    Args:
        word_column: Column of the word, counted from 0; from the end if negative.
        tag_column: Column of the tag; -1 is the last one.
        separator: The separator between columns: a tab, spaces (blank), a comma (as in CSV files), or auto: a tab in
            lines that contain one, otherwise spaces. With spaces, all lines must have the same number of columns,
            and words cannot contain spaces.
        scheme: The label scheme of the tags; null recognizes it in each split and reports the reason.
        comment: Lines that begin with this text are comments, for example "# " (a bare # may begin a word); empty if
            there are no comments. The comments "# newdoc id = X", "# sent_id = X" and "# id X" name
            documents and sentences.
        header: True if the first line of each file names the columns.
        quoted: True if fields are quoted as CSV writers do, so that four quotation marks stand for one; always true
            for commas.
        sentence_column: Column whose value changes with every sentence, or is only given for its first word; null if
            empty lines separate sentences.
        tags: The spelling of the tags.
    """

    word_column: int = 0
    tag_column: int = -1
    separator: Separator = "auto"
    scheme: SourceScheme | None = None
    comment: str = ""
    header: bool = False
    quoted: bool = False
    sentence_column: int | None = None
    tags: TagSpelling = TagSpelling()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.word_column == self.tag_column:
            raise ValueError(f"word_column and tag_column must differ, got {self.word_column} for both")

    def read_split(self, split: SplitName, source: SplitFiles) -> SplitContent:
        hint = (
            "set tag_column if the tags are in another column, header if the first line names the columns, "
            "or comment if such lines are comments"
        )
        layout = ColumnLayout(
            self.word_column,
            self.tag_column,
            self.separator,
            self.comment or "",
            self.quoted,
            self.sentence_column,
        )
        with advice_on_other_formats(source, self.encoding, "ColumnFiles"):
            sentences = list(tagged_sentences(layout, source, split, self.encoding, self.header))
            if uses_brackets(sentences):
                return interpret(map(spanned_words, sentences), split)
            return interpret(sentences, split, scheme=self.scheme, spelling=self.tags, tag_hint=hint)


def tagged_sentences(
    layout: ColumnLayout, source: SplitFiles, split: SplitName, encoding: str, header: bool = False
) -> Iterator[TaggedSentence]:
    """Yield the sentences of column files as the files have them.

    Raises:
        CorpusError: If a line cannot be read.
    """
    parser = ColumnParser(layout, split)
    for path in source.paths:
        lines = read_lines(path, encoding)
        require_line_ends(lines, path)
        parser.begin_file(str(path))
        for number, line in enumerate([*lines, ""], start=1):
            if header and number == 1:
                continue
            if (sentence := parser.parse(line, number)) is not None:
                yield sentence
    parser.require_words()


DEFAULT_SCHEME = BIO()
LINE_BREAKING = str.maketrans("\t\r\n", "   ")

UNANNOTATED = "-"  # the tag of a word that nobody annotated
LOST_WORD = "words or entity types that contain a tab or a line break: written with spaces instead"
LOST_EMPTY_WORD = "empty words: written as an empty column, which other readers may skip"
LOST_MARKER = f"words that begin with {DOCSTART}, which marks documents: written with a space before"
LOST_SENTENCE = "sentences without words: left out"
LOST_DOCUMENT_ID = "documents whose id is empty or contains a tab or a line break: written with another id"
LOST_TEXT = "sentences with a raw text: only the words are written"
LOST_ID = "sentences with a custom id: not written"
LOST_END = "sentences without a document after one that has a document: they will be read as part of it"
LOST_BOUNDARY = "sentences with adjacent entities of one type: the scheme merges them"


class ColumnFilesWriter(CorpusWriter):
    """Writes train.conll, validation.conll and test.conll: a word, a tab and a tag per line.

    Args:
        scheme: The label scheme to write: BIO, BIOES or IO.
    """

    def __init__(self, scheme: LabelScheme = DEFAULT_SCHEME) -> None:
        self.scheme = scheme

    def write(self, corpus: Corpus, output_dir: str) -> list[str]:
        require_types_without_outer_spaces(corpus)
        losses: Counter[str] = Counter()
        for split in SPLIT_NAMES:
            if split not in corpus.splits:
                continue
            text = "".join(f"{line}\n" for line in self._lines(corpus.splits[split], split, losses))
            # A word that begins with U+FEFF would be read as the file's byte order mark, so an empty line goes first.
            text = "\n" + text if text.startswith("\ufeff") else text
            with whole_file(Path(output_dir, f"{split}.conll")) as file:
                file.write(text)
        return [f"{number} {loss}" for loss, number in losses.items() if number]

    def _lines(self, sentences: Iterable[Sentence], split: SplitName, losses: Counter[str]) -> Iterator[str]:
        document_id, position = None, 0
        for sentence in sentences:
            if not sentence.words:
                losses[LOST_SENTENCE] += 1
                continue
            losses.update(sentence_losses(sentence, f"{split}-{position}"))
            if sentence.document_id is None and document_id is not None:
                losses[LOST_END] += 1
            elif sentence.document_id != document_id:
                document_id = sentence.document_id
                written_id = (document_id or "").translate(LINE_BREAKING)
                losses[LOST_DOCUMENT_ID] += not written_id or written_id != document_id
                yield from (f"{DOCSTART} ({written_id})\t{OUTSIDE}", "")
            tags = write_tags(sentence, self.scheme)
            losses[LOST_BOUNDARY] += entities_of(tags) != list(sentence.entities)
            tags = mark_unannotated(tags, sentence)
            for word, tag in zip(sentence.words, tags, strict=True):
                yield f"{writable_word(word)}\t{tag.translate(LINE_BREAKING)}"
            yield ""
            position += 1


def require_types_without_outer_spaces(corpus: Corpus) -> None:
    """Check that no entity type begins or ends with a space, which column files lose, so two types could become one.

    Raises:
        CorpusError: If a type begins or ends with a space.
    """
    for entity_type in sorted({kind for split in corpus.splits for kind in corpus.entity_types(split)}):
        written = entity_type.translate(LINE_BREAKING)
        if written != written.strip(" "):
            raise CorpusError(
                f"an entity type must not begin or end with a space, which column files do not keep, "
                f"got {entity_type!r}"
            )


def write_tags(sentence: Sentence, scheme: LabelScheme) -> list[str]:
    """Return the tags of the words of a sentence."""
    tags = [OUTSIDE] * len(sentence)
    for entity in sentence.entities:
        prefixes = scheme.prefixes_of(len(entity))
        tags[entity.start : entity.end] = [str(Tag(prefix, entity.entity_type)) for prefix in prefixes]
    return tags


def mark_unannotated(tags: Sequence[str], sentence: Sentence) -> list[str]:
    """Return the tags of a sentence with ``-`` for the words that nobody annotated."""
    return [UNANNOTATED if position in sentence.unannotated else tag for position, tag in enumerate(tags)]


def writable_word(word: str) -> str:
    """Return the word, with spaces in place of characters that a line cannot hold."""
    return (" " if word.startswith(DOCSTART) else "") + word.translate(LINE_BREAKING)


def sentence_losses(sentence: Sentence, positional_id: str) -> Counter[str]:
    """Count what a column file cannot hold of a sentence, in any scheme."""
    texts = [*sentence.words, *(entity.entity_type for entity in sentence.entities)]
    return Counter(
        {
            LOST_WORD: sum(text != text.translate(LINE_BREAKING) for text in texts),
            LOST_EMPTY_WORD: sentence.words.count(""),
            LOST_MARKER: sum(word.startswith(DOCSTART) for word in sentence.words),
            LOST_TEXT: int(sentence.text is not None),
            LOST_ID: int(sentence.id not in {"", positional_id}),
        }
    )
