"""The benchmarks: what they compare is the same on both sides, and their command lines are what they say."""

import importlib
import importlib.util
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

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
COLUMNS = "Ann\tB-PER\nSmith-Jones\tI-PER\nsings\tO\n\t\nParis\tB-LOC\n\n\nBob\tB-PER\nhums\tO\n"


@pytest.fixture
def benchmark(monkeypatch):
    """Imports a benchmark as running it as a script does."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    """The peer, imported by path: it is no part of the package."""
    spec = importlib.util.spec_from_file_location("hf_recipe", BENCHMARKS / "peers" / "hf_recipe.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def corpus_dir(tmp_path, monkeypatch) -> Path:
    """A tiny WNUT-17 in a data folder."""
    folder = tmp_path / "data" / "wnut17"
    folder.mkdir(parents=True)
    for split in ("train", "validation", "test"):
        (folder / f"{split}.conll").write_text(COLUMNS, encoding="utf-8")
    monkeypatch.setenv("NER_LIGHTNING_DATA", str(folder.parent))
    return folder


def words_and_tags(path: Path) -> list[tuple[list[str], list[str]]]:
    """The sentences of a file as our reader has them, their entities written as BIO."""
    corpus = ColumnFiles(str(path), str(path), str(path)).read()
    tags = TagSet(BIO(), corpus.entity_types("train"))
    return [(list(s.words), [tags.tags[i] for i in tags.write(s.entities, len(s))]) for s in corpus.splits["train"]]


# -- metric ------------------------------------------------------------------------------------------------


def test_metric_runs_and_agrees_with_seqeval(benchmark, capsys):
    assert benchmark("metric").main(["--corpus", "generated", "--words", "2000", "--repeats", "1"]) == 0
    printed = capsys.readouterr().out
    assert "scores agree to 1e-12" in printed
    assert printed.count("SpanF1") == 3


def test_metric_refuses_scores_that_differ(benchmark):
    metric = benchmark("metric")
    text = metric.tagged_text("generated", 2000, seed=1)
    report = metric.seqeval_report(text.names(text.gold), text.names(text.predicted))
    scores = metric.span_f1_scores(text, metric.batches_of(text, metric.batch_plans(text)["one batch"]))
    metric.require_agreement(scores, report)
    with pytest.raises(AssertionError, match="f1/LOC must be"):
        metric.require_agreement(scores | {"f1/LOC": scores["f1/LOC"] + 1e-9}, report)


def test_metric_measures_every_sentence_once_however_batched(benchmark):
    metric = benchmark("metric")
    text = metric.tagged_text("generated", 20_000, seed=0)
    assert text.num_words >= 20_000
    for plan in metric.batch_plans(text).values():
        assert sorted(i for batch in plan for i in batch) == list(range(len(text.gold)))
    assert len(metric.batch_plans(text)["as fit evaluates"]) > 1


def test_metric_has_realistic_tags_and_predictions(benchmark):
    text = benchmark("metric").tagged_text("generated", 20_000, seed=0)
    entity_words = sum(tag_id > 0 for row in text.gold for tag_id in row)
    wrong = sum(g != p for rows in zip(text.gold, text.predicted, strict=True) for g, p in zip(*rows, strict=True))
    assert 0.06 < entity_words / text.num_words < 0.10
    assert 0.01 < wrong / text.num_words < 0.03
    again = benchmark("metric").tagged_text("generated", 20_000, seed=0)
    assert again.predicted == text.predicted


@pytest.mark.usefixtures("corpus_dir")
def test_metric_takes_the_corpus_where_present(benchmark):
    metric = benchmark("metric")
    assert metric.available_corpora() == ["wnut17", "generated"]
    text = metric.tagged_text("wnut17", 12, seed=0)
    assert text.names(text.gold)[:3] == [["B-PER", "I-PER", "O"], ["B-LOC"], ["B-PER", "O"]]
    assert text.num_words == 12


# -- the peer ----------------------------------------------------------------------------------------------


def test_the_peer_reads_the_same_sentences(recipe, corpus_dir):
    columns = recipe.read_columns(corpus_dir / "train.conll")
    assert list(zip(columns["words"], columns["tags"], strict=True)) == words_and_tags(corpus_dir / "train.conll")
    assert recipe.tag_names([columns]) == ["O", "B-LOC", "B-PER", "I-PER"]


def test_the_peers_labels_are_ours(recipe):
    tags = TagSet(BIO(), ("LOC", "PER"))
    generator = random.Random(0)
    sentences = [
        [generator.choice(("Ann", "Smith-Jones", "sings", "Llanfairpwll", "Paris", ".")) for _ in range(n)]
        for n in (1, 3, 8, 20)
    ]
    tokenizer = train_word_pieces(sentences, 40)  # so few pieces that words are cut
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


# -- training ----------------------------------------------------------------------------------------------


def arguments_of(command: list[str]) -> dict[str, str]:
    """The options of a command line by name."""
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
    """The resolved configuration holds what the benchmark set."""
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


def test_missing_data_and_encoder_are_one_clear_line(benchmark, corpus_dir, capsys):
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


def test_ratios_are_of_medians_and_of_neighbouring_runs(benchmark):
    training = benchmark("training")
    speeds = [("peer", 10), ("ours", 30), ("peer", 20), ("ours", 40), ("peer", 40), ("ours", 60)]
    runs = [measurement(training, side, speed) for side, speed in speeds]
    summary = training.summarise(runs)
    assert summary["ratio_per_pair"] == [3.0, 2.0, 1.5]
    assert summary["ratio_of_medians"] == 2.0
    assert summary["peer"]["examples_per_second"] == {"median": 20, "least": 10, "greatest": 40}
    assert training.result_table(summary, "title").row_count == 4


def test_the_clock_stands_still_while_validating(benchmark, tmp_path, monkeypatch):
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


# -- recipes -----------------------------------------------------------------------------------------------


def recipe_options(benchmark, tmp_path: Path, *more: str):
    return benchmark("recipes").parse_arguments(["--encoder", "enc", "--runs", str(tmp_path / "runs"), *more])


def test_recipes_measure_every_overlay_of_their_axes_alone(benchmark):
    recipes = benchmark("recipes")
    overlays = recipes.overlays_of(None)
    assert {"none", "adapter/lora", "schedule/cosine", "fine_tuning/moving_average"} <= set(overlays)
    assert len(overlays) == 1 + sum(len(list((ROOT / "configs" / axis).glob("*.yaml"))) for axis in recipes.AXES)


@pytest.mark.usefixtures("corpus_dir")
def test_what_an_overlay_sets_holds_in_its_run(benchmark, tmp_path):
    recipes, column_data = benchmark("recipes"), benchmark("column_data")
    options = recipe_options(benchmark, tmp_path, "--learning_rate", "0.003", "--epochs", "2")
    files = column_data.corpus_files("wnut17")
    overlay = ROOT / "configs" / "adapter" / "lora.yaml"
    resolved = {}
    for name, path in (("plain", None), ("lora", overlay)):
        command = recipes.fit_command(options, files, path, 5, tmp_path / "run")
        done = subprocess.run([*command, "--print_config"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        resolved[name] = done.stdout
    for printed in resolved.values():
        for line in ("seed_everything: 5", "name_or_path: enc", "max_epochs: 2"):
            assert f"{line}\n" in printed
    assert "lr: 0.003\n" in resolved["plain"]
    assert "adapter: null\n" in resolved["plain"]
    assert "lr: 0.0005\n" in resolved["lora"]
    assert "rank: 16\n" in resolved["lora"]


@pytest.mark.usefixtures("corpus_dir")
def test_finished_runs_are_skipped_and_half_ones_begun_again(benchmark, tmp_path, monkeypatch):
    recipes = benchmark("recipes")
    begun: list[Path] = []

    def run_command(command: list[str], threads: int) -> str:  # noqa: ARG001
        run_dir = Path(command[command.index("--run_dir") + 1])
        assert not run_dir.exists()
        begun.append(run_dir)
        (run_dir / "predictions").mkdir(parents=True)
        row = {"id": "1", "document_id": None, "words": ["Ann"], "gold": [[0, 1, "PER"]], "predicted": []}
        for split in ("validation", "test"):
            row["predicted"] = [[0, 1, "PER", 0.5]] if split == "test" else []
            (run_dir / "predictions" / f"{split}.jsonl").write_text(json.dumps(row | {"predicted_tags": ["O"]}) + "\n")
        record = {"training_seconds": 2.0, "peak_memory_mib": 7, "parameters": {"trained": 3, "total": 5}}
        (run_dir / "run.json").write_text(json.dumps(record))
        by_decoder = {"argmax": {"f1": 1.0, "f1/PER": 1.0, "ill_formed": 0.0}}
        (run_dir / "predictions" / "test.decoders.json").write_text(json.dumps(by_decoder))
        (run_dir / recipes.LAST_FILE).write_text('{"Ann": {"PER": 1, "LOC": 2}}')
        return ""

    monkeypatch.setattr(recipes, "run_command", run_command)
    options = recipe_options(benchmark, tmp_path, "--seeds", "3", "--limit", "1")
    overlays = recipes.overlays_of([ROOT / "configs" / "schedule" / "cosine.yaml"])
    options.runs.mkdir()
    runs = recipes.measure_all(options, overlays)
    assert [(run.overlay, run.seed, run.validation_f1, run.test_f1) for run in runs] == [
        ("none", 3, 0.0, 1.0),
        ("schedule/cosine", 3, 0.0, 1.0),
    ]
    assert begun == [options.runs / name / "seed-3" for name in ("none", "schedule/cosine")]
    assert recipes.measure_all(options, overlays) == runs
    assert len(begun) == 2
    (begun[1] / recipes.LAST_FILE).unlink()
    assert recipes.measure_all(options, overlays) == runs
    assert begun[2:] == [options.runs / "schedule/cosine" / "seed-3"]


def test_runs_of_other_settings_and_missing_overlays_are_one_clear_line(benchmark, tmp_path, capsys, monkeypatch):
    recipes = benchmark("recipes")
    monkeypatch.setattr(recipes, "require_encoder", lambda _: None)
    recipes.require_same_settings(recipe_options(benchmark, tmp_path))
    same = ["--encoder", "enc", "--runs", str(tmp_path / "runs")]
    assert recipes.main([*same, "--overlays", "missing.yaml"]) == 2
    assert recipes.main([*same, "--epochs", "9"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "missing.yaml is missing" in first
    assert "must be a new folder or of the same settings" in second


def test_the_table_of_recipes_is_right_by_hand(benchmark):
    recipes = benchmark("recipes")

    def decoders(f1: float) -> dict:
        return {"argmax": {"f1": f1, "f1/PER": f1 / 2, "ill_formed": 0.01}}

    runs = [
        recipes.Run("none", 0, 0.50, 0.40, 10.0, 900, 2000, decoders(0.40), "PER"),
        recipes.Run("none", 1, 0.54, 0.44, 30.0, 950, 2000, decoders(0.44), "PER"),
        recipes.Run("a/b", 1, 0.55, 0.43, 10.0, 800, 30, decoders(0.43), "PER"),
    ]
    assert recipes.decoder_table(runs).splitlines() == [
        "| overlay | decoder | test F1 | F1 of PER | ill-formed |",
        "|---|---|---|---|---|",
        "| none | argmax | 42.00 ± 2.83 | 21.00 ± 1.41 | 1.00 ± 0.00 |",
        "| a/b | argmax | 43.00 | 21.50 | 1.00 |",
    ]
    assert recipes.markdown_table(runs).splitlines()[2:] == [
        "| none | 52.00 ± 2.83 | +0.00 | 42.00 ± 2.83 | +0.00 | 1.00 × | 950 | 2,000 |",
        "| a/b | 55.00 | +1.00 | 43.00 | -1.00 | 0.50 × | 800 | 30 |",
    ]


# -- throughput --------------------------------------------------------------------------------------------


def test_throughput_counts_the_measured_steps_alone(benchmark, tmp_path, capsys):
    output = tmp_path / "throughput.json"
    options = ["--device", "cpu", "--size", "tiny", "--batch", "4", "--warmup_steps", "2", "--steps", "3"]
    assert benchmark("gpu_throughput").main([*options, "--output", str(output)]) == 0
    found = json.loads(output.read_text())["found"]
    assert found["steps"] == 3
    assert 0 < found["examples_per_second"] < found["subwords_per_second"]
    assert found["utilisation"] is None
    assert "examples per second" in capsys.readouterr().out


def test_throughput_names_what_is_missing(benchmark, monkeypatch, capsys):
    throughput = benchmark("gpu_throughput")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert throughput.main([]) == 2
    assert throughput.main(["--device", "cpu", "--steps", "0"]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_the_encoder_of_throughput_has_the_size_of_bert_base(benchmark):
    encoder = benchmark("gpu_throughput").SIZES["bert-base"]
    tokenizer = train_word_pieces([["a"]], 40)
    tags = TagSet(BIO(), ("LOC",))
    with torch.device("meta"):
        network = type(encoder)(hidden_size=768, num_layers=12, num_heads=12, max_subwords=510).network(tags, tokenizer)
    layers = sum(p.numel() for name, p in network.named_parameters() if "encoder.layer" in name)
    assert (encoder.hidden_size, encoder.num_layers, encoder.num_heads) == (768, 12, 12)
    assert layers == 12 * (12 * 768**2 + 13 * 768)  # as published
