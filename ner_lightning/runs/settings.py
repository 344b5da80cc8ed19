"""The settings of a run: the ones that decide its scores, differences between runs, and the names of arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ner_lightning.serialization import loaded_class

# Settings in which runs of one arm may differ: the seed, the place, the machine, and the output. The only fact about
# the machine that changes scores is the number of ranks, which sets the batch of a step. It is read from the record,
# since a config may say `auto`.
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
EQUAL_PRECISIONS: Final = (None, 32, "32", "32-true", "bf16-mixed")  # `fit` chooses one for the machine; F1 is the same
CLASS: Final = ".class_path"
NO_SETTING: Final = "no such setting"

Settings = dict[str, Any]


def settings_of(config: Mapping[str, Any], prefix: str = "") -> Settings:
    """Return the settings of a nested configuration by their dotted keys."""
    leaves: Settings = {}
    for key, value in config.items():
        leaves |= settings_of(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return leaves


def deciding(settings: Settings) -> Settings:
    """Return the settings that decide a run's scores, each in one spelling.

    Settings in which runs of one arm may differ are left out, such as which of two precisions ``fit`` chose for the
    machine. Import paths of the same class become equal, if that can be seen without importing anything.
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

    A class of this package is identified by its name only; any other class by its module and name, if it is loaded. A
    run folder may come from anywhere, so nothing that it names is imported.
    """
    if not isinstance(path, str):
        return path
    if path.startswith(PACKAGE):
        return PACKAGE + path.rpartition(".")[2]
    found = loaded_class(path)
    return path if found is None else f"{found.__module__}.{found.__qualname__}"


def differences(*settings: Settings) -> dict[str, tuple[Any, ...]]:
    """Return the settings in which any two differ, with the value of each; a missing setting equals null.

    >>> differences({"a": 1, "b": None, "c": 2}, {"a": 1, "c": 3, "d": 4})
    {'c': (2, 3), 'd': ('no such setting', 4)}
    """
    keys = sorted({key for one in settings for key in one})
    return {
        key: tuple(one.get(key, NO_SETTING) for one in settings)
        for key in keys
        if any(one.get(key) != settings[0].get(key) for one in settings)
    }


def encoder_name(settings: Settings) -> str | None:
    """Return the name of a run's encoder: that of the pretrained model, or otherwise of the class; None without either.

    >>> key = "model.encoder"
    >>> encoder_name({f"{key}.class_path": "PretrainedEncoder", f"{key}.init_args.name_or_path": "bert-base-cased"})
    'bert-base-cased'
    >>> encoder_name({f"{key}.class_path": "ner_lightning.modeling.encoders.SmallBert"})
    'SmallBert'
    """
    name = settings.get("model.encoder.init_args.name_or_path")
    class_path = settings.get(f"model.encoder{CLASS}")
    if name is None and isinstance(class_path, str) and class_path.startswith(PACKAGE):
        return class_path.rpartition(".")[2]
    return str(name or class_path) if name or class_path else None


def arm_names(arms: Sequence[Settings]) -> list[str]:
    """Name each of several settings after the values of the keys in which any two differ. No two names are equal.

    A class is named without its module and without the word that its key ends in (``FocalLoss`` as a ``loss`` is
    ``Focal``). Its arguments are named only if arms with that class differ in them. If two names would be equal,
    classes keep their modules; if two still are, names are numbered.

    >>> focal = {"model.loss.class_path": "losses.FocalLoss", "model.loss.init_args.gamma": 2.0}
    >>> arm_names([focal, {"model.loss.class_path": "losses.DiceLoss"}])
    ['Focal', 'Dice']
    >>> arm_names([focal, focal | {"model.loss.init_args.gamma": 1.0}])
    ['gamma=2.0', 'gamma=1.0']
    >>> arm_names([focal, focal | {"model.loss.class_path": "old.losses.FocalLoss"}])
    ['losses.FocalLoss', 'old.losses.FocalLoss']
    """

    def follows_from_class(key: str) -> bool:
        class_key = key.rpartition(".init_args.")[0] + CLASS
        values: dict[Any, list[Any]] = {}
        for arm in arms:
            values.setdefault(arm.get(class_key), []).append(arm.get(key))
        return all(value == peers[0] for peers in values.values() for value in peers)

    distinguishing = {key: values for key, values in differences(*arms).items() if not follows_from_class(key)}
    for name_of in (_short_name, _long_name):
        names = [
            ", ".join(name_of(key, values[index]) for key, values in distinguishing.items())
            for index in range(len(arms))
        ]
        if len(set(names)) == len(names):
            return names if distinguishing else ["all"]
    return [f"{name} ({number})" for number, name in enumerate(names, 1)]


def _long_name(key: str, value: Any) -> str:
    name = key.removesuffix(CLASS).rpartition(".")[2]
    return f"no {name}" if value == NO_SETTING else str(value) if key.endswith(CLASS) else f"{name}={value}"


def _short_name(key: str, value: Any) -> str:
    if not key.endswith(CLASS):
        return _long_name(key, value)
    kind = key.removesuffix(CLASS).rpartition(".")[2].capitalize()
    short = _long_name(key, value).rpartition(".")[2]
    return short.removesuffix(kind) or short
