"""Tests of `test --model` and `validate --model`, which score a saved model on a corpus without training data."""

import json
import re
import shutil
from pathlib import Path

import pytest

from ner_lightning.__main__ import main
from ner_lightning.commands.fit.model_scores import default_run_dir, take_model
from ner_lightning.predictions import read_predictions
from ner_lightning.recognizer import EntityRecognizer
from ner_lightning.tags import entities_of
from support.small_bundles import LESSONS, lesson, random_bundle, small_bert
from support.small_bundles import TAGS as KNOWN

UNKNOWN_TYPE = "Marund\tB-MISC\nleft\tO\n"
UNANNOTATED = "Bill\tB-PER\nGates\t-\nleft\tO\n"


def columns(sentences: list[str]) -> str:
    """Return lessons as columns of words and tags in BIO."""
    texts = []
    for line in sentences:
        sentence = lesson(line)
        ids = KNOWN.write(sentence.entities, len(sentence))
        texts.append("".join(f"{word}\t{KNOWN.tags[i]}\n" for word, i in zip(sentence.words, ids, strict=True)))
    return "\n".join(texts)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a training and a test file; the test file has a long sentence and words that nobody annotated."""
    folder = tmp_path_factory.mktemp("corpus")
    long = " , ".join(LESSONS * 3)
    (folder / "train.conll").write_text(columns(LESSONS * 4))
    (folder / "test.conll").write_text("\n".join([columns([*LESSONS, long]), UNKNOWN_TYPE, UNANNOTATED]))
    return folder


@pytest.fixture(scope="module")
def run_dir(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "mine" / "seed-0"
    files = {"train": "train.conll", "validation": "test.conll", "test": "test.conll"}
    options = [f"--data.corpus.{split}={corpus / name}" for split, name in files.items()]
    sizes = ["--model.encoder.hidden_size=16", "--model.encoder.num_layers=1", "--model.encoder.vocabulary_size=100"]
    lengths = ["--model.encoder.max_subwords=60", "--data.windows.overlap=10", "--data.scheme=BIOES"]
    training = ["--model.optimizer.lr=0.01", "--trainer.max_epochs=6", "--trainer.precision=32-true"]
    arguments = ["--data.corpus=ColumnFiles", *options, "--model.encoder=SmallBert", *sizes, *lengths, *training]
    assert main(["fit", *arguments, "--run_dir", str(folder)]) == 0
    return folder


def on(corpus: Path, split: str = "test") -> list[str]:
    return ["--data.corpus=ColumnFiles", f"--data.corpus.{split}={corpus / 'test.conll'}"]


def test_a_bundle_predicts_exactly_what_its_run_predicted_without_the_training_file(
    run_dir: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scored = ["--model", str(run_dir / "model"), "--run_dir", str(tmp_path)]
    assert main(["test", *scored, *on(corpus)]) == 0
    written = tmp_path / "predictions" / "test.jsonl"
    assert written.read_bytes() == (run_dir / "predictions" / "test.jsonl").read_bytes()
    assert (tmp_path / "report.html").is_file()
    found = read_predictions(written)
    assert sum(len(sentence.predicted) for sentence in found) > 20
    assert found[-1].predicted_tags is not None
    assert found[-1].predicted_tags[1] == "O"  # nobody annotated this word
    printed = " ".join(capsys.readouterr().out.split())
    assert "1 not annotated and not scored" in printed
    assert "does not know these types, so their entities are always missed: MISC (1)" in printed
    assert main(["test", "--config", str(run_dir / "config.yaml"), *scored]) == 0  # the corpus of the run, as before
    assert main(["validate", *scored, *on(corpus, "validation")]) == 0
    name = "predictions/validation.jsonl"
    assert (tmp_path / name).read_bytes() == (run_dir / name).read_bytes()


def test_different_predictions_are_not_overwritten(
    run_dir: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(run_dir, tmp_path / "run")
    model = str(random_bundle(tmp_path / "model"))
    assert main(["test", "--model", model, *on(corpus), "--run_dir", str(run)]) == 2
    error = capsys.readouterr().err
    assert "test.jsonl holds different predictions, which would be lost" in error
    assert (run / "predictions/test.jsonl").read_bytes() == (run_dir / "predictions/test.jsonl").read_bytes()


def test_a_stock_model_is_scored_and_types_without_a_counterpart_are_named(
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    network, tokenizer = small_bert()
    network.save_pretrained("stock")
    tokenizer.save_pretrained("stock")
    renamed = ["--data.entity_types", "{PER: PERSON, LOC: LOC, ORG: ORG}"]
    assert main(["test", "--model=stock", *on(corpus), *renamed]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert re.search(r"so their entities are always missed: PERSON \(\d+\)", printed)
    assert re.search(r"test has no entities of these types, so predicted ones are errors: PER \(\d+\)", printed)
    assert "--data.entity_types" in printed
    assert "stock was not trained here: its labels are read as BIO, with the types LOC, ORG, PER" in caplog.text
    recognizer = EntityRecognizer.from_pretrained("stock")
    found = read_predictions("runs/stock-scored/predictions/test.jsonl")
    assert [s.predicted for s in found[:8]] == recognizer.recognize_words([s.words for s in found[:8]])
    for sentence in found:
        assert sentence.predicted_tags is not None
        spans = [(span.start, span.end, span.entity_type) for span in sentence.predicted]
        assert [(span.start, span.end, span.entity_type) for span in entities_of(sentence.predicted_tags)] == spans


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "MODEL"], "no corpus is configured; give --config FILE"),
        (["--model", "MODEL", "--data.corpus=ColumnFiles", "--data.corpus.train=FILE"], "test needs the test split"),
        (["--model", "MODEL", "--model.decoder=ArgmaxDecoder"], "so --model.decoder cannot be given as well"),
        (["--model", "MODEL", "--ckpt_path", "best"], "so --ckpt_path cannot be given as well"),
        (["--model", "MODEL/..", "--data.corpus=ColumnFiles", "--data.corpus.test=FILE"], "did you mean"),
        (["--model", "none/x/y", "--data.corpus=ColumnFiles", "--data.corpus.test=FILE"], "found nothing"),
        (["--model", "no/model", "--data.corpus=ColumnFiles", "--data.corpus.test=FILE"], "a model must be a folder"),
        (["--model", "MODEL", "--data.corpus=ColumnFiles", "--data.corpus.test=FILE.x"], "file not found"),
        (["--model", "tagger.yaml"], "a config file"),
        (["--model"], "expected one argument"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_one_line(
    arguments: list[str], message: str, run_dir: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {"MODEL": str(run_dir / "model"), "FILE": str(corpus / "test.conll")}
    given = [re.sub("MODEL|FILE", lambda found: paths[found[0]], argument) for argument in arguments]
    assert main(["test", *given]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_settings_of_the_tagger_are_not_taken_for_a_model(tmp_path: Path) -> None:
    config = tmp_path / "tagger"
    config.write_text("{}")
    for value in ("tagger.yaml", json.dumps({"warmup_ratio": 0.2}), str(config)):
        for arguments in (["--model", value, "--run_dir", "x"], [f"--model={value}"]):
            assert take_model(arguments) == (None, arguments)
    assert take_model(["--run_dir", "x", "--model=a/b"]) == ("a/b", ["--run_dir", "x"])
    assert take_model(["--config", "--model", "a/b"]) == ("a/b", ["--config"])


def test_results_are_named_after_the_model(tmp_path: Path) -> None:
    run = tmp_path / "demo" / "seed-1"
    (run / "model").mkdir(parents=True)
    assert default_run_dir(str(run / "model")) == Path("runs/demo-seed-1-scored")
    assert default_run_dir(str(tmp_path / "demo")) == Path("runs/demo-scored")
    assert default_run_dir("dslim/bert-base-NER") == Path("runs/bert-base-NER-scored")
