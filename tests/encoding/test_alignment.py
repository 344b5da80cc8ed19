from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    AutoTokenizer,
    BertJapaneseTokenizer,
    CanineTokenizer,
    PreTrainedTokenizerFast,
    RobertaTokenizer,
)

from ner_lightning.encoding.alignment import (
    WordTokenizer,
    align_labels,
    encodes_words_as_text,
    load_tokenizer,
)
from ner_lightning.encoding.batches import WindowEncoder
from ner_lightning.schemes import BIO, BIOES, IGNORE_INDEX, EntitySpan, LabelScheme, TagSet
from ner_lightning.sentences import Sentence
from support.family_tokenizers import saved_tokenizer
from support.strategies import word_piece_tokenizer

TYPES = ("LOC", "MISC", "ORG", "PER")
INVISIBLE = ["", " ", "\t", "\n", "\x00", "\x07", "\xa0", "\u00ad", "\u200b", "\u2028", "\ufeff"]
COMBINING = [
    "\u0301",
    "\ufe0f",
    "\u0301\ufe0f",
]  # an uncased tokenizer strips them, a cased one has no subword
UNKNOWN = 1  # the id of [UNK]

VISIBLE = word_piece_tokenizer(["a", "b", "##a", "##b", "c", "."])
CASED = WordTokenizer(VISIBLE)
UNCASED = WordTokenizer(word_piece_tokenizer(["a", "b", "##a", "##b", "c", "."], lowercase=True))


def labels_of(sentence: Sentence, vocabulary: str, subwords: str, scheme: LabelScheme) -> list[str | int]:
    """Return the names of all labels in the only window of a sentence, including special tokens."""
    tags = TagSet(scheme, TYPES)
    encoder = WindowEncoder(WordTokenizer(word_piece_tokenizer(vocabulary.split())), tags, subwords)
    ((_, [window]),) = encoder.encode([sentence])
    return [label if label == IGNORE_INDEX else tags.tags[label] for label in window.labels]


def sentence(text: str, *entities: tuple[int, int, str]) -> Sentence:
    return Sentence(tuple(text.split()), tuple(EntitySpan(*entity) for entity in entities))


@pytest.mark.parametrize(("subwords", "continued"), [("first", IGNORE_INDEX), ("all", "O")])
def test_a_sentence_with_a_split_word_is_labeled(subwords, continued):
    labels = labels_of(
        sentence("EU rejects German call to boycott British lamb .", (0, 1, "ORG"), (2, 3, "MISC"), (6, 7, "MISC")),
        "EU rejects German call to boycott British la ##mb .",
        subwords,
        BIO(),
    )
    expected = [-100, "B-ORG", "O", "B-MISC", "O", "O", "O", "B-MISC", "O", continued, "O", -100]
    assert labels == expected


@pytest.mark.parametrize(
    ("subwords", "scheme", "expected"),
    [
        ("first", BIO(), [-100, "B-MISC", -100, "O", "B-ORG", -100, -100]),
        ("all", BIO(), [-100, "B-MISC", "I-MISC", "O", "B-ORG", "I-ORG", -100]),
        ("first", BIOES(), [-100, "S-MISC", -100, "O", "S-ORG", -100, -100]),
        ("all", BIOES(), [-100, "S-MISC", "E-MISC", "O", "S-ORG", "E-ORG", -100]),
    ],
)
def test_entities_of_split_words_are_labeled(subwords, scheme, expected):
    words = sentence("German buys Microsoft", (0, 1, "MISC"), (2, 3, "ORG"))
    assert labels_of(words, "Ger ##man buys Micro ##soft", subwords, scheme) == expected


def test_later_subwords_of_a_long_entity_are_labeled_as_inside():
    words = sentence("in New York City", (1, 4, "LOC"))
    vocabulary = "in N ##ew Y ##ork C ##ity"
    assert labels_of(words, vocabulary, "all", BIO()) == [-100, "O", "B-LOC", *["I-LOC"] * 5, -100]
    inside = ["B-LOC", "I-LOC", "I-LOC", "I-LOC", "E-LOC", "E-LOC"]
    assert labels_of(words, vocabulary, "all", BIOES()) == [-100, "O", *inside, -100]


