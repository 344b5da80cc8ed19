"""Tests that words which nobody annotated are neither learned nor scored, from the file to the score."""

import json
from pathlib import Path
from random import Random

import pytest
import torch
from datasets import Dataset
from torch import Tensor

from ner_lightning.__main__ import main
from ner_lightning.corpora.column_files import ColumnFiles, ColumnFilesWriter
from ner_lightning.corpora.hub_datasets import HubDatasets
from ner_lightning.corpora.json_lines import JsonLines, JsonLinesWriter
from ner_lightning.corpora.reader import Corpus, CorpusError, CorpusReader
from ner_lightning.corpora.reading.tag_spelling import TagSpelling
from ner_lightning.encoding.augmentation import MentionReplacement, TokenReplacement
from ner_lightning.encoding.augmented_windows import AugmentedWindows
from ner_lightning.encoding.batches import WindowEncoder
from ner_lightning.entities import EntitySpan
from ner_lightning.metrics.span_f1 import SpanF1
from ner_lightning.modeling.encoders import SmallBert
from ner_lightning.modeling.scored_positions import ScoredPositions
from ner_lightning.predictions import read_predictions
from ner_lightning.schemes import BIO, BIOES, IGNORE_INDEX, LabelScheme, TagSet
from ner_lightning.sentences import Sentence
from ner_lightning.training.data_module import NERDataModule
from support.command_line import TINY_RUN

WORDS = ("Mira", "Kolbe", "left", "Oslo")
PER = EntitySpan(0, 2, "PER")
ENCODER = [option for option in TINY_RUN if option.startswith("--model.encoder")]


def sentence(*unannotated: int) -> Sentence:
    return Sentence(WORDS, (PER,), "1", unannotated=unannotated)


def column_files(folder: Path, tags: str, spelling: TagSpelling = TagSpelling()) -> Corpus:
    path = folder / "train.conll"
    path.write_text("".join(f"{word} {tag}\n" for word, tag in zip(WORDS, tags.split(), strict=True)))
    return ColumnFiles(str(path), tags=spelling).read()


@pytest.mark.parametrize(
    ("tags", "unannotated"),
    [
        ("B-PER I-PER - O", (2,)),
        ("B-PER I-PER O -", (3,)),
        ("B-PER I-PER - -", (2, 3)),
        ("B-PER I-PER _ O", (2,)),
        ("B-PER I-PER _ _", ()),  # the outside tag of this file
        ("B-PER I-PER -100 -1", (2, 3)),
        ("B_PER I_PER _ O", (2,)),
    ],
)
def test_tags_of_unannotated_words_are_recognized(tmp_path: Path, tags: str, unannotated: tuple[int, ...]) -> None:
    corpus = column_files(tmp_path, tags)
    (found,) = corpus.splits["train"]
    assert (found.entities, found.unannotated) == ((PER,), unannotated)
    evidence = (corpus.scheme_evidence or {})["train"]
    assert (f"{len(unannotated)} words with the tag" in evidence) is bool(unannotated)
    assert ("set tags.unannotated to []" in evidence) is (bool(unannotated) and " O" not in tags)
    assert not corpus.notes


def test_the_tags_of_unannotated_words_can_be_stated(tmp_path: Path) -> None:
    (found,) = column_files(tmp_path, "B-PER I-PER - ?", TagSpelling(unannotated=["?"])).splits["train"]
    assert found.unannotated == (3,)
    (found,) = column_files(tmp_path, "B-PER I-PER - O", TagSpelling(unannotated=[])).splits["train"]
    assert found.unannotated == ()


def test_numbers_of_unannotated_words_are_read(tmp_path: Path) -> None:
    row = {"tokens": list(WORDS), "ner_tags": [1, 2, -100, -1]}
    Dataset.from_list([row]).to_parquet(tmp_path / "data" / "train.parquet")
    (tmp_path / "train.jsonl").write_text(json.dumps(row))
    names = ["O", "B-PER", "I-PER"]
    readers: list[CorpusReader] = [
        HubDatasets(str(tmp_path / "data"), tag_names=names),
        JsonLines(str(tmp_path / "train.jsonl"), tag_names=names),
    ]
    for reader in readers:
        (found,) = reader.read().splits["train"]
        assert (found.entities, found.unannotated) == ((PER,), (2, 3))


