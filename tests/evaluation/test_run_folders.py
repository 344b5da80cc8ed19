"""Run folders: what makes runs one arm, and what is said of folders that hold none."""

import json
import re
from pathlib import Path

import pytest
from written_runs import tagged, write_run

from ner_lightning.evaluation.run_folders import FINISHED, find_run_folders, group_into_arms, read_run
from ner_lightning.evaluation.run_settings import arm_names, deciding, differences, settings_of
from ner_lightning.predictions import PredictionsError, write_predictions
from ner_lightning.schemes import BIO, BIOES


def test_runs_are_grouped_by_all_but_seed_and_place(tmp_path: Path) -> None:
    runs = [
        read_run(write_run(tmp_path / f"{scheme.name}-{seed}", seed, scheme=scheme))
        for scheme in (BIOES(), BIO())
        for seed in (1, 0)
    ]
    arms = group_into_arms(runs)
    assert {name: [run.seed for run in arm] for name, arm in arms.items()} == {
        "BIO": [0, 1],
        "BIOES": [0, 1],
    }
    assert list(arms) == ["BIO", "BIOES"]
    assert arms["BIO"][0].training_entities == {"Bonn": {"LOC": 2}}


def test_arms_are_named_by_what_differs() -> None:
    bio = settings_of(
        {"scheme": {"class_path": "a.BIO"}, "loss": {"class_path": "b.Focal", "init_args": {"gamma": 1.0}}}
    )
    bioes = bio | {"scheme.class_path": "a.BIOES"}
    dice = {"scheme.class_path": "a.BIO", "loss.class_path": "b.Dice", "loss.init_args.smoothing": 1.0}
    assert arm_names([bio, bioes, dice]) == [
        "Focal, BIO",
        "Focal, BIOES",
        "Dice, BIO",
    ]
    sharper = bio | {"loss.init_args.gamma": 2.0}
    assert arm_names([bio, sharper, dice]) == [
        "Focal, gamma=1.0",
        "Focal, gamma=2.0",
        "Dice, no gamma",
    ]
    assert arm_names([bio]) == ["all"]


def test_differences_name_both_values() -> None:
    first, second = {"a": 1, "b": 2}, {"a": 1, "b": 3, "c": None, "d": [4]}
    assert differences(first, second) == {"b": (2, 3), "d": ("no such setting", [4])}
    assert differences(first, first, second) == {"b": (2, 2, 3), "d": ("no such setting", "no such setting", [4])}
    assert differences(first) == {}


def test_what_decides_nothing_is_left_out() -> None:
    settings = {"seed_everything": 1, "trainer.logger.class_path": "W", "trainer.logger_like": 1, "model.a": 1}
    assert deciding(settings) == {"trainer.logger_like": 1, "model.a": 1}
    machine = {"trainer.accelerator": "cpu", "trainer.devices": 2, "trainer.strategy.class_path": "DDPStrategy"}
    assert deciding(machine) == {}


def test_precisions_of_which_the_machine_decides_are_equal() -> None:
    assert {len(deciding({"trainer.precision": chosen})) for chosen in (None, "32-true", "bf16-mixed")} == {0}
    assert deciding({"trainer.precision": "16-true"}) == {"trainer.precision": "16-true"}


def test_the_number_of_ranks_decides_as_it_sets_the_batch_of_a_step(tmp_path: Path) -> None:
    runs = [read_run(write_run(tmp_path / str(ranks), 0, ranks=ranks)) for ranks in (1, 2)]
    assert list(group_into_arms(runs)) == ["ranks=1", "ranks=2"]
    usual = read_run(write_run(tmp_path / "without", 1))
    assert [run.seed for run in group_into_arms([*runs, usual])["ranks=1"]] == [0, 1]


def test_a_class_is_one_by_whatever_path_it_is_imported() -> None:
    for paths in (
        ("ner_lightning.BIO", "ner_lightning.schemes.BIO"),
        ("torch.optim.AdamW", "torch.optim.adamw.AdamW"),
    ):
        assert len({deciding({"data.scheme.class_path": path})["data.scheme.class_path"] for path in paths}) == 1
    unknown = {
        "a.class_path": "nowhere.BIO",
        "b.class_path": "BIO",
        "c.class_path": "json.Nothing",
        "d.class_path": None,
    }
    assert deciding(unknown) == unknown


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["v1.losses.MyLoss", "v2.losses.MyLoss"], ["v1.losses.MyLoss", "v2.losses.MyLoss"]),
        (["losses.Loss", "losses.FocalLoss", None], ["Loss", "Focal", "None"]),
    ],
)
def test_there_are_as_many_names_as_arms(values: list[str], names: list[str]) -> None:
    assert arm_names([{"model.loss.class_path": value} for value in values]) == names


