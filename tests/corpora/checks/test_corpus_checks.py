import json
import os
import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ner_lightning.corpora.checks.corpus_checks import ambiguous_surfaces, describe_corpus, entities_are_cased
from ner_lightning.corpora.checks.report import NUM_LINES, Lengths, SubwordStatistics, print_report
from ner_lightning.corpora.column_files import ColumnFiles
from ner_lightning.corpora.reader import Corpus, ReadingNote, SplitName
from ner_lightning.entities import EntitySpan
from ner_lightning.sentences import Sentence


def sentence(text: str, *entities: tuple[int, int, str], **fields: str) -> Sentence:
    return Sentence(tuple(text.split(" ")), tuple(EntitySpan(*entity) for entity in entities), **fields)


def corpus() -> Corpus:
    train = (
        sentence("Ada Lovelace saw Paris", (0, 2, "PER"), (3, 4, "LOC"), id="a", document_id="d1"),
        sentence("it rained", id="b", document_id="d1"),
        sentence("it rained", id="c", document_id="d2"),
        sentence("Washington said so", (0, 1, "PER"), id="d"),
    )
    validation = (
        sentence("it rained", (0, 1, "ORG"), id="a"),
        sentence("in Paris and Washington", (1, 2, "LOC"), (3, 4, "LOC"), id="b"),
        sentence("he saw Oslo", (2, 3, "LOC"), id="e"),
    )
    notes = (
        ReadingNote("train", "ill_formed_tag", "I-PER at first", "train.conll", 7),
        ReadingNote("train", "ill_formed_tag", "I-LOC at first", "train.conll", 9),
        ReadingNote("validation", "type_dropped", "3 entities of type MISC dropped"),
        ReadingNote("validation", "span_cuts_word", "Os in Oslo", "v.jsonl", 2),
    )
    return Corpus({"train": train, "validation": validation}, notes, {"train": "BIO: seen"})


def letters(words: Sequence[str]) -> list[int]:
    return [sum(character.isalnum() for character in word) for word in words]


def test_the_numbers_of_a_split_counted_by_hand():
    train = describe_corpus(corpus()).splits["train"]
    assert (train.num_sentences, train.num_words, train.num_documents, train.num_entities) == (4, 11, 2, 3)
    assert train.entities_by_type == {"LOC": 1, "PER": 2}
    assert (train.mean_entity_length, train.longest_entity) == (pytest.approx(4 / 3), 2)
    assert (train.sentences_without_entities, train.sentences_without_words, train.repeated_sentences) == (
        2,
        0,
        1,
    )
    assert train.lengths == Lengths(median=2, p95=4, p99=4, maximum=4)
    assert (train.sentences_in_train, train.entities_in_train, train.subwords) == (None, None, None)


def test_validation_is_held_against_train_by_hand():
    validation = describe_corpus(corpus()).splits["validation"]
    assert validation.sentences_in_train == 1
    assert validation.entities_in_train == 2, "Paris and, as another type, Washington"


def test_notes_scheme_surfaces_and_conflicts_are_reported():
    report = describe_corpus(corpus())
    assert report.scheme_evidence == {"train": "BIO: seen"}
    assert report.notes_by_kind == {
        "train": {"ill_formed_tag": ["train.conll:7: I-PER at first", "train.conll:9: I-LOC at first"]},
        "validation": {
            "type_dropped": ["validation: 3 entities of type MISC dropped"],
            "span_cuts_word": ["v.jsonl:2: Os in Oslo"],
        },
    }
    assert report.ambiguous_surfaces == {"Washington": {"PER": 1, "LOC": 1}}
    assert report.label_conflicts == ("it rained: no entity (train b); ORG 'it' (validation a)",)
    assert report.errors == ()


def test_warnings_are_one_line_each_and_name_the_split():
    assert describe_corpus(corpus()).warnings == (
        "train: ill-formed tag: 2, read by the conlleval convention, and so learned and scored",
        "validation: span cuts word: 1, widened to whole words, and so learned and scored",
        "train: entities of type LOC: 1, hard to learn from (under 10)",
        "train: entities of type PER: 2, hard to learn from (under 10)",
        "validation: entities of type ORG: 1, none in train: the type cannot be learned and counts against recall",
        "validation: sentences that are in train too: 1 (33.3%)",
        "same sentence, different entities: 1, as it rained: no entity (train b); ORG 'it' (validation a)",
    )


def test_a_warning_tells_what_was_dropped_from_what_was_widened():
    kinds = ("span_reversed", "span_outside_text", "span_without_word", "overlapping_span", "span_cuts_word")
    notes = tuple(ReadingNote("train", kind, "x") for kind in kinds)
    splits = {"train": sound_split("t"), "validation": sound_split("v")}
    *dropped, widened = describe_corpus(Corpus(splits, notes)).warnings
    assert [warning.partition(", ")[2] for warning in dropped] == ["dropped, neither learned nor scored"] * 4
    assert widened == "train: span cuts word: 1, widened to whole words, and so learned and scored"