@pytest.mark.parametrize(
    ("text", "entities", "expected"),
    [
        ("John lives in New York City .", [(0, 1, "PER"), (3, 6, "LOC")], "B-PER O O B-LOC I-LOC I-LOC O"),
        ("Barack Obama visited Paris .", [(0, 2, "PER"), (3, 4, "LOC")], "B-PER I-PER O B-LOC O"),
    ],
)
@pytest.mark.parametrize("subwords", ["first", "all"])
def test_the_entities_can_be_read_back_from_the_labels_at_first_subwords(text, entities, expected, subwords):
    words = sentence(text, *entities)
    tags = TagSet(BIO(), TYPES)
    tokenizer = WordTokenizer(
        word_piece_tokenizer(["John", "lives", "in", "New", "Yo", "##rk", "City", ".", "Bar", "##ack", "Pa", "##ris"])
    )
    ((_, [window]),) = WindowEncoder(tokenizer, tags, subwords).encode([words])
    ids = [window.labels[start] for start in window.word_starts]
    assert [tags.tags[i] for i in ids] == expected.split()
    assert [(e.start, e.end, e.entity_type) for e in tags.read(ids)] == entities


@given(st.lists(st.text("ab", min_size=1, max_size=5), max_size=10))
def test_a_word_is_encoded_the_same_in_any_sentence(words):
    (encoded,) = CASED.encode([words])
    alone = [next(CASED.encode([[word]])).subword_ids for word in words]
    begins = encoded.word_begins
    assert [encoded.subword_ids[begins[i] : begins[i + 1]] for i in range(encoded.num_words)] == alone
    assert encoded.num_words == len(words)
    assert CASED.count_subwords(words) == [len(ids) for ids in alone]


@pytest.mark.parametrize(
    ("tokenizer", "invisible"),
    [(CASED, INVISIBLE), (UNCASED, INVISIBLE + COMBINING)],
    ids=["cased", "uncased"],
)
@pytest.mark.parametrize("subwords", ["first", "all"])
@given(data=st.data())
def test_words_without_subwords_do_not_shift_other_labels(tokenizer, invisible, subwords, data):
    """Such words get the unknown subword and are counted; all other words keep their subwords and labels."""
    tags = TagSet(BIO(), ("PER",))
    visible = data.draw(st.lists(st.text("ab", min_size=1, max_size=4), max_size=6))
    visible_ids = data.draw(st.lists(st.integers(0, 2), min_size=len(visible), max_size=len(visible)))
    mixed = [(word, tag_id, True) for word, tag_id in zip(visible, visible_ids, strict=True)]
    for _ in range(data.draw(st.integers(1, 4))):
        added = (data.draw(st.sampled_from(invisible)), data.draw(st.integers(0, 2)), False)
        mixed.insert(data.draw(st.integers(0, len(mixed))), added)
    words, tag_ids, is_visible = zip(*mixed, strict=True)

    without, encoded = tokenizer.encode([visible, words])
    labels = align_labels(tag_ids, encoded, tags, subwords)
    kept_subwords, kept_labels = [], []
    for word, (begin, end) in enumerate(zip(encoded.word_begins, encoded.word_begins[1:], strict=False)):
        if is_visible[word]:
            kept_subwords += encoded.subword_ids[begin:end]
            kept_labels += labels[begin:end]
        else:
            assert encoded.subword_ids[begin:end] == (UNKNOWN,)
            assert labels[begin:end] == [tag_ids[word]]
    assert tuple(kept_subwords) == without.subword_ids
    assert kept_labels == align_labels(visible_ids, without, tags, subwords)
    assert encoded.num_words == len(words)
    assert encoded.words_without_subwords == tuple(i for i, seen in enumerate(is_visible) if not seen)
    assert [count == 0 for count in tokenizer.count_subwords(words)] == [not seen for seen in is_visible]


def test_a_combining_mark_that_a_cased_tokenizer_keeps_is_not_counted_as_without_subwords():
    (encoded,) = CASED.encode([["a", "\u0301", "b"]])
    assert encoded.words_without_subwords == ()
    assert encoded.num_words == 3


