"""Tests of the training benchmark: the peer follows the usual recipe, and both sides get the same input."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from ner_lightning.corpora.column_files import ColumnFiles
from ner_lightning.encoding.alignment import WordTokenizer, align_labels
from ner_lightning.modeling.encoders import train_word_pieces
from ner_lightning.schemes import BIO, TagSet

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"


def words_and_tags(path: Path) -> list[tuple[list[str], list[str]]]:
    """Return the sentences of a file as our reader gives them, with entities as BIO tags."""
    corpus = ColumnFiles(str(path), str(path), str(path)).read()
    tags = TagSet(BIO(), corpus.entity_types("train"))
    return [(list(s.words), [tags.tags[i] for i in tags.write(s.entities, len(s))]) for s in corpus.splits["train"]]


def test_the_peer_reads_the_same_sentences(recipe, corpus_dir):
    columns = recipe.read_columns(corpus_dir / "train.conll")
    assert list(zip(columns["words"], columns["tags"], strict=True)) == words_and_tags(corpus_dir / "train.conll")
    assert recipe.tag_names([columns]) == ["O", "B-LOC", "B-PER", "I-PER"]


def test_the_peer_has_the_same_labels(recipe):
    tags = TagSet(BIO(), ("LOC", "PER"))
    generator = random.Random(0)
    sentences = [
        [generator.choice(("Ann", "Smith-Jones", "sings", "Llanfairpwll", "Paris", ".")) for _ in range(n)]
        for n in (1, 3, 8, 20)
    ]
    tokenizer = train_word_pieces(sentences, 40)  # few enough that words are split
    tag_ids = [[generator.randrange(len(tags.tags)) for _ in words] for words in sentences]
    rows = {"words": sentences, "tags": [[tags.tags[i] for i in row] for row in tag_ids]}
    peer = recipe.encode(rows, tokenizer, dict(tags.tag_ids))
    word_tokenizer = WordTokenizer(tokenizer, 512)
    for number, encoded in enumerate(word_tokenizer.encode(sentences)):
        ours = align_labels(tag_ids[number], encoded, tags, "first")
        assert peer["labels"][number] == [-100, *ours, -100]
        assert peer["input_ids"][number][1:-1] == list(encoded.subword_ids)
        assert len(ours) > len(sentences[number])


def test_the_peer_counts_its_padding(recipe):
    tokenizer = train_word_pieces([["a", "b"]], 40)
    collator = recipe.CountingCollator(tokenizer)
    for lengths in ((2, 4), (3, 3)):
        batch = collator([{"input_ids": [5] * n, "attention_mask": [1] * n, "labels": [0] * n} for n in lengths])
    assert torch.equal(batch["labels"], torch.zeros(2, 3, dtype=torch.long))
    assert (collator.real, collator.computed) == (12, 14)


def arguments_of(command: list[str]) -> dict[str, str]:
    """Return the options of a command line by name."""
    first = next(i for i, part in enumerate(command) if part.startswith("--"))
    return dict(zip(command[first::2], command[first + 1 :: 2], strict=True))


@pytest.mark.usefixtures("corpus_dir")
def test_both_sides_get_the_same_settings(benchmark, tmp_path):
    training, column_data = benchmark("training"), benchmark("column_data")
    options = training.parse_arguments(["--encoder", "enc", "--epochs", "2", "--batch", "8"])
    files = column_data.corpus_files("wnut17")
    peer = arguments_of(training.peer_command(options, Path("python"), files, seed=7))
    command = training.fit_command(options, files, 7, tmp_path / "run", tmp_path / "clock.json")
    ours = arguments_of(command)
    assert command[:4] == [sys.executable, "-m", "ner_lightning", "fit"]
    assert Path(ours["--config"]) == ROOT / "configs" / "experiment" / "wnut17.yaml"
    shared = {
        "--encoder": "--model.encoder.init_args.name_or_path",
        "--epochs": "--trainer.max_epochs",
        "--batch": "--data.batches.max_windows",
        "--learning_rate": "--model.optimizer.init_args.lr",
        "--seed": "--seed_everything",
        **{f"--{split}": f"--data.corpus.init_args.{split}" for split in ("train", "validation", "test")},
    }
    assert set(peer) == set(shared)
    assert {theirs: ours[key] for theirs, key in shared.items()} == peer
    assert (peer["--learning_rate"], peer["--epochs"], peer["--batch"]) == ("0.0002", "2", "8")


@pytest.mark.usefixtures("corpus_dir")
def test_fit_accepts_its_command_line(benchmark, tmp_path):
    """The resolved configuration contains the settings of the benchmark."""
    training, column_data = benchmark("training"), benchmark("column_data")
    options = training.parse_arguments(["--encoder", "enc", "--learning_rate", "0.003"])
    command = training.fit_command(
        options, column_data.corpus_files("wnut17"), 5, tmp_path / "run", tmp_path / "clock.json"
    )
    done = subprocess.run(
        [*command, "--print_config"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(BENCHMARKS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for line in ("seed_everything: 5", "lr: 0.003", "max_windows: 16", "name_or_path: enc", "max_epochs: 3"):
        assert f"{line}\n" in done.stdout
    assert "class_path: training_clock.TrainingClock" in done.stdout


@pytest.mark.usefixtures("corpus_dir")
def test_limited_files_hold_the_first_sentences(benchmark, tmp_path):
    column_data = benchmark("column_data")
    files = column_data.corpus_files("wnut17")
    whole = words_and_tags(files["train"])
    for limit in (1, 2, 3, 99):
        limited = column_data.limited_files(files, limit, tmp_path)
        assert words_and_tags(limited["train"]) == whole[:limit]


def test_a_missing_corpus_or_encoder_gives_one_line(benchmark, corpus_dir, capsys):
    training = benchmark("training")
    (corpus_dir / "test.conll").unlink()
    with pytest.raises(ValueError, match=r"test\.conll is missing; NER_LIGHTNING_DATA"):
        benchmark("column_data").corpus_files("wnut17")
    assert training.main(["--encoder", str(corpus_dir / "nowhere")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --encoder must be a folder with an encoder")
    assert error.count("\n") == 1


def measurement(training: ModuleType, side: str, speed: float) -> object:
    return training.Measurement(side, 0, 0, 1.0, speed, 1.0, 0.5, 0.4, {})


def test_ratios_are_of_medians_and_of_neighboring_runs(benchmark):
    training = benchmark("training")
    speeds = [("peer", 10), ("ours", 30), ("peer", 20), ("ours", 40), ("peer", 40), ("ours", 60)]
    runs = [measurement(training, side, speed) for side, speed in speeds]
    summary = training.summarise(runs)
    assert summary["ratio_per_pair"] == [3.0, 2.0, 1.5]
    assert summary["ratio_of_medians"] == 2.0
    assert summary["peer"]["examples_per_second"] == {"median": 20, "least": 10, "greatest": 40}
    assert training.result_table(summary, "title").row_count == 4


def test_the_clock_stops_during_validation(benchmark, tmp_path, monkeypatch):
    clock_module = benchmark("training_clock")
    now = iter([10.0, 13.0, 20.0, 21.0, 40.0, 45.0, 60.0])
    monkeypatch.setattr(clock_module.time, "perf_counter", lambda: next(now))
    clock = clock_module.TrainingClock(str(tmp_path / "clock.json"))
    clock.on_train_epoch_start(None, None)  # 10
    clock.on_validation_start(None, None)  # 13: 3 s
    clock.on_validation_end(None, None)  # 20
    clock.on_train_epoch_end(None, None)  # 21: 1 s
    clock.on_train_end(None, None)
    assert json.loads((tmp_path / "clock.json").read_text()) == {"training_seconds": 4.0}
    clock.on_validation_start(None, None)  # of the best checkpoint, after training
    assert clock.seconds == 4.0


@pytest.mark.slow
def test_training_runs_end_to_end(tmp_path):
    beside = ROOT.parent / "shared" / "data"
    data = Path(
        os.environ.get("NER_LIGHTNING_DATA") or next((d for d in (ROOT / "data", beside) if d.is_dir()), beside)
    )
    encoder = os.environ.get("NER_LIGHTNING_ENCODER")
    if not (BENCHMARKS / "peers" / ".venv" / "requirements.txt").exists():
        pytest.skip("the peers' environment is not made: run benchmarks/training.py once")
    if not encoder or not (data / "wnut17" / "train.conll").exists():
        pytest.skip("needs WNUT-17, and an encoder's folder in NER_LIGHTNING_ENCODER")
    output = tmp_path / "runs.json"
    options = ["--encoder", encoder, "--limit", "32", "--epochs", "1", "--repeats", "1", "--threads", "1"]
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "training.py"), *options, "--output", str(output)],
        env=os.environ | {"NER_LIGHTNING_DATA": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    content = json.loads(output.read_text())
    peer, ours = content["runs"]
    assert (peer["side"], ours["side"]) == ("peer", "ours")
    assert content["summary"]["ratio_per_pair"] == [ours["examples_per_second"] / peer["examples_per_second"]]
    assert ours["padding"] < peer["padding"]
