"""Tests of the part of `check`'s report that concerns the encoder."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerBase

from ner_lightning.commands.check import corpus_report, main
from ner_lightning.corpora.checks.report import CorpusReport
from ner_lightning.corpora.reader import Corpus, CorpusReader, SplitName
from ner_lightning.entities import EntitySpan
from ner_lightning.modeling.encoders import PretrainedEncoder, SmallBert
from ner_lightning.sentences import Sentence
from ner_lightning.training.data_module import NERDataModule
from support.strategies import word_piece_tokenizer

CORPUS = [
    f"--data.corpus{option}" for option in ("=ExampleCorpus", ".num_train=10", ".num_validation=4", ".num_test=4")
]
SENTENCES = tuple(Sentence(("we", "saw", "Rome", "again"), (EntitySpan(2, 3, "LOC"),), f"train-{i}") for i in range(10))


@dataclass
class CorpusOf(CorpusReader):
    split: SplitName

    def read(self) -> Corpus:
        return Corpus({self.split: SENTENCES})


@dataclass(frozen=True)
class EncoderOf(PretrainedEncoder):
    """A pretrained encoder with a given vocabulary."""

    name_or_path: str = ""
    subwords: tuple[str, ...] = ()
    lowercase: bool = False

    def tokenizer(self, training_sentences: object) -> PreTrainedTokenizerBase:  # noqa: ARG002
        return word_piece_tokenizer(self.subwords, self.lowercase)


def report_on(split: SplitName, encoder: PretrainedEncoder | SmallBert) -> CorpusReport:
    return corpus_report(NERDataModule(CorpusOf(split), encoder))


@pytest.mark.parametrize(
    ("subwords", "lowercase", "warned"),
    [
        (("a", "b", "##a", "##b", "A", "##B"), False, False),
        (("a", "##b"), True, True),
        (("we", "saw", "Rome", "again"), False, False),  # its vocabulary has neither AB nor ab
        (("we", "saw", "rome", "again"), True, True),
    ],
)
def test_an_uncased_encoder_is_distinguished_from_a_small_vocabulary(
    subwords: tuple[str, ...], lowercase: bool, warned: bool
) -> None:
    report = report_on("train", EncoderOf(subwords=subwords, lowercase=lowercase))
    assert report.cased
    assert any("the encoder is not" in warning for warning in report.warnings) is warned


def test_an_encoder_that_learns_its_subwords_needs_a_train_split() -> None:
    report = report_on("validation", SmallBert())
    assert report.errors == ("a train split is required to learn from, found validation",)
    assert report.splits["validation"].subwords is None
    assert report.warnings == (
        "the encoder learns its subwords from the train split, which is missing, so subwords are not reported",
    )


def test_a_pretrained_encoder_needs_no_train_split_to_count_subwords() -> None:
    report = report_on("validation", EncoderOf(subwords=("we", "saw", "Rome", "again")))
    subwords = report.splits["validation"].subwords
    assert subwords is not None
    assert subwords.num_subwords == 40
    assert report_on("train", SmallBert()).splits["train"].subwords is not None


@pytest.mark.parametrize(
    ("encoder", "reason"),
    [
        ([], "no encoder is configured"),
        (
            ["--model.encoder=PretrainedEncoder", "--model.encoder.name_or_path=no/such"],
            "on a hub that can be reached: 'no/such'",
        ),
    ],
    ids=["none", "unknown"],
)
def test_a_corpus_is_reported_without_its_encoder(
    encoder: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*CORPUS, *encoder, "--format=json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["splits"]["train"]["num_sentences"] == 10
    (warning,) = (warning for warning in report["warnings"] if "encoder" in warning)
    assert warning.startswith("subwords are not reported because the encoder cannot be loaded: ")
    assert reason in warning


def test_the_configured_device_need_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CORPUS, "--trainer.accelerator=tpu", "--trainer.devices=8"]) == 0
    assert "Splits" in capsys.readouterr().out
    assert main([*CORPUS, "--model.warmup_ratio=2"]) == 2
    assert "error: warmup_ratio must be between 0 and 1, got 2.0" in capsys.readouterr().err


def test_the_report_is_also_written_as_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CORPUS, f"--report={tmp_path / 'new' / 'page.html'}", "--format=json"]) == 0
    report = json.loads(capsys.readouterr().out)
    page = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    assert "<h1>Corpus report</h1>" in page
    assert f"<dt>warnings</dt><dd>{len(report['warnings'])}</dd>" in page


def test_a_page_that_cannot_be_written_gives_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CORPUS, f"--report={tmp_path}"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
