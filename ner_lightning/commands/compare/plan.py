"""The plan of a comparison: its arms, their runs, and a check that arms differ only in what they declare."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Final

from ner_lightning.commands.setting_values import MAX_SEED
from ner_lightning.runs.settings import CLASS, Settings, differences

MAX_RUNS: Final = 10_000  # of an arm
ARM_NAME: Final = re.compile(r"\w[\w.+-]*")  # it is also the name of a folder
FILE_ENDINGS: Final = (".json", ".jsonl", ".html")  # of the files that a comparison writes beside these folders


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the configurations that are compared.

    Args:
        name: Its name, which is also that of the folder of its runs.
        overlays: The configs that are added to those of all arms.
    """

    name: str
    overlays: tuple[str, ...]

    def __post_init__(self) -> None:
        if not ARM_NAME.fullmatch(self.name):
            raise ValueError(f"the name of an arm must consist of letters, digits and . + - _, got {self.name!r}")
        if self.name.lower().endswith(FILE_ENDINGS):
            raise ValueError(
                f"the name of an arm must not end like a file name ({' '.join(FILE_ENDINGS)}), got {self.name}"
            )


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One repetition of an arm.

    Args:
        arm: The name of the arm.
        seed: The seed, which distinguishes the repetitions.
        run_dir: The run folder. Log and failure are beside it, since ``fit`` needs an empty folder.
        settings: The settings that decide its result, except for the seed, by dotted key.
        fit_arguments: The arguments of ``fit`` that start it.
    """

    arm: str
    seed: int
    run_dir: Path
    settings: Settings
    fit_arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.arm} seed {self.seed}"

    @property
    def log_path(self) -> Path:
        return self.run_dir.with_name(f"{self.run_dir.name}.log")

    @property
    def failure_path(self) -> Path:
        return self.run_dir.with_name(f"{self.run_dir.name}.failed")


def parse_arm(text: str) -> Arm:
    """Parse an arm as given on the command line.

    >>> parse_arm("focal=configs/loss/focal.yaml,configs/scheme/bioes.yaml")
    Arm(name='focal', overlays=('configs/loss/focal.yaml', 'configs/scheme/bioes.yaml'))
    >>> parse_arm("plain=")
    Arm(name='plain', overlays=())

    Raises:
        ValueError: If there is no ``=``, or the name cannot be that of a folder.
    """
    name, equals, overlays = text.partition("=")
    if not equals:
        raise ValueError(f"an arm must be NAME=OVERLAY[,OVERLAY...], or NAME= for none, got {text!r}")
    return Arm(name, tuple(overlay for overlay in overlays.split(",") if overlay))


def grid_arms(axes: Sequence[Sequence[str]]) -> list[Arm]:
    """Return an arm for every combination of one overlay from each axis, named after the files.

    >>> [arm.name for arm in grid_arms([["scheme/bio.yaml", "scheme/bioes.yaml"], ["loss/focal.yaml"]])]
    ['bio+focal', 'bioes+focal']
    >>> grid_arms([])
    []
    """
    choices = product(*axes) if axes else ()
    return [Arm("+".join(Path(overlay).stem for overlay in choice), choice) for choice in choices]


def parse_seeds(text: str) -> list[int]:
    """Parse the number of seeds, or a list: ``5`` means 0 to 4, so that 10 adds to them later; ``3,7`` means these two.

    >>> parse_seeds("3"), parse_seeds("3,7")
    ([0, 1, 2], [3, 7])

    Raises:
        ValueError: If the text is neither a positive number nor a list of different numbers.
    """
    if not re.fullmatch(r"\d+(,\d+)*", text) or text.strip("0") == "":
        raise ValueError(f"--seeds must be a number, as in 5, or a list, as in 3,7,11, got {text!r}")
    numbers = [int(number) for number in text.split(",")]
    highest = MAX_SEED if "," in text else MAX_RUNS
    if max(numbers) > highest:
        raise ValueError(f"--seeds must be up to {highest}, got {text!r}")
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"--seeds must be different numbers, got {text!r}")
    return numbers if "," in text else list(range(numbers[0]))


def require_distinct_names(arms: Iterable[Arm]) -> None:
    """Check that no two arms have the same name, even on file systems that ignore case.

    Raises:
        ValueError: If two names are equal.
    """
    counts = Counter(arm.name.lower() for arm in arms)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise ValueError(f"arms must have different names, got {', '.join(repeated)} more than once")


def plan_runs(
    fit_arguments: Mapping[str, Sequence[str]],
    settings: Mapping[str, Settings],
    seeds: Sequence[int],
    output: Path,
) -> list[PlannedRun]:
    """Return the runs in the order in which they are trained.

    Arms take turns, so that an unfinished comparison is balanced.

    Args:
        fit_arguments: By arm, the arguments of ``fit`` that are the same for all its seeds.
        settings: By arm, the settings that these arguments resolve to.
        seeds: The seeds; every arm has one run with each.
        output: The folder of the comparison.
    """
    runs = []
    for seed, arm in product(seeds, fit_arguments):
        run_dir = output / arm / f"seed-{seed}"
        of_run = ("--seed_everything", str(seed), "--run_dir", str(run_dir))
        runs.append(PlannedRun(arm, seed, run_dir, settings[arm], (*fit_arguments[arm], *of_run)))
    return runs


def require_declared_differences(settings: Mapping[str, Settings], declared: Mapping[str, Iterable[str]]) -> None:
    """Check that any two arms differ, and only in settings that one of their overlays sets.

    An overlay that sets a class may also change the arguments below it, since these depend on the class.

    Args:
        settings: By arm, the settings that it resolves to.
        declared: By arm, the keys that its overlays set.

    Raises:
        ValueError: If two arms are equal, or differ in other settings.
    """
    for first, second in combinations(settings, 2):
        found = differences(settings[first], settings[second])
        if not found:
            raise ValueError(f"arms must differ, but {first} and {second} resolve to the same settings")
        places = [key.removesuffix("+").removesuffix(CLASS) for key in (*declared[first], *declared[second])]
        undeclared = {
            key: values
            for key, values in found.items()
            if not any(f"{key}.".startswith(f"{place}.") for place in places)
        }
        if undeclared:
            raise ValueError(
                f"arms must differ only in what their overlays set, but {first} and {second} also differ in "
                f"{difference_text(undeclared)}"
            )


def difference_text(found: Mapping[str, tuple[object, object]]) -> str:
    """Format differing settings with both values.

    >>> difference_text({"trainer.max_epochs": (3, 5)})
    'trainer.max_epochs (3, 5)'
    """
    return ", ".join(f"{key} ({first}, {second})" for key, (first, second) in found.items())