@given(st.data(), st.sampled_from([BIO(), BIOES()]))
def test_the_chosen_rule_decides_which_subwords_have_labels(data, scheme):
    tags = TagSet(scheme, ("PER", "LOC"))
    words = data.draw(st.lists(st.text("ab", min_size=1, max_size=4), max_size=8))
    some_id = st.integers(0, len(tags.tags) - 1) | st.just(IGNORE_INDEX)
    tag_ids = data.draw(st.lists(some_id, min_size=len(words), max_size=len(words)))
    (encoded,) = CASED.encode([words])
    later_prefixes = {"B": "I", "I": "I", "E": "E", "S": "E"}
    first, everywhere = [], []
    for word, tag_id in zip(words, tag_ids, strict=True):
        tag = "O" if tag_id == IGNORE_INDEX else tags.tags[tag_id]
        inside = IGNORE_INDEX if tag_id == IGNORE_INDEX else 0
        if tag != "O":
            inside = tags.tag_ids[later_prefixes[tag[0]] + tag[1:]]
        first += [tag_id, *[IGNORE_INDEX] * (len(word) - 1)]  # a letter of these words is a subword
        everywhere += [tag_id, *[inside] * (len(word) - 1)]
    assert align_labels(tag_ids, encoded, tags, "first") == first
    assert align_labels(tag_ids, encoded, tags, "all") == everywhere


def test_a_sentence_without_words_has_no_subwords():
    encoded = list(CASED.encode([[], ["a"], []]))
    assert [e.num_words for e in encoded] == [0, 1, 0]
    assert CASED.count_subwords([]) == []


def test_thousands_of_sentences_keep_their_order():
    sentences = [["a"] * (i % 7) + ["b"] for i in range(2500)]
    encoded = list(CASED.encode(iter(sentences)))
    assert [e.num_words for e in encoded] == [len(words) for words in sentences]


def test_a_word_longer_than_a_window_keeps_its_first_subwords_and_is_counted():
    tokenizer = WordTokenizer(VISIBLE, max_subwords=5)
    assert tokenizer.capacity == 3
    (encoded,) = tokenizer.encode([["c", "abba", "c", "aba"]])
    names = VISIBLE.convert_ids_to_tokens(list(encoded.subword_ids))
    assert names == ["c", "a", "##b", "##b", "c", "a", "##b", "##a"]
    assert encoded.shortened_words == (1,)
    assert encoded.word_begins == (0, 1, 4, 5, 8)


def test_a_window_never_exceeds_the_limit_of_the_tokenizer():
    tokenizer = word_piece_tokenizer(["a"])
    tokenizer.model_max_length = 32
    assert WordTokenizer(tokenizer).max_subwords == 32
    assert WordTokenizer(tokenizer, 16).max_subwords == 16
    assert WordTokenizer(tokenizer, 64).max_subwords == 32


# byte-level tokenizers: "b" and " b" are different subwords


def byte_level(text: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text] * 5, trainer)
    return tokenizer


