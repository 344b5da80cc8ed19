"""Tests that the parts on the page about extending train together, and that its statements about hooks hold."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ner_lightning.corpora.example_corpus import ExampleCorpus
from ner_lightning.sentences import Sentence

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
TINY = ["--model.encoder.hidden_size=32", "--model.encoder.vocabulary_size=300", "--model.optimizer.lr=0.003"]
COMMANDS = [
    ["check", "--config=mine.yaml", *TINY, "--format=json"],
    ["fit", "--config=mine.yaml", *TINY, "--trainer.max_epochs=3", "--trainer.callbacks+=probe.Probe"],
]
PROBE = """
import json
from pathlib import Path
import lightning as L

class Probe(L.Callback):
    def __init__(self):
        self.seen = {}

    def see(self, hook, ready):
        self.seen.setdefault(hook, bool(ready))
        Path("seen.json").write_text(json.dumps(self.seen))

    def on_train_batch_end(self, trainer, *_):
        self.see("on_train_batch_end", "train/loss" in trainer.callback_metrics)

    def on_validation_batch_end(self, trainer, tagger, outputs, batch, *_):
        self.see("on_validation_batch_end", {"logits", "tag_ids"} <= outputs.keys() and batch.sentences)

    def on_validation_epoch_end(self, trainer, *_):
        self.see("on_validation_epoch_end", "validation/f1" not in trainer.callback_metrics)

    def on_validation_end(self, trainer, *_):
        self.see("on_validation_end", "validation/f1" in trainer.callback_metrics)

    def on_train_epoch_end(self, trainer, *_):
        unsaved = not Path("runs/mine/seed-0/checkpoints/best.ckpt").exists()
        self.see("on_train_epoch_end", "validation/f1" in trainer.callback_metrics and unsaved)

    def on_test_end(self, trainer, *_):
        self.see("on_test_end", "test/f1" in trainer.callback_metrics)
"""


def marked(sentence: Sentence) -> str:
    words = list(sentence.words)
    for entity in sentence.entities:
        words[entity.start] = f"[{words[entity.start]}"
        words[entity.end - 1] += f"|{entity.entity_type}]"
    return " ".join(words)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files of the page and the results of its commands."""
    folder = tmp_path_factory.mktemp("extending")
    *parts, use = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (config,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (folder / "my_parts.py").write_text("\n".join(parts))
    (folder / "mine.yaml").write_text(config)
    (folder / "probe.py").write_text(PROBE)
    corpus = ExampleCorpus(num_train=96, num_validation=24, num_test=24).read()
    for split in ("train", "validation", "test"):
        (folder / f"{split}.txt").write_text("".join(f"{marked(sentence)}\n" for sentence in corpus.splits[split]))
    run = (
        "import json, sys; from ner_lightning.__main__ import main; statuses = list(map(main, json.loads(sys.argv[1])))"
    )
    program = f"{run}\nprint(statuses)\n{use}"
    commands = [[*command, "--data.corpus.test=test.txt"] for command in COMMANDS]
    finished = subprocess.run(
        [sys.executable, "-c", program, json.dumps(commands)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    (folder / "output.txt").write_text(finished.stdout + finished.stderr)
    assert finished.returncode == 0, finished.stderr
    assert "\n[0, 0]\n" in finished.stdout, finished.stderr
    return folder


def test_the_custom_parts_on_the_page_train_together(folder: Path) -> None:
    record = json.loads((folder / "runs" / "mine" / "seed-0" / "run.json").read_text())
    assert record["loss"] == {"name": "GeneralizedCrossEntropy", "init_args": {"q": 0.5}}
    assert record["decoder"] == {"name": "CautiousDecoder", "init_args": {"min_probability": 0.5}}
    assert record["tags"]["scheme"] == "IOE"
    first = json.loads((folder / "runs/mine/seed-0/predictions/test.jsonl").read_text().splitlines()[0])
    given = ExampleCorpus(num_train=96, num_validation=24, num_test=24).read().splits["test"][0]
    assert "".join(first["words"]) == "".join(given.words)
    assert [kind for *_, kind in first["gold"]] == [entity.entity_type for entity in given.entities]


def test_scores_are_available_in_the_hooks_that_the_page_lists(folder: Path) -> None:
    hooks = re.findall(r"^\| `(on_\w+)` \|", PAGE, re.MULTILINE)
    assert json.loads((folder / "seen.json").read_text()) == dict.fromkeys(hooks, True)


def test_the_page_shows_every_kind_of_part() -> None:
    for base in ("FileReader", "TokenLoss", "LabelScheme", "Decoder", "L.Callback"):
        assert re.search(rf"^class \w+\({base}\):$", PAGE, re.MULTILINE)
