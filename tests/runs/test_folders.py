"""Tests of run folders: grouping runs into arms, and the errors for folders without a finished run."""

import json
import re
from pathlib import Path

import pytest

from ner_lightning.callbacks import decoder_comparison
from ner_lightning.predictions import PredictionsError, write_predictions
from ner_lightning.runs.folders import DECODERS, FINISHED, PLAN, find_run_folders, group_into_arms, read_run
from ner_lightning.runs.settings import arm_names, deciding, differences, settings_of
from ner_lightning.schemes import BIO, BIOES
from support.written_runs import tagged, write_run


def test_runs_are_grouped_by_all_settings_except_seed_and_folder(tmp_path: Path) -> None:
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


def test_arms_are_named_after_the_settings_that_differ() -> None:
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


def test_arms_of_a_comparison_keep_their_names(tmp_path: Path) -> None:
    output = tmp_path / "compared"
    paths = {
        (name, seed): write_run(output / name / f"seed-{seed}", seed, scheme=scheme)
        for name, scheme in (("plain", BIO()), ("longer tags", BIOES()))
        for seed in (0, 1)
    }
    runs = [read_run(path) for path in paths.values()]
    assert list(group_into_arms(runs)) == ["BIO", "BIOES"]  # these folders do not belong to a comparison yet
    (output / PLAN).touch()
    arms = group_into_arms(runs)
    assert {name: [run.path for run in arm] for name, arm in arms.items()} == {
        name: [paths[name, 0], paths[name, 1]] for name in ("longer tags", "plain")
    }
    elsewhere = read_run(write_run(tmp_path / "elsewhere", 7, loss={"gamma": 1.0}))
    assert list(group_into_arms([*runs, elsewhere])) == ["BIO, gamma=1.0", "longer tags", "plain"]
    again = write_run(tmp_path / "other" / "plain" / "seed-0", 0, loss={"gamma": 1.0})
    (tmp_path / "other" / PLAN).touch()
    assert list(group_into_arms([*runs, read_run(again)])) == ["BIO, gamma=1.0", "BIO, no gamma", "BIOES, no gamma"]


def test_settings_that_do_not_change_scores_are_left_out() -> None:
    settings = {"seed_everything": 1, "trainer.logger.class_path": "W", "trainer.logger_like": 1, "model.a": 1}
    assert deciding(settings) == {"trainer.logger_like": 1, "model.a": 1}
    machine = {"trainer.accelerator": "cpu", "trainer.devices": 2, "trainer.strategy.class_path": "DDPStrategy"}
    assert deciding(machine) == {}


def test_precisions_chosen_automatically_by_fit_count_as_equal() -> None:
    assert {len(deciding({"trainer.precision": chosen})) for chosen in (None, "32-true", "bf16-mixed")} == {0}
    assert deciding({"trainer.precision": "16-true"}) == {"trainer.precision": "16-true"}


def test_the_number_of_ranks_counts_as_a_setting(tmp_path: Path) -> None:
    runs = [read_run(write_run(tmp_path / str(ranks), 0, ranks=ranks)) for ranks in (1, 2)]
    assert list(group_into_arms(runs)) == ["ranks=1", "ranks=2"]
    usual = read_run(write_run(tmp_path / "without", 1))
    assert [run.seed for run in group_into_arms([*runs, usual])["ranks=1"]] == [0, 1]


def test_import_paths_of_the_same_class_are_equal() -> None:
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
def test_every_arm_has_a_different_name(values: list[str], names: list[str]) -> None:
    assert arm_names([{"model.loss.class_path": value} for value in values]) == names


def test_equal_names_are_numbered() -> None:
    assert arm_names([{"a": 1}, {"a": "1"}, {"a": 2}]) == ["a=1 (1)", "a=1 (2)", "a=2 (3)"]


def test_arms_of_two_classes_with_the_same_name_are_both_kept(tmp_path: Path) -> None:
    runs = [read_run(write_run(tmp_path / path, 0, loss_class=f"{path}.MyLoss")) for path in ("v1", "v2")]
    assert group_into_arms(runs) == {"v1.MyLoss": [runs[0]], "v2.MyLoss": [runs[1]]}


