from ner_lightning.corpora.checks.lengths import MAX_WORDS
from ner_lightning.corpora.checks.report import describe_corpus
from ner_lightning.corpora.reader import Corpus
from ner_lightning.sentences import Sentence
from support.checked_corpora import sentence, sound_split


def test_a_very_long_sentence_is_reported_with_its_place_and_what_it_costs():
    long = Sentence(("a",) * 205_916, id="train-9")
    limit = Sentence(("b",) * MAX_WORDS, id="limit")
    splits = {"train": (*sound_split("t"), limit, long), "validation": sound_split("v")}
    (warning,) = describe_corpus(Corpus(splits)).warnings
    assert warning.startswith("train: sentences of more than 2,000 words: 1, such as train-9 with 205,916; windows")
    assert "about as much as 10,295 sentences of 20 words" in warning


def test_entities_longer_than_any_in_train_are_reported():
    longer = (
        sentence("The Hague", (0, 2, "LOC"), id="a"),
        sentence("City of The Hague", (0, 4, "LOC"), id="b"),
        sentence("Rome", (0, 1, "LOC"), id="c"),
    )
    report = describe_corpus(Corpus({"train": sound_split("t"), "validation": longer}))
    assert report.notes == (
        "validation: entities with more words than any in train (1): 2, "
        "such as 'City of The Hague' with 4 words (validation b)",
    )


def test_without_training_entities_no_entity_is_too_long():
    report = describe_corpus(Corpus({"train": (sentence("no entity"),), "validation": sound_split("v")}))
    assert report.notes == ()