def test_names_that_are_written_alike_are_numbered() -> None:
    assert arm_names([{"a": 1}, {"a": "1"}, {"a": 2}]) == ["a=1 (1)", "a=1 (2)", "a=2 (3)"]


def test_arms_of_classes_with_one_name_are_both_kept(tmp_path: Path) -> None:
    runs = [read_run(write_run(tmp_path / path, 0, loss_class=f"{path}.MyLoss")) for path in ("v1", "v2")]
    assert group_into_arms(runs) == {"v1.MyLoss": [runs[0]], "v2.MyLoss": [runs[1]]}


def test_a_decoder_is_known_by_its_whole_name(tmp_path: Path) -> None:
    """Its own predictions have no decoder in their file name; those of a subclass are not the usual decoder's."""
    own = read_run(write_run(tmp_path / "own", 0, [tagged(0, [], [])], decoder="ViterbiDecoder()"))
    assert own.predictions("test", "viterbi") == own.predictions("test") == [tagged(0, [], [])]
    other = read_run(write_run(tmp_path / "other", 0, [tagged(0, [], [])], decoder="ViterbiWithPriorDecoder(prior=2)"))
    write_predictions(other.path / "predictions" / "test.viterbi.jsonl", [tagged(1, [], [])])
    assert other.predictions("test", "viterbi") == [tagged(1, [], [])]
    with pytest.raises(PredictionsError, match=r"test\.argmax\.jsonl"):
        other.predictions("test", "argmax")


def test_a_repetition_counts_once(tmp_path: Path) -> None:
    runs = [read_run(write_run(tmp_path / name, 3)) for name in ("first", "second")]
    with pytest.raises(ValueError, match=r"different seeds, got 3 in .*first and .*second"):
        group_into_arms(runs)


def test_unfinished_runs_are_told_apart(tmp_path: Path) -> None:
    done, begun = write_run(tmp_path / "a" / "seed-0", 0), write_run(tmp_path / "b" / "seed-0", 0)
    (begun / FINISHED).unlink()
    assert find_run_folders([tmp_path, done]) == ([done], [begun])
    with pytest.raises(ValueError, match=r"must be a finished run to compare, got 1 unfinished"):
        find_run_folders([begun])
    of_a_logger = tmp_path / "wandb" / "run-1" / "files"
    of_a_logger.mkdir(parents=True)
    (of_a_logger / "config.yaml").touch()
    assert find_run_folders([tmp_path]) == ([done], [begun])
    with pytest.raises(ValueError, match=r"read from folders, .*nowhere is none"):
        find_run_folders([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", "zero"),
        ("commit", 3),
        ("corpus_checksum", None),
        ("versions", []),
        ("tags", None),
        ("decoder", {}),
        ("training_seconds", "long"),
        ("peak_memory_mib", None),
    ],
)
def test_a_record_tells_all_that_is_compared(tmp_path: Path, key: str, value: object) -> None:
    run = write_run(tmp_path / "run", 0, commit=None)  # of an installed package
    record = json.loads((run / "run.json").read_text())
    assert read_run(run).record == record
    (run / "run.json").write_text(json.dumps(record | {key: value}))
    with pytest.raises(ValueError, match=rf"run.json: {key} must be .*, got {re.escape(repr(value))}"):
        read_run(run)
    del record[key]
    (run / "run.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=f"run.json: {key} is missing"):
        read_run(run)


@pytest.mark.parametrize("name", ["config.yaml", "run.json", FINISHED])
def test_missing_and_damaged_files_are_named(tmp_path: Path, name: str) -> None:
    run = write_run(tmp_path / "run", 0)
    for damage in (b"{\xff", b"{torn: [", b"[]", b""):
        (run / name).write_bytes(damage)
        with pytest.raises(ValueError, match=rf"run/{name}:? .*must (be|hold) .*, got"):
            read_run(run)
    (run / name).unlink()
    with pytest.raises(ValueError, match=f"run lacks {name}"):
        read_run(run)