def sound_split(name: str) -> tuple[Sentence, ...]:
    return tuple(sentence(f"{name} {i} Rome", (2, 3, "LOC"), id=f"{name}-{i}") for i in range(10))


def test_a_sound_corpus_has_neither_errors_nor_warnings():
    report = describe_corpus(Corpus({"train": sound_split("train"), "validation": sound_split("validation")}))
    assert (report.errors, report.warnings) == ((), ())


@pytest.mark.parametrize(
    ("splits", "error"),
    [
        (
            {"validation": sound_split("v")},
            "there must be a train split to learn from; there are: validation",
        ),
        ({"train": sound_split("t"), "test": ()}, "test: a split must hold at least one sentence, got none"),
        ({"train": ()}, "train: a split must hold at least one sentence, got none"),
        (
            {"train": (sentence("no entity"),)},
            "train: at least one sentence must hold an entity, got none; nothing can be learned",
        ),
        (
            {"train": sound_split("t") + sound_split("t")},
            "train: ids must be unique in a split, 10 are not, as t-0, t-1, t-2",
        ),
    ],
)
def test_errors(splits: dict[SplitName, tuple[Sentence, ...]], error: str):
    assert describe_corpus(Corpus({"validation": sound_split("v"), **splits})).errors == (error,)


def test_fit_needs_both_splits():
    lines = (
        "there must be a train split to learn from; there are: none",
        "there must be a validation split to choose the best epoch by; there are: none",
    )
    assert describe_corpus(Corpus({})).errors == lines
    assert describe_corpus(Corpus({"train": sound_split("t")})).errors == (lines[1].replace("none", "train"),)


@pytest.mark.parametrize(
    ("splits", "warning"),
    [
        (
            {"train": sound_split("t"), "validation": (sentence("no entity"),)},
            "validation: no sentence holds an entity, so scores on it say nothing",
        ),
        (
            {"train": (*sound_split("t"), Sentence(())), "validation": sound_split("v")},
            "train: sentences without words: 1",
        ),
    ],
)
def test_warnings_of_odd_splits(splits: dict[SplitName, tuple[Sentence, ...]], warning: str):
    assert describe_corpus(Corpus(splits)).warnings == (warning,)


def test_words_without_subwords_are_counted_by_code_points():
    odd = Sentence(("ab", "\u200b", "", "\u200b", "c"), (EntitySpan(0, 1, "LOC"),))
    splits = {"train": (*sound_split("t"), odd), "validation": sound_split("v")}
    report = describe_corpus(Corpus(splits), letters, window=5)
    assert report.splits["train"].subwords == SubwordStatistics(
        num_subwords=10 * 6 + 6,  # t, a digit and Rome; ab and c, and one unknown subword for each of three words
        lengths=Lengths(6, 6, 6, 6),
        words_without_subwords={"U+200B": 2, "(empty)": 1},
        longer_than_window=11,
    )
    assert report.warnings == ("train: words without subwords: 3 (U+200B, (empty)); each is given the unknown subword",)


@pytest.mark.parametrize(("window", "longer"), [(None, None), (5, 10), (6, 0)])
def test_sentences_are_held_against_the_window(window: int | None, longer: int | None):
    six_letters_each = Corpus({"train": sound_split("t")})
    [split] = describe_corpus(six_letters_each, letters, window).splits.values()
    assert split.subwords.longer_than_window == longer


def test_a_tokenizer_must_count_every_word():
    with pytest.raises(ValueError, match="zip"):
        describe_corpus(corpus(), lambda words: [1])  # noqa: ARG005


@given(st.lists(st.integers(0, 1000), min_size=1))
def test_percentiles_are_numpys(lengths: list[int]):
    expected = np.percentile(lengths, [50, 95, 99, 100], method="inverted_cdf").tolist()
    assert Lengths.of(lengths) == Lengths(*expected)


@pytest.mark.parametrize(
    ("sentences", "cased"),
    [
        ([sentence("we saw New York today", (2, 4, "LOC"))], True),
        ([sentence("we saw new york today", (2, 4, "LOC"))], False),
        ([sentence("WE SAW NEW YORK TODAY", (2, 4, "LOC"))], False),
        (
            [sentence("Rome fell", (0, 1, "LOC"))],
            False,
        ),  # a capital at the beginning of a sentence says nothing
        ([sentence("we saw New york today", (2, 4, "LOC"))], True),  # one of two
        ([sentence("we saw New york city today", (2, 5, "LOC"))], False),  # one of three
        ([sentence("und Haus und Rom steht", (3, 4, "LOC"))], True),  # one other word of three, German nouns
        ([sentence("der Mann Haus Hund Rom", (4, 5, "LOC"))], False),  # all other words
        ([sentence("他 去 北京 了", (2, 3, "LOC"))], False),  # letters without case
        ([sentence("a 1 .", (1, 2, "NUM"))], False),
        ([sentence("no entity At All")], False),
    ],
)
def test_the_rule_of_cased_entities(sentences: list[Sentence], cased: bool):
    assert entities_are_cased(Corpus({"train": tuple(sentences)})) is cased


