"""The settings of a run: which of them decide what it scores, in what two differ, and the names that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ner_lightning.plain_data import loaded_class

# settings that runs of one arm may differ in: which repetition, where, on what machine, how it is told. Of the machine
# only the number of ranks decides, as it sets the batch of a step; the record tells it, since a config may say `auto`
INCIDENTAL: Final = (
    "seed_everything",
    "run_dir",
    "ckpt_path",
    "save_every_n_steps",
    "weights_only",
    "data.batches.num_workers",
    "trainer.accelerator",
    "trainer.default_root_dir",
    "trainer.detect_anomaly",
    "trainer.devices",
    "trainer.enable_model_summary",
    "trainer.enable_progress_bar",
    "trainer.log_every_n_steps",
    "trainer.logger",
    "trainer.num_nodes",
    "trainer.plugins",
    "trainer.profiler",
    "trainer.strategy",
    "wandb",
)
PACKAGE: Final = "ner_lightning."
PRECISION: Final = "trainer.precision"
EQUAL_PRECISIONS: Final = (None, 32, "32", "32-true", "bf16-mixed")  # `fit` chooses by the machine; the same F1
CLASS: Final = ".class_path"
NO_SETTING: Final = "no such setting"

Settings = dict[str, Any]


def settings_of(config: Mapping[str, Any], prefix: str = "") -> Settings:
    """The settings of a nested configuration by their dotted keys."""
    leaves: Settings = {}
    for key, value in config.items():
        leaves |= settings_of(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return leaves


def deciding(settings: Settings) -> Settings:
    """The settings that decide what a run scores, each in one spelling.

    Left out is what runs of one arm may differ in, such as which of two precisions ``fit`` chose by the machine. Import
    paths of one class become the same, as far as that can be seen without importing anything.
    """
    decide = {
        key: _class_path(value) if key.endswith(CLASS) else value
        for key, value in settings.items()
        if not any(key == incidental or key.startswith(f"{incidental}.") for incidental in INCIDENTAL)
    }
    if decide.get(PRECISION) in EQUAL_PRECISIONS:
        decide.pop(PRECISION, None)
    return decide


def _class_path(path: Any) -> Any:
    """Return one spelling for all import paths of a class.

    A class of this package is known by its name alone; another one by the path in its definition, if it is loaded. A
    run folder may come from anywhere, so nothing that it names is imported.
    """
    if not isinstance(path, str):
        return path
    if path.startswith(PACKAGE):
        return PACKAGE + path.rpartition(".")[2]
    found = loaded_class(path)
    return path if found is None else f"{found.__module__}.{found.__qualname__}"


def differences(*settings: Settings) -> dict[str, tuple[Any, ...]]:
    """The settings in which any two differ, with the value of each; to have none is the same as to have null.

    >>> differences({"a": 1, "b": None, "c": 2}, {"a": 1, "c": 3, "d": 4})
    {'c': (2, 3), 'd': ('no such setting', 4)}
    """
    keys = sorted({key for one in settings for key in one})
    return {
        key: tuple(one.get(key, NO_SETTING) for one in settings)
        for key in keys
        if any(one.get(key) != settings[0].get(key) for one in settings)
    }


def arm_names(arms: Sequence[Settings]) -> list[str]:
    """A name of its own for each of several settings: the values of the keys in which any two differ.

    A class is named without its module and what its key says already, and what it takes only where arms of that class
    differ in it. Where this names two alike, classes keep their modules; where even that does, names are numbered.

    >>> focal = {"model.loss.class_path": "losses.FocalLoss", "model.loss.init_args.gamma": 2.0}
    >>> arm_names([focal, {"model.loss.class_path": "losses.DiceLoss"}])
    ['Focal', 'Dice']
    >>> arm_names([focal, focal | {"model.loss.init_args.gamma": 1.0}])
    ['gamma=2.0', 'gamma=1.0']
    >>> arm_names([focal, focal | {"model.loss.class_path": "old.losses.FocalLoss"}])
    ['losses.FocalLoss', 'old.losses.FocalLoss']
    """

    def told_by_class(key: str) -> bool:
        class_key = key.rpartition(".init_args.")[0] + CLASS
        values: dict[Any, list[Any]] = {}
        for arm in arms:
            values.setdefault(arm.get(class_key), []).append(arm.get(key))
        return all(value == peers[0] for peers in values.values() for value in peers)

    telling = {key: values for key, values in differences(*arms).items() if not told_by_class(key)}
    for tell in (_told_shortly, _told):
        names = [", ".join(tell(key, values[index]) for key, values in telling.items()) for index in range(len(arms))]
        if len(set(names)) == len(names):
            return names if telling else ["all"]
    return [f"{name} ({number})" for number, name in enumerate(names, 1)]


def _told(key: str, value: Any) -> str:
    name = key.removesuffix(CLASS).rpartition(".")[2]
    return f"no {name}" if value == NO_SETTING else str(value) if key.endswith(CLASS) else f"{name}={value}"


def _told_shortly(key: str, value: Any) -> str:
    if not key.endswith(CLASS):
        return _told(key, value)
    kind = key.removesuffix(CLASS).rpartition(".")[2].capitalize()
    short = _told(key, value).rpartition(".")[2]
    return short.removesuffix(kind) or short