@pytest.mark.parametrize("unannotated", [(), (2,), (2, 3)])
def test_writers_keep_unannotated_words(tmp_path: Path, unannotated: tuple[int, ...]) -> None:
    corpus = Corpus({"train": (sentence(*unannotated), Sentence(("He", "left"), (), "2"))})
    for writer, name, reader in (
        (ColumnFilesWriter(), "train.conll", ColumnFiles),
        (JsonLinesWriter(), "train.jsonl", JsonLines),
    ):
        writer.write(corpus, str(tmp_path))
        again = reader(str(tmp_path / name)).read()
        assert [s.unannotated for s in again.splits["train"]] == [unannotated, ()]
        assert [s.entities for s in again.splits["train"]] == [(PER,), ()]
        assert again.checksum() == corpus.checksum()
    assert (unannotated == ()) is (
        corpus.checksum() == Corpus({"train": (sentence(), *corpus.splits["train"][1:])}).checksum()
    )


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ([0], "must not contain a word that nobody annotated, got PER from word 0 to 2 with word 0"),
        ([4], "in order and within the sentence"),
        ([3, 2], "in order and within the sentence"),
        (["2"], "must be a list of positions"),
        (2, "must be a list"),
    ],
)
def test_wrong_positions_are_refused_with_their_line(tmp_path: Path, positions: object, message: str) -> None:
    row = {"words": list(WORDS), "entities": [[0, 2, "PER"]], "unannotated": positions}
    (tmp_path / "train.jsonl").write_text(json.dumps(row))
    with pytest.raises(CorpusError, match=rf"train\.jsonl:1: .*{message}"):
        JsonLines(str(tmp_path / "train.jsonl")).read()


@pytest.mark.parametrize(
    "row", [{"tokens": ["Mira"], "ner_tags": ["O"]}, {"text": "Mira", "entities": []}], ids=["tags", "text"]
)
def test_positions_that_would_be_ignored_are_refused(tmp_path: Path, row: dict[str, object]) -> None:
    """Otherwise these words would be learned and scored as outside any entity."""
    (tmp_path / "train.jsonl").write_text(json.dumps(row | {"unannotated": [0]}))
    with pytest.raises(CorpusError, match=r'train\.jsonl:1: "unannotated" gives positions in "words", got it beside'):
        JsonLines(str(tmp_path / "train.jsonl")).read()


class Given(CorpusReader):
    """A corpus that is given."""

    def __init__(self, *sentences: Sentence) -> None:
        self.corpus = Corpus(dict.fromkeys(("train", "validation", "test"), sentences))

    def read(self) -> Corpus:
        return self.corpus


def data_module(*sentences: Sentence) -> NERDataModule:
    data = NERDataModule(Given(*sentences), SmallBert(60, hidden_size=16, num_layers=1, num_heads=2))
    data.setup()
    return data


def test_unannotated_words_have_no_label_and_no_weight() -> None:
    data = data_module(sentence(2))
    bound = data.bound
    (batch,) = data.train_dataloader()
    assert (batch.labels != IGNORE_INDEX).sum() == 3
    assert batch.word_starts.sum() == 4  # the word is still read
    assert bound.word_counts == {"O": 1, "PER": 2}
    assert bound.coverage("test").unannotated_words == 1
    assert "1 not annotated and not scored" in str(bound.coverage("test"))
    assert "not annotated" not in str(data_module(sentence()).bound.coverage("test"))


def evaluated(data: NERDataModule, predicted: list[int]) -> dict[str, Tensor]:
    (batch,) = data.test_dataloader()
    tag_ids = batch.scored(torch.tensor([predicted]), data.bound.tags)
    metric = SpanF1(data.bound.tags, data.bound.gold_tags)
    metric.update(tag_ids, batch.gold)
    return metric.compute()


@pytest.mark.parametrize(
    ("predicted", "f1"),
    [
        ([1, 2, 0, 0], 1.0),
        ([1, 2, 1, 0], 1.0),  # the entity on the unannotated word does not count
        ([1, 2, 2, 0], 1.0),  # of this one, the annotated words count
        ([1, 2, 0, 1], 2 / 3),
        ([0, 0, 1, 0], 0.0),
    ],
)
def test_predictions_on_unannotated_words_are_not_scored(predicted: list[int], f1: float) -> None:
    assert evaluated(data_module(sentence(2)), predicted)["f1"] == pytest.approx(f1)


@pytest.mark.parametrize(
    ("scheme", "predicted", "scored"),
    [
        (BIO(), "B-PER I-PER I-PER I-PER", "B-PER I-PER O B-PER"),
        (BIOES(), "B-PER I-PER I-PER E-PER", "B-PER E-PER O S-PER"),
        (BIOES(), "O B-PER I-PER E-PER", "O S-PER O S-PER"),
        (BIOES(), "O S-PER O S-PER", "O S-PER O S-PER"),
        (BIO(), "O I-PER O O", "O I-PER O O"),  # ill-formed without the cut
    ],
)
def test_an_entity_cut_by_an_unannotated_word_is_not_ill_formed(
    scheme: LabelScheme, predicted: str, scored: str
) -> None:
    """Otherwise strict F1 falls, and even Viterbi decoding seems to leave ill-formed sentences."""
    data = data_module(sentence(2))
    (batch,) = data.test_dataloader()
    tags = TagSet(scheme, ("PER",))
    tag_ids = torch.tensor([[tags.tag_ids[tag] for tag in predicted.split()]])
    assert [tags.tags[tag_id] for tag_id in batch.scored(tag_ids, tags)[0].tolist()] == scored.split()


