"""The plan of a comparison: its arms, the runs that they take, and whether they compare what they say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Final

from ner_lightning.runs.settings import CLASS, Settings, differences

ARM_NAME: Final = re.compile(r"\w[\w.+-]*")  # names a folder
FILE_ENDINGS: Final = (".json", ".jsonl", ".html")  # of what a comparison writes beside those folders


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the configurations that are compared.

    Args:
        name: Its name, and that of the folder of its runs.
        overlays: The configs that it adds to those of all arms.
    """

    name: str
    overlays: tuple[str, ...]

    def __post_init__(self) -> None:
        if not ARM_NAME.fullmatch(self.name):
            raise ValueError(f"the name of an arm must consist of letters, digits and . + - _, got {self.name!r}")
        if self.name.lower().endswith(FILE_ENDINGS):
            raise ValueError(
                f"the name of an arm must not end as a file does ({' '.join(FILE_ENDINGS)}), got {self.name}"
            )


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One repetition of an arm.

    Args:
        arm: Name of the arm.
        seed: What tells the repetitions apart.
        run_dir: The run folder; log and failure stand beside it, since ``fit`` wants an empty folder.
        settings: What decides the result besides the seed, by dotted key.
        fit_arguments: The arguments of ``fit`` that begin it.
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
    """An arm as the command line names it.

    >>> parse_arm("focal=configs/loss/focal.yaml,configs/scheme/bioes.yaml")
    Arm(name='focal', overlays=('configs/loss/focal.yaml', 'configs/scheme/bioes.yaml'))
    >>> parse_arm("plain=")
    Arm(name='plain', overlays=())

    Raises:
        ValueError: If there is no ``=``, or the name cannot name a folder.
    """
    name, equals, overlays = text.partition("=")
    if not equals:
        raise ValueError(f"an arm must be NAME=OVERLAY[,OVERLAY...], or NAME= for none, got {text!r}")
    return Arm(name, tuple(overlay for overlay in overlays.split(",") if overlay))


def grid_arms(axes: Sequence[Sequence[str]]) -> list[Arm]:
    """An arm for every choice of one overlay from each axis, named after the files.

    >>> [arm.name for arm in grid_arms([["scheme/bio.yaml", "scheme/bioes.yaml"], ["loss/focal.yaml"]])]
    ['bio+focal', 'bioes+focal']
    >>> grid_arms([])
    []
    """
    choices = product(*axes) if axes else ()
    return [Arm("+".join(Path(overlay).stem for overlay in choice), choice) for choice in choices]


def parse_seeds(text: str) -> list[int]:
    """How many seeds, or which: ``5`` are 0 to 4, so that 10 later add to them; ``3,7`` are those two.

    >>> parse_seeds("3"), parse_seeds("3,7")
    ([0, 1, 2], [3, 7])

    Raises:
        ValueError: If it is no such number or list.
    """
    if not re.fullmatch(r"\d+(,\d+)*", text) or text.strip("0") == "":
        raise ValueError(f"--seeds must be their number, as 5, or a list, as 3,7,11, got {text!r}")
    numbers = [int(number) for number in text.split(",")]
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"--seeds must be different ones, got {text!r}")
    return numbers if "," in text else list(range(numbers[0]))


def require_distinct_names(arms: Iterable[Arm]) -> None:
    """Check that every arm has a name, and so a folder, of its own; also where folders do not know capitals.

    Raises:
        ValueError: If two share one.
    """
    counts = Counter(arm.name.lower() for arm in arms)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise ValueError(f"every arm must have a name of its own, got {', '.join(repeated)} more than once")


def plan_runs(
    fit_arguments: Mapping[str, Sequence[str]],
    settings: Mapping[str, Settings],
    seeds: Sequence[int],
    output: Path,
) -> list[PlannedRun]:
    """The runs in the order in which they are trained.

    Arms take turns, so that what is there of a comparison under way is balanced.

    Args:
        fit_arguments: By arm, the arguments of ``fit`` that all its seeds share.
        settings: By arm, what they resolve to.
        seeds: One run each for every arm.
        output: The folder of the comparison.
    """
    runs = []
    for seed, arm in product(seeds, fit_arguments):
        run_dir = output / arm / f"seed-{seed}"
        own = ("--seed_everything", str(seed), "--run_dir", str(run_dir))
        runs.append(PlannedRun(arm, seed, run_dir, settings[arm], (*fit_arguments[arm], *own)))
    return runs


def require_declared_differences(settings: Mapping[str, Settings], told: Mapping[str, Iterable[str]]) -> None:
    """Check that every two arms differ, and only in what an overlay of theirs sets.

    A class that an overlay sets brings arguments of its own, and takes others away.

    Args:
        settings: By arm, what it resolves to.
        told: By arm, the keys that its overlays set.

    Raises:
        ValueError: If two are equal, or differ in more.
    """
    for first, second in combinations(settings, 2):
        found = differences(settings[first], settings[second])
        if not found:
            raise ValueError(f"arms must differ, {first} and {second} resolve to equal settings")
        places = [key.removesuffix("+").removesuffix(CLASS) for key in (*told[first], *told[second])]
        untold = {
            key: values
            for key, values in found.items()
            if not any(f"{key}.".startswith(f"{place}.") for place in places)
        }
        if untold:
            raise ValueError(
                f"arms must differ only in what their overlays set, {first} and {second} also do in "
                f"{difference_text(untold)}"
            )


def difference_text(found: Mapping[str, tuple[object, object]]) -> str:
    """Differing settings with both values, for an error.

    >>> difference_text({"trainer.max_epochs": (3, 5)})
    'trainer.max_epochs (3, 5)'
    """
    return ", ".join(f"{key} ({first}, {second})" for key, (first, second) in found.items())
