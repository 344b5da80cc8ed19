from ner_lightning.corpora.reader import Corpus, ReadingNote
from ner_lightning.encoding.alignment import WordTokenizer
from ner_lightning.encoding.batches import WindowEncoder
from ner_lightning.encoding.coverage import Coverage, measure_coverage
from ner_lightning.entities import EntitySpan
from ner_lightning.schemes import BIO, IO, LabelScheme, TagSet
from ner_lightning.sentences import Sentence
from support.strategies import word_piece_tokenizer

TRAIN = (Sentence(("a", "b"), (EntitySpan(0, 1, "PER"),)),)
TEST = (
    Sentence(("a", "", "b", "\u200b"), (EntitySpan(0, 1, "PER"), EntitySpan(1, 2, "PER"), EntitySpan(2, 3, "ORG"))),
    Sentence(("axxxxxx", "b")),  # seven subwords, one more than a window holds
    Sentence(("a",) * 8, (EntitySpan(0, 8, "PER"),)),
    Sentence(()),
)
NOTES = (
    ReadingNote("test", "ill_formed_tag", "x"),
    ReadingNote("test", "span_cuts_word", "x"),
    ReadingNote("test", "span_outside_text", "x"),
    ReadingNote("test", "overlapping_span", "x"),
    ReadingNote("test", "span_reversed", "x"),
    ReadingNote("test", "span_without_word", "x"),
    ReadingNote("test", "type_dropped", "chosen by the user, so no loss"),
    ReadingNote("test", "type_renamed", "x"),
    ReadingNote("train", "ill_formed_tag", "of another split"),
)
CORPUS = Corpus({"train": TRAIN, "test": TEST}, NOTES)


def coverage_of_test(scheme: LabelScheme) -> Coverage:
    learned, written = TagSet(scheme, ("PER",)), TagSet(scheme, ("PER", "ORG"))
    tokenizer = WordTokenizer(word_piece_tokenizer(["a", "b", "##x"]), max_subwords=8)
    encoded = list(WindowEncoder(tokenizer, learned, overlap=2).encode(TEST))
    return measure_coverage(CORPUS, "test", encoded, written, learned)


def test_coverage_matches_a_count_by_hand():
    assert coverage_of_test(BIO()) == Coverage(
        words=14,
        words_without_subwords=2,
        shortened_words=1,
        words_in_several_windows=2,
        unannotated_words=0,
        changes_by_reader=6,
        entities_lost_to_scheme=0,
        entities_of_unknown_types=1,
    )


def test_io_loses_adjacent_entities_of_the_same_type():
    assert coverage_of_test(IO()).entities_lost_to_scheme == 2


def test_the_line_names_every_count():
    assert str(coverage_of_test(IO())) == (
        "14 words, all predicted (2 without subwords, 1 longer than a window, 2 in several windows); "
        "all gold entities counted (6 repaired or dropped by the reader, 2 that the scheme cannot write, "
        "1 of types not in training)"
    )