def test_the_loss_of_an_unannotated_word_does_not_depend_on_its_logits() -> None:
    data = data_module(sentence(2))
    (batch,) = data.test_dataloader()
    logits = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(0))
    scored = ScoredPositions.of_sentences(logits, batch)
    assert scored.labels.tolist() == [1, 2, 0]
    assert torch.equal(scored.logits, logits[0, [0, 1, 3]])


def test_augmentation_leaves_sentences_with_unannotated_words_unchanged() -> None:
    whole = Sentence(("Ola", "Berg", "ate"), (PER,), "2")
    data = data_module(sentence(2), whole)
    tags = TagSet(BIO(), ("PER",))
    parts = [MentionReplacement(1.0), TokenReplacement(1.0)]
    changes = [part.bind(data.bound.corpus.splits["train"], tags) for part in parts]
    encoder: WindowEncoder = data.bound.window_encoder
    windows = AugmentedWindows(data.bound.corpus.splits["train"], [1, 1], changes, encoder, seed=0)
    assert windows.augmented(0, 0) == sentence(2)
    assert "left" not in {word for epoch in range(20) for word in windows.augmented(epoch, 1).words}


def test_a_run_learns_and_scores_the_annotated_words_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A word of PER in half of its places, and nobody said in the other half: it is learned as PER."""
    random = Random(0)
    names, others = ["Mira", "Ola", "Ada"], ["left", "ate", "saw", "it", "then"]
    for split, number in (("train", 120), ("test", 20)):
        with (tmp_path / f"{split}.conll").open("w") as file:
            for position in range(number):
                tag = "B-PER" if position % 2 else "-"
                before, after = random.choices(others, k=2)
                file.write(f"{before} O\n{random.choice(names)} {tag}\n{after} O\n\n")
    files = [
        f"--data.corpus.{name}={tmp_path / file}.conll"
        for name, file in (("train", "train"), ("validation", "test"), ("test", "test"))
    ]
    options = ["--data.corpus=ColumnFiles", *files, *ENCODER, "--trainer.max_epochs=6", "--model.optimizer.lr=0.01"]
    assert main(["fit", *options, "--run_dir", str(tmp_path / "run")]) == 0
    predicted = read_predictions(tmp_path / "run" / "predictions" / "test.jsonl")
    assert [s.gold == s.predicted for s in predicted] == [True] * 20
    assert "10 not annotated and not scored" in " ".join(capsys.readouterr().out.split())
    (tmp_path / "in.txt").write_text("ate Mira left\n")
    arguments = ["--input", str(tmp_path / "in.txt"), "--output", str(tmp_path / "out.jsonl")]
    assert main(["predict", "--model", str(tmp_path / "run" / "model"), *arguments]) == 0
    assert [entity["text"] for entity in json.loads((tmp_path / "out.jsonl").read_text())["entities"]] == ["Mira"]


def write_corpus(folder: Path, outside: str, validation_tag: str) -> list[str]:
    """Write a corpus of one name and one other word per sentence, and return the options that read it."""
    (folder / "train.conll").write_text(f"Mira\tB-PER\nleft\t{outside}\n\n" * 4)
    (folder / "validation.conll").write_text(f"Mira\t{validation_tag}\nleft\t{validation_tag}\n\n")
    files = [f"--data.corpus.{split}={folder / split}.conll" for split in ("train", "validation")]
    return ["--data.corpus=ColumnFiles", *files, *ENCODER]


def test_a_split_in_which_nothing_is_annotated_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its word accuracy would be 0 / 0, which the bundle cannot record once training is over."""
    options = write_corpus(tmp_path, outside="O", validation_tag="-")
    assert main(["fit", *options, "--run_dir", str(tmp_path / "run")]) == 2
    printed = capsys.readouterr().err
    assert printed == "error: every split must have at least one annotated word, got none in validation\n"
    assert main(["check", *options]) == 1
    assert "validation: a split must contain at least one annotated word" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("outside", ["-", "O"])
def test_a_corpus_without_annotated_words_outside_entities_is_warned_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], outside: str
) -> None:
    """A file that writes - for O would otherwise teach the model, without a word, that everything is an entity."""
    options = write_corpus(tmp_path, outside, validation_tag=outside if outside == "O" else "B-PER")
    assert main(["fit", *options, "--trainer.max_steps=1", "--run_dir", str(tmp_path / "run")]) == 0
    assert main(["check", *options]) == 0
    printed = capsys.readouterr()
    for text in (printed.err, " ".join(printed.out.split())):
        assert ("every annotated word is part of an entity" in text) is (outside == "-")
