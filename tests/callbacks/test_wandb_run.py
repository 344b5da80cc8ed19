"""Tests of the content of an offline W&B run, compared with the files of the run folder."""

import base64
import csv
import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest
import torch
import wandb
import yaml

from ner_lightning.__main__ import main
from ner_lightning.callbacks.wandb_run import span_types, types_table
from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.seqeval_referee import seqeval_scores
from ner_lightning.predictions import PredictedSentence, read_predictions
from support.command_line import TINY_RUN
from support.offline_runs import OfflineRun, fit

ROOT = Path(__file__).parents[2]
SPLITS = ("validation", "test")
CONFUSED = PredictedSentence(
    id="1",
    document_id=None,
    words=tuple("abcdefgh"),
    gold=(EntitySpan(0, 2, "PER"), EntitySpan(3, 4, "LOC"), EntitySpan(5, 7, "ORG")),
    predicted=(EntitySpan(0, 2, "PER"), EntitySpan(3, 4, "ORG"), EntitySpan(5, 6, "ORG")),
    predicted_tags=("B-PER", "I-PER", "O", "B-ORG", "O", "B-ORG", "O", "O"),
)


def logging_run(folder: Path, *arguments: str) -> OfflineRun:
    config = f"--config={ROOT / 'configs/logger/wandb.yaml'}"
    fit(config, *TINY_RUN, f"--run_dir={folder}", f"--trainer.logger.save_dir={folder}", *arguments)
    return OfflineRun(folder)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs") / "tiny"


@pytest.fixture(scope="module")
def logged(run_dir: Path) -> OfflineRun:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_RUN_GROUP", "bio-vs-bioes")
        return logging_run(run_dir, "--wandb.predictions=true", "--seed_everything=3")


def test_the_resolved_configuration_is_logged(logged: OfflineRun, run_dir: Path) -> None:
    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    assert config["seed_everything"] == 3
    assert {key: logged.config[key] for key in config} == config


def test_runs_of_a_comparison_share_its_group(logged: OfflineRun) -> None:
    assert logged.run.run_group == "bio-vs-bioes"


def test_metrics_equal_those_in_the_run_folder(logged: OfflineRun, run_dir: Path) -> None:
    rows = list(csv.DictReader((run_dir / "metrics.csv").read_text().splitlines()))
    for name in ("validation/f1", "validation/f1/PER", "test/f1", "train/loss"):
        written = [float(row[name]) for row in rows if row[name]]
        assert written
        assert logged.values(name) == pytest.approx(written)


def test_the_last_scores_are_those_of_the_best_epoch(logged: OfflineRun, run_dir: Path) -> None:
    """A sweep compares what its runs logged last."""
    best = torch.load(run_dir / "checkpoints/best.ckpt", weights_only=True)["epoch"]
    for name in ("validation/f1", "validation/loss"):
        *epochs, final = logged.values(name)
        assert len(epochs) == 2
        assert final == pytest.approx(epochs[best])
    assert epochs[0] != pytest.approx(epochs[1])


@pytest.mark.parametrize("split", SPLITS)
def test_the_scores_of_types_follow_from_the_predictions(split: str, logged: OfflineRun, run_dir: Path) -> None:
    sentences = read_predictions(run_dir / f"predictions/{split}.jsonl")
    table, expected = logged.table(f"{split}/types"), types_table(sentences)
    assert table["data"]
    assert (table["columns"], table["data"]) == (expected.columns, expected.data)


def test_the_scores_of_types_equal_those_of_seqeval() -> None:
    table = types_table([CONFUSED])
    f1_by_type = {row[0]: row[table.columns.index("f1")] for row in table.data}
    assert f1_by_type == {"LOC": 0.0, "ORG": 0.0, "PER": 1.0}
    assert {f"f1/{kind}": f1 for kind, f1 in f1_by_type.items()}.items() <= seqeval_scores([CONFUSED]).items()