def test_a_decoder_is_recognized_by_its_whole_name(tmp_path: Path) -> None:
    """The file of a run's own decoder has no decoder in its name. A subclass is not the decoder that it is based on."""
    own = read_run(
        write_run(tmp_path / "own", 0, [tagged(0, [], [])], decoder={"name": "ViterbiDecoder", "init_args": {}})
    )
    assert own.decoder == "viterbi"
    assert own.predictions("test", "viterbi") == own.predictions("test") == [tagged(0, [], [])]
    other = read_run(
        write_run(
            tmp_path / "other",
            0,
            [tagged(0, [], [])],
            decoder={"name": "ViterbiWithPriorDecoder", "init_args": {"prior": 2}},
        )
    )
    assert other.decoder == "ViterbiWithPriorDecoder"
    write_predictions(other.path / "predictions" / "test.viterbi.jsonl", [tagged(1, [], [])])
    assert other.predictions("test", "viterbi") == [tagged(1, [], [])]
    with pytest.raises(PredictionsError, match=r"test\.argmax\.jsonl"):
        other.predictions("test", "argmax")


def test_two_runs_of_an_arm_with_the_same_seed_are_rejected(tmp_path: Path) -> None:
    runs = [read_run(write_run(tmp_path / name, 3)) for name in ("first", "second")]
    with pytest.raises(ValueError, match=r"different seeds, got 3 in .*first and .*second"):
        group_into_arms(runs)


def test_unfinished_runs_are_listed_separately(tmp_path: Path) -> None:
    done, started = write_run(tmp_path / "a" / "seed-0", 0), write_run(tmp_path / "b" / "seed-0", 0)
    (started / FINISHED).unlink()
    assert find_run_folders([tmp_path, done]) == ([done], [started])
    with pytest.raises(ValueError, match=r"at least one run must be finished, found 1 unfinished"):
        find_run_folders([started])
    of_a_logger = tmp_path / "wandb" / "run-1" / "files"
    of_a_logger.mkdir(parents=True)
    (of_a_logger / "config.yaml").touch()
    assert find_run_folders([tmp_path]) == ([done], [started])
    with pytest.raises(ValueError, match=r"nowhere is not a folder"):
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
        ("seed", True),
        ("versions", {"torch": "2.13.0"}),
        ("versions", {"torch": "2.13.0", "transformers": 5}),
        ("tags", {}),
        ("tags", {"scheme": "BIO"}),
        ("tags", {"scheme": "BIO", "entity_types": "PER"}),
        ("tags", {"scheme": "BIO", "entity_types": ["PER", "PER"]}),
        ("tags", {"scheme": "BIO", "entity_types": [3]}),
        ("tags", {"scheme": ["BIO"], "entity_types": []}),
        ("tags", {"scheme": "BILOU", "entity_types": []}),
        ("training_seconds", -1),
        ("training_seconds", float("nan")),
        ("training_seconds", float("inf")),
        ("training_seconds", 10**60),
    ],
)
def test_a_record_must_contain_everything_that_is_compared(tmp_path: Path, key: str, value: object) -> None:
    run = write_run(tmp_path / "run", 0, commit=None)  # as with an installed package
    record = json.loads((run / "run.json").read_text())
    assert read_run(run).record == record
    (run / "run.json").write_text(json.dumps(record | {key: value}))
    with pytest.raises(ValueError, match=rf"run.json must record {key}, got {re.escape(repr(str(value)))}"):
        read_run(run)
    del record[key]
    (run / "run.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=rf"run.json must record {key}, got 'no such key'"):
        read_run(run)


@pytest.mark.parametrize("name", ["config.yaml", "run.json", FINISHED])
def test_missing_and_damaged_files_are_reported(tmp_path: Path, name: str) -> None:
    run = write_run(tmp_path / "run", 0)
    for damage in (b"{\xff", b"{torn: [", b"[]", b"", b"[" * 100_000):
        (run / name).write_bytes(damage)
        with pytest.raises(ValueError, match=rf"run/{name}:? .*must (be|contain) .*, got"):
            read_run(run)
    (run / name).unlink()
    with pytest.raises(ValueError, match=f"run is not a finished run: {name} missing"):
        read_run(run)


def test_the_decoders_of_runs_are_those_that_runs_are_scored_with() -> None:
    assert tuple(decoder_comparison.DECODERS) == DECODERS