def test_ambiguous_surfaces_come_commonest_first():
    splits = {"train": (sentence("x y x y y z", *((i, i + 1, "ABABCA"[i]) for i in range(6))),)}
    assert list(ambiguous_surfaces(Corpus(splits)).items()) == [("y", {"B": 2, "C": 1})]
    more = (sentence("x", (0, 1, "B")),)
    assert list(ambiguous_surfaces(Corpus({**splits, "test": more}))) == ["x", "y"]


def test_json_holds_the_whole_report():
    report = describe_corpus(corpus(), letters, window=3)
    plain = report.to_plain()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["splits"]["validation"]["entities_by_type"] == {"LOC": 3, "ORG": 1}
    assert plain["warnings"] == list(report.warnings)
    assert plain["notes_by_kind"]["validation"]["span_cuts_word"] == ["v.jsonl:2: Os in Oslo"]


def printed(given_corpus: Corpus) -> str:
    console = Console(file=StringIO(), width=80)
    print_report(describe_corpus(given_corpus, letters, window=3), console)
    return console.file.getvalue()


def test_the_printed_report_fits_80_columns_and_shows_all_parts():
    text = printed(corpus())
    assert max(map(len, text.splitlines())) <= 80
    for part in [
        r"sentences +4 +3\n",
        r"in train too +- +1 \(33\.3%\)",
        r"of a sentence +2 / 4 / 4 +3 / 4 / 4",
        r"LOC +1 +3\n",
        r"ill-formed tag +2 +0\n",
        r"train: BIO: seen",
        r"Ill-formed tag \(2\)",
        r"train\.conll:7: I-PER at first",
        r"Span cuts word \(1\)",
        r"v\.jsonl:2: Os in Oslo",
        r"Washington: PER 1, LOC 1",
        r"Warnings \(7\)",
    ]:
        assert re.search(part, re.sub(" +\n", "\n", text.replace("│", " "))), part
    assert "Errors" not in text


def test_long_lists_are_cut_with_a_count_and_words_are_no_markup():
    notes = tuple(ReadingNote("train", "ill_formed_tag", "[bold]", "f", line) for line in range(1, NUM_LINES + 4))
    text = printed(Corpus({"train": (sentence("[/red] x", (0, 1, "[red]")),)}, notes))
    assert f"f:{NUM_LINES}: [bold]" in text
    assert f"f:{NUM_LINES + 1}: [bold]" not in text
    assert "… and 3 more" in text
    assert "[red]" in text


def test_a_long_entity_type_is_not_broken_and_an_odd_one_is_shown():
    kinds = ["PERSON_NAME_OF_A_CHARACTER_IN_A_WORK_OF_FICTION_OR_FILM", "PER\x1b[31m\u202e"]
    text = printed(Corpus({"train": (sentence("x y", *((i, i + 1, kind) for i, kind in enumerate(kinds))),)}))
    assert text.count(kinds[0]) == 2  # in the table, and among the rare ones
    assert "PER\\x1b[31m\\u202e" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_errors_are_printed():
    assert "a split must hold at least one sentence" in printed(Corpus({"train": ()}))


def folder_of(name: str) -> Path:
    root = Path(__file__).parents[3]
    chosen = os.environ.get("NER_LIGHTNING_DATA")
    candidates = [Path(chosen)] if chosen else [root / "data", root.parent / "shared" / "data"]
    found = [folder / name for folder in candidates if (folder / name).is_dir()]
    if not found:
        pytest.skip(f"needs {name} in $NER_LIGHTNING_DATA or data/")
    return found[0]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "ending", "cased"), [("wnut17", ".conll", True), ("bc5cdr", ".bio.tsv", False)])
def test_real_corpora_agree_with_their_files(name: str, ending: str, cased: bool):
    paths = {split: folder_of(name) / f"{split}{ending}" for split in ("train", "validation", "test")}
    real = ColumnFiles(**{split: str(path) for split, path in paths.items()}).read()
    report = describe_corpus(real)
    blocks = {}
    for split, path in paths.items():
        text = path.read_text(encoding="utf-8").replace("\r", "")
        blocks[split] = [block for block in re.split(r"\n[ \t]*\n", text) if block.strip()]
    for split, described in report.splits.items():
        lines = [line for block in blocks[split] for line in block.split("\n") if line.strip()]
        assert described.num_sentences == len(blocks[split])
        assert described.num_words == len(lines)
        assert described.num_entities == sum("\tB-" in line for line in lines)
        assert described.repeated_sentences == len(blocks[split]) - len({words_of(b) for b in blocks[split]})
        if split != "train":
            train = {words_of(block) for block in blocks["train"]}
            assert described.sentences_in_train == sum(words_of(block) in train for block in blocks[split])
    assert report.cased is cased
    assert report.errors == ()


def words_of(block: str) -> tuple[str, ...]:
    return tuple(line.split("\t")[0] for line in block.split("\n") if line.strip())
