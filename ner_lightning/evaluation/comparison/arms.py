"""The result of a comparison: the scores of its arms, their differences, and the verdicts in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import mean
from typing import Any

from ner_lightning.evaluation.comparison.disagreements import Disagreement
from ner_lightning.evaluation.comparison.scope import Scope
from ner_lightning.evaluation.comparison.significance import SliceDifference
from ner_lightning.evaluation.comparison.sliced_counts import LENIENT, Slice
from ner_lightning.evaluation.comparison.verdicts import Difference


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """The facts about a run that a comparison reports.

    Args:
        path: The run folder.
        seed: Its seed.
        encoder: The name of its encoder, if its settings give one.
        decoder: The name of the decoder that the run itself used.
        commit: The commit that trained it, if it was trained in a git checkout.
        corpus_checksum: The checksum of its corpus.
        versions: The versions of Python and the packages, by name.
        circumstances: Further facts about the training, such as precision and number of threads.
        training_seconds: The duration of the training, without scoring.
        peak_memory_mib: The largest amount of memory it used.
    """

    path: str
    seed: int
    encoder: str | None
    decoder: str
    commit: str | None
    corpus_checksum: str
    versions: Mapping[str, str]
    circumstances: Mapping[str, Any]
    training_seconds: float
    peak_memory_mib: float


@dataclass(frozen=True, slots=True)
class ScoredArm:
    """The scores of the runs of one arm.

    Args:
        name: The name of the arm.
        decoder: The name of the decoder whose predictions were scored.
        runs: Its runs, by seed.
        scores: By slice, F1 of every run; None if the slice has no entity, gold or predicted by that run.
        gold: By slice, the number of gold entities.
        ill_formed: The share of sentences with ill-formed tags, for every run.
    """

    name: str
    decoder: str
    runs: tuple[ComparedRun, ...]
    scores: Mapping[Slice, tuple[float | None, ...]]
    gold: Mapping[Slice, int]
    ill_formed: tuple[float, ...]

    def f1(self, part: Slice = LENIENT) -> list[float]:
        """Return F1 of every run; 0 if there is no entity."""
        return [score or 0.0 for score in self.scores[part]]

    def mean_f1(self, part: Slice) -> float | None:
        """Return the mean F1 of its runs; None if the slice has no entity, gold or predicted by any run."""
        return None if all(score is None for score in self.scores[part]) else mean(self.f1(part))


@dataclass(frozen=True, slots=True)
class DecoderResult:
    """The overall result of a comparison if all runs are decoded in the same way.

    Args:
        decoder: The name of the decoder.
        arms: The arms, scored on all entities only.
        differences: The differences, as in :class:`Comparison`.
    """

    decoder: str
    arms: tuple[ScoredArm, ...]
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class VerdictGroup:
    """The verdicts on all pairs of arms under the same decoding.

    Args:
        title: The decoder and, if not all count, the entity types.
        differences: The differences that the verdicts are on.
    """

    title: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison of several arms on one test set.

    Args:
        scope: The part of the predictions that was compared.
        date: The date of the comparison, as in 2026-11-29.
        unit: The name of the units that the test set was resampled by, in the plural.
        num_units: Their number.
        arms: The arms.
        differences: The difference of every pair of arms, the later minus the earlier, with Holm's correction.
        by_slice: For every slice, the difference of each further arm and the first: hints without a verdict.
        by_decoder: The overall result under each other decoder that all runs have predictions of.
        settings: The settings in which the arms differ, with the value of each arm.
        notes: Warnings about other differences between the runs.
        disagreements: The sentences on which arms disagree, those with the largest gap first; None if they are not at
            hand.
    """

    scope: Scope
    date: str
    unit: str
    num_units: int
    arms: tuple[ScoredArm, ...]
    differences: tuple[Difference, ...]
    by_slice: Mapping[Slice, tuple[SliceDifference, ...]]
    by_decoder: tuple[DecoderResult, ...]
    settings: Mapping[str, tuple[Any, ...]]
    notes: tuple[str, ...]
    disagreements: tuple[Disagreement, ...] | None

    @property
    def arm_names(self) -> list[str]:
        return [arm.name for arm in self.arms]

    @property
    def decoder(self) -> str:
        """The decoder that was scored; one for each arm if they differ."""
        names = dict.fromkeys(arm.decoder for arm in self.arms)
        return next(iter(names)) if len(names) == 1 else ", ".join(f"{arm.name}: {arm.decoder}" for arm in self.arms)

    @property
    def _decoder_in_words(self) -> str:
        if self.scope.decoder is not None:
            return f"Decoder {self.decoder}"
        if len({arm.decoder for arm in self.arms}) > 1:
            return f"Each arm's own decoder ({self.decoder})"
        return f"Decoder {self.decoder}, which the runs used"

    @property
    def encoders(self) -> list[str]:
        """The names of the encoders of all runs, each once."""
        runs = chain.from_iterable(arm.runs for arm in self.arms)
        return list(dict.fromkeys(run.encoder for run in runs if run.encoder is not None))

    @property
    def verdict_groups(self) -> list[VerdictGroup]:
        """The verdicts: first those of the comparison itself, then those under each other decoder."""
        types = self.scope.entity_types
        only = "" if types is None else f", only {', '.join(types)}"
        groups = [VerdictGroup(f"{self._decoder_in_words}{only}", self.differences)]
        groups += [VerdictGroup(f"Decoder {result.decoder}{only}", result.differences) for result in self.by_decoder]
        return groups if self.differences else []

    @property
    def warnings(self) -> list[str]:
        """The notes, and a line for every verdict that depends on the decoder."""
        lines = []
        for index, difference in enumerate(self.differences):
            results = {self.decoder: difference.better}
            results |= {result.decoder: result.differences[index].better for result in self.by_decoder}
            if len(set(results.values())) > 1:
                shown = "; ".join(
                    f"{decoder}: {'no difference detected' if better is None else f'{better} is better'}"
                    for decoder, better in results.items()
                )
                lines.append(f"The verdict on {difference.name} depends on the decoder ({shown}).")
        return [*self.notes, *lines]


def verdict_lines(groups: Sequence[VerdictGroup]) -> list[str]:
    """Return one line for every verdict, which names the decoder."""
    return [f"{group.title}: {difference.verdict()}" for group in groups for difference in group.differences]