@pytest.fixture(scope="module")
def roberta_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a RoBERTa tokenizer as on the hub, where it adds no space before the first word."""
    folder = tmp_path_factory.mktemp("roberta")
    path = folder / "trained.json"
    byte_level("a b John lives in New York City .").model.save(str(folder))
    trained = RobertaTokenizer.from_pretrained(folder, add_prefix_space=False)
    path.unlink(missing_ok=True)
    trained.save_pretrained(folder)
    return folder


def test_a_byte_level_tokenizer_encodes_words_as_in_text(roberta_dir):
    as_saved = AutoTokenizer.from_pretrained(roberta_dir)
    assert not encodes_words_as_text(as_saved)

    tokenizer = load_tokenizer(str(roberta_dir))
    (encoded,) = WordTokenizer(tokenizer).encode([["John", "lives", "in", "New", "York"]])
    text = tokenizer("John lives in New York", add_special_tokens=False)["input_ids"]
    assert list(encoded.subword_ids) == text
    assert encoded.num_words == 5
    assert tokenizer.decode(text).strip() == "John lives in New York"


def test_special_tokens_surround_a_window_as_the_tokenizer_adds_them(roberta_dir):
    tokenizer = load_tokenizer(str(roberta_dir))
    words = WordTokenizer(tokenizer, 512)
    assert tokenizer.convert_ids_to_tokens(words.prefix + words.suffix) == ["<s>", "</s>"]
    assert words.pad_id == tokenizer.pad_token_id
    assert words.capacity == 510
    (encoded,) = words.encode([["New", "York"]])
    assert [*words.prefix, *encoded.subword_ids, *words.suffix] == tokenizer("New York")["input_ids"]


def test_an_empty_word_gets_the_unknown_subword(roberta_dir):
    tokenizer = load_tokenizer(str(roberta_dir))
    (encoded,) = WordTokenizer(tokenizer).encode([["New", "", "\u200b"]])
    assert encoded.words_without_subwords == (1,)
    assert encoded.subword_ids[encoded.word_begins[1]] == tokenizer.unk_token_id


def test_a_tokenizer_that_needs_no_space_is_loaded_unchanged(tmp_path):
    word_piece_tokenizer(["a", "b", "New"]).save_pretrained(tmp_path)
    assert load_tokenizer(str(tmp_path))("New a b")["input_ids"] == [2, 7, 5, 6, 3]


@pytest.mark.parametrize("name", ["modernbert", "eurobert", "llama", "gemma", "bloom"])
def test_words_get_their_space_where_the_tokenizer_does_not_add_one(name):
    tokenizer = load_tokenizer(saved_tokenizer(name))
    words = WordTokenizer(tokenizer)
    for text in ("John lives in New York City .", "a b", "York", "( 12 a , 345 b )"):
        (encoded,) = words.encode([text.split()])
        assert list(encoded.subword_ids) == tokenizer(text, add_special_tokens=False)["input_ids"]
        owned = [
            tokenizer.decode(list(encoded.subword_ids[begin:end])).strip()
            for begin, end in zip(encoded.word_begins, encoded.word_begins[1:], strict=False)
        ]
        assert owned == text.split()


def test_an_empty_word_gets_no_space_of_its_own():
    words = WordTokenizer(load_tokenizer(saved_tokenizer("modernbert")))
    (encoded,) = words.encode([["New", "", "York"]])
    assert encoded.words_without_subwords == (1,)
    assert encoded.subword_ids[encoded.word_begins[1]] == words.unknown_id


def test_subwords_across_words_are_split_between_their_words():
    """In running text "b c" is one subword, which could belong to one word only."""
    merges = [("b", "\u2581"), ("b\u2581", "c")]
    model = Tokenizer(
        models.BPE(vocab={"b": 0, "c": 1, "\u2581": 2, "b\u2581": 3, "b\u2581c": 4, "<p>": 5}, merges=merges)
    )
    model.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=model, pad_token="<p>")
    assert tokenizer("b c")["input_ids"] == [4]
    (encoded,) = WordTokenizer(tokenizer).encode([["b", "c"]])
    assert (encoded.subword_ids, encoded.word_begins) == ((0, 2, 1), (0, 1, 3))


def test_a_slow_tokenizer_encodes_word_by_word_and_says_so(tmp_path, caplog):
    words = ["\u65e5\u672c", "", "a", "zz", "\u65e5"]
    (tmp_path / "vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "\u65e5", "\u672c", "a"])
    )
    BertJapaneseTokenizer(
        str(tmp_path / "vocab.txt"), word_tokenizer_type="basic", subword_tokenizer_type="character"
    ).save_pretrained(tmp_path / "saved")
    tokenizer = load_tokenizer(str(tmp_path / "saved"))
    assert "BertJapaneseTokenizer has no fast version" in caplog.text
    encoder = WordTokenizer(tokenizer)
    (encoded,) = encoder.encode([words])
    assert encoded.subword_ids == (5, 6, 1, 7, 1, 1, 5)
    assert encoded.word_begins == (0, 2, 3, 4, 6, 7)
    assert encoded.words_without_subwords == (1,)
    assert (encoder.prefix, encoder.suffix) == ([2], [3])
    assert encoder.count_subwords(words) == [2, 0, 1, 2, 1]
    (again,) = encoder.encode([words])
    assert again == encoded


def test_a_slow_tokenizer_that_reads_spaces_gets_them():
    tokenizer = CanineTokenizer()
    (encoded,) = WordTokenizer(tokenizer).encode([["ab", "c"]])
    assert list(encoded.subword_ids) == tokenizer("ab c", add_special_tokens=False)["input_ids"]
    assert encoded.word_begins == (0, 2, 4)


def test_the_end_of_a_text_serves_as_padding():
    tokenizer = load_tokenizer(saved_tokenizer("llama"))
    assert tokenizer.pad_token == tokenizer.eos_token
    assert WordTokenizer(tokenizer).pad_id == tokenizer.eos_token_id


def test_a_tokenizer_without_padding_is_refused():
    tokenizer = word_piece_tokenizer(["a", "b"])
    tokenizer.pad_token = None
    with pytest.raises(
        ValueError,
        match="a padding token or an end-of-text token, but it has neither; set pad_token",
    ):
        WordTokenizer(tokenizer)


@pytest.mark.parametrize("max_subwords", [1, 2])
def test_a_window_without_room_for_words_is_refused(max_subwords):
    with pytest.raises(ValueError, match="must have room for a subword besides 2 special tokens"):
        WordTokenizer(VISIBLE, max_subwords)