@pytest.mark.parametrize("split", SPLITS)
def test_the_confusion_counts_spans(split: str, logged: OfflineRun, run_dir: Path) -> None:
    counts = {(gold, predicted): n for gold, predicted, n in logged.table(f"{split}/confusion_table")["data"]}
    sentences = read_predictions(run_dir / f"predictions/{split}.jsonl")
    for side, position in (("gold", 0), ("predicted", 1)):
        by_type = Counter(entity.entity_type for sentence in sentences for entity in getattr(sentence, side))
        for kind, count in by_type.items():
            assert sum(n for pair, n in counts.items() if pair[position] == kind) == count
    assert counts["O", "O"] == 0


def test_types_are_confused_only_where_boundaries_agree() -> None:
    names, gold, predicted = span_types([CONFUSED])
    assert names == ["O", "LOC", "ORG", "PER"]
    pairs = [(names[a], names[b]) for a, b in zip(gold, predicted, strict=True)]
    assert sorted(pairs) == [("LOC", "ORG"), ("O", "ORG"), ("ORG", "O"), ("PER", "PER")]


@pytest.mark.parametrize("split", SPLITS)
def test_sentences_are_sent_only_on_request(split: str, logged: OfflineRun, run_dir: Path) -> None:
    sentences = read_predictions(run_dir / f"predictions/{split}.jsonl")
    table = logged.table(f"{split}/sentences")
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert [(row["id"], row["text"]) for row in rows] == [(s.id, " ".join(s.words)) for s in sentences]
    assert [row["gold"] == row["predicted"] for row in rows] == [row["errors"] == 0 for row in rows]
    first = next(sentence for sentence in sentences if sentence.gold)
    entity = first.gold[0]
    shown = next(row["gold"] for row in rows if row["id"] == first.id)
    assert shown.startswith(" ".join(first.words[entity.start : entity.end]) + " " + entity.entity_type)


def test_the_bundle_is_an_artifact_that_a_sync_finds(logged: OfflineRun, run_dir: Path) -> None:
    (model,) = [artifact for artifact in logged.artifacts if artifact.type == "model"]
    assert model.name == f"model-{logged.run.run_id}"
    assert set(model.aliases) == {"latest", "best"}
    assert json.loads(model.metadata) == json.loads((run_dir / "model/ner_lightning.json").read_text())
    assert {file.path for file in model.manifest.contents} == {path.name for path in (run_dir / "model").iterdir()}
    for file in model.manifest.contents:
        assert Path(file.local_path) == run_dir / "model" / file.path
        md5 = hashlib.md5(Path(file.local_path).read_bytes(), usedforsecurity=False)
        assert file.digest == base64.b64encode(md5.digest()).decode()


def test_neither_text_nor_model_is_sent_without_a_request(tmp_path: Path) -> None:
    logged = logging_run(tmp_path / "run", "--trainer.max_epochs=1", "--wandb.model=false")
    assert not [artifact for artifact in logged.artifacts if artifact.type == "model"]
    assert logged.table("test/types")["data"]
    assert not logged.values("test/sentences.path")
    left = b"".join(path.read_bytes() for path in logged.path.parent.rglob("*") if path.is_file())
    assert b"ExampleCorpus" in left
    for split in SPLITS:
        for sentence in read_predictions(tmp_path / f"run/predictions/{split}.jsonl"):
            for entity in sentence.gold:
                surface = " ".join(sentence.words[entity.start : entity.end])
                assert surface.encode() not in left, surface


def test_a_run_without_a_login_ends_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # a login would be stored there
    for name in ("WANDB_API_KEY", "WANDB_MODE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    wandb.teardown()  # settings follow the environment of this run
    online = [f"--config={ROOT / 'configs/logger/wandb.yaml'}", "--trainer.logger.init_args.offline=false"]
    assert main(["fit", *TINY_RUN, *online, f"--run_dir={tmp_path / 'run'}"]) == 2
    wandb.teardown()
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("error: "))
    assert line == (
        "error: W&B cannot be used: No API key configured; run wandb login, or set "
        "--trainer.logger.init_args.offline true"
    )
    assert not any((tmp_path / "run").iterdir())  # the corrected command finds it empty
