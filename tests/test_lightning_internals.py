"""Tests that notice when the internals of Lightning and jsonargparse change that we depend on."""

import subprocess
import sys
from contextlib import suppress
from typing import Any

import lightning as L
import pytest
from jsonargparse import ArgumentParser
from lightning.pytorch.cli import LightningCLI

from ner_lightning import lightning_internals as internals
from ner_lightning.__main__ import main
from ner_lightning.corpora.example_corpus import ExampleCorpus
from ner_lightning.modeling.encoders import SmallBert
from ner_lightning.training.data_module import NERDataModule
from ner_lightning.training.tagger import NERTagger
from support.quiet_trainer import quiet_trainer


class Seen(L.Callback):
    """Records what the internals report after the second step, and asks the run to stop there."""

    def __init__(self) -> None:
        self.reported: dict[str, Any] = {}

    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        if trainer.global_step == 2:
            trainer.should_stop = True
            self.reported = {
                "ends": internals.ends_after_this_epoch(trainer),
                "callbacks": internals.callbacks_of(trainer),
                "data": internals.data_module_given_to(trainer),
                "every": internals.steps_between_logs(trainer),
                "stepped": trainer.fit_loop.epoch_loop._batches_that_stepped,
            }
            internals.forget_batch_that_stepped(trainer)
            self.reported["forgotten"] = trainer.fit_loop.epoch_loop._batches_that_stepped


@pytest.mark.parametrize(("settings", "ends"), [({}, True), ({"min_epochs": 2}, False)])
def test_the_internals_report_the_state_of_a_run(settings: dict[str, int], ends: bool) -> None:
    encoder = SmallBert(hidden_size=16, num_heads=2, num_layers=1, vocabulary_size=200)
    data = NERDataModule(ExampleCorpus(num_train=64, num_validation=4, num_test=4), encoder)
    seen = Seen()
    quiet_trainer(max_epochs=2, callbacks=[seen], log_every_n_steps=7, **settings).fit(NERTagger(encoder), data)
    assert seen.reported["ends"] is ends
    assert seen in seen.reported["callbacks"]
    assert seen.reported["data"] is data
    assert seen.reported["every"] == 7
    assert seen.reported["forgotten"] == seen.reported["stepped"] - 1 == 0


def test_lightning_cli_still_has_the_methods_that_we_override_and_call() -> None:
    assert all(callable(getattr(LightningCLI, name)) for name in ("_parse_ckpt_path", "_parser", "_get"))


def test_integers_are_read_as_integers_and_other_values_are_unaffected() -> None:
    parser = ArgumentParser(exit_on_error=False)
    for name, kind in {"a": float | int | None, "b": float | int | str, "c": float | None, "d": float | int}.items():
        parser.add_argument(f"--{name}", type=kind)
    internals.read_integers_as_integers(parser)
    read = vars(parser.parse_args(["--a=1", "--b=2", "--c=3", "--d=4.0"]))
    assert {name: (type(value), value) for name, value in read.items()} == {
        "a": (int, 1),
        "b": (int, 2),
        "c": (float, 3.0),
        "d": (float, 4.0),
    }
    assert parser.parse_args(["--a=null"]).a is None
    assert parser.parse_args(["--b=text"]).b == "text"


def test_limiting_batches_to_1_is_refused_whatever_was_imported_before() -> None:
    """In a new process, since ``typing`` returns the union that it saw first."""
    code = """
from typing import Optional, Union
Optional[Union[float, int]]
from ner_lightning.__main__ import main
main(["fit", "--data.corpus=ExampleCorpus", "--model.encoder=SmallBert", "--trainer.limit_val_batches=1"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "limit_val_batches must be 1.0, or 0 to skip the split, got 1:" in done.stderr


@pytest.mark.parametrize(
    ("command", "shown", "hidden"),
    [
        ("fit", "last resumes the run in --run_dir", "hpc"),
        ("test", "best or last of --run_dir", "hpc"),
        ("fit", "The seed of the run, a whole number", "random seed"),
        ("check", "The seed of the run, a whole number", "random seed"),
        ("fit", "null chooses the one that is faster", "HPUs"),
    ],
)
def test_help_describes_only_what_the_commands_accept(
    command: str, shown: str, hidden: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with suppress(SystemExit):
        main([command, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert shown in text
    assert hidden not in text
