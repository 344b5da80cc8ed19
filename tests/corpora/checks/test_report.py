import json
import os
import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from ner_lightning.corpora.checks.printed_report import MAX_LINES, print_report
from ner_lightning.corpora.checks.report import describe_corpus
from ner_lightning.corpora.column_files import ColumnFiles
from ner_lightning.corpora.reader import Corpus, ReadingNote, SplitName
from ner_lightning.sentences import Sentence
from support.checked_corpora import checked_corpus, letters, sentence, sound_split


def test_notes_scheme_surfaces_and_conflicts_are_reported():
    report = describe_corpus(checked_corpus())
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
    assert describe_corpus(checked_corpus()).warnings == (
        "train: ill-formed tag: 2, read by the conlleval convention; the result is learned and scored, "
        "such as train.conll:7: I-PER at first",
        "validation: span cuts word: 1, widened to whole words; the result is learned and scored, "
        "such as v.jsonl:2: Os in Oslo",
        "train: entities of type LOC: 1, hard to learn (fewer than 10)",
        "train: entities of type PER: 2, hard to learn (fewer than 10)",
        "validation: entities of type ORG: 1, but none in train: the type cannot be learned and lowers recall",
        "validation: sentences that are also in train: 1 (33.3%)",
        "equal sentences with different entities: 1, such as it rained: no entity (train b); ORG 'it' (validation a)",
    )


def test_warnings_distinguish_dropped_from_widened_spans():
    kinds = ("span_reversed", "span_outside_text", "span_without_word", "overlapping_span", "span_cuts_word")
    notes = tuple(ReadingNote("train", kind, "x") for kind in kinds)
    splits = {"train": sound_split("t"), "validation": sound_split("v")}
    *dropped, widened = describe_corpus(Corpus(splits, notes)).warnings
    assert [warning.partition(", ")[2] for warning in dropped] == [
        "dropped, neither learned nor scored, such as train: x"
    ] * 4
    assert widened.startswith("train: span cuts word: 1, widened to whole words; the result is learned and scored")


def test_a_sound_corpus_has_neither_errors_nor_warnings():
    report = describe_corpus(Corpus({"train": sound_split("train"), "validation": sound_split("validation")}))
    assert (report.errors, report.warnings, report.notes) == ((), (), ())


@pytest.mark.parametrize(
    ("splits", "error"),
    [
        (
            {"validation": sound_split("v")},
            "a train split is required to learn from, found validation",
        ),
        ({"train": sound_split("t"), "test": ()}, "test: a split must contain at least one sentence, got none"),
        ({"train": ()}, "train: a split must contain at least one sentence, got none"),
        (
            {"train": (sentence("no entity"),)},
            "train: at least one sentence must contain an entity, got none; nothing can be learned",
        ),
        (
            {"train": sound_split("t") + sound_split("t")},
            "train: ids must be unique in a split, 10 are repeated, such as t-0, t-1, t-2",
        ),
    ],
)
def test_unusable_corpora_give_errors(splits: dict[SplitName, tuple[Sentence, ...]], error: str):
    assert describe_corpus(Corpus({"validation": sound_split("v"), **splits})).errors == (error,)


def test_training_needs_both_splits():
    lines = (
        "a train split is required to learn from, found no split",
        "a validation split is required to choose the best epoch, found no split",
    )
    assert describe_corpus(Corpus({})).errors == lines
    advice = "train; data.validation_share: 0.1 holds out a share of train"
    assert describe_corpus(Corpus({"train": sound_split("t")})).errors == (lines[1].replace("no split", advice),)


@pytest.mark.parametrize(
    ("splits", "warning"),
    [
        (
            {"train": sound_split("t"), "validation": (sentence("no entity"),)},
            "validation: no sentence contains an entity, so its scores are meaningless",
        ),
        (
            {"train": (*sound_split("t"), Sentence(())), "validation": sound_split("v")},
            "train: sentences without words: 1",
        ),
    ],
)
def test_unusual_splits_give_warnings(splits: dict[SplitName, tuple[Sentence, ...]], warning: str):
    assert describe_corpus(Corpus(splits)).warnings == (warning,)


def test_json_contains_the_whole_report():
    report = describe_corpus(checked_corpus(), letters, window=3)
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
    text = printed(checked_corpus())
    assert max(map(len, text.splitlines())) <= 80
    for part in [
        r"sentences +4 +3\n",
        r"also in train +- +1 \(33\.3%\)",
        r"per sentence +2 / 4 / 4 +3 / 4 / 4",
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


def test_long_lists_are_cut_with_a_count_and_words_are_not_markup():
    notes = tuple(ReadingNote("train", "ill_formed_tag", "[bold]", "f", line) for line in range(1, MAX_LINES + 4))
    text = printed(Corpus({"train": (sentence("[/red] x", (0, 1, "[red]")),)}, notes))
    assert f"f:{MAX_LINES}: [bold]" in text
    assert f"f:{MAX_LINES + 1}: [bold]" not in text
    assert "… and 3 more" in text
    assert "[red]" in text


def test_errors_are_printed():
    assert "a split must contain at least one sentence" in printed(Corpus({"train": ()}))


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


def test_a_long_entity_type_is_not_broken_and_hidden_characters_are_shown() -> None:
    kinds = ["PERSON_NAME_OF_A_CHARACTER_IN_A_WORK_OF_FICTION_OR_FILM", "PER\x1b[31m\u202e"]
    text = printed(Corpus({"train": (sentence("x y", *((i, i + 1, kind) for i, kind in enumerate(kinds))),)}))
    assert text.count(kinds[0]) == 2  # in the table, and among the rare ones
    assert "PER\\x1b[31m\\u202e" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80
