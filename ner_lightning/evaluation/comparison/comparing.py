"""Comparing arms: scoring their runs on one test set, and testing the differences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

import numpy as np
from jaxtyping import Int

from ner_lightning.evaluation.comparison.arms import ComparedRun, Comparison, DecoderResult, ScoredArm
from ner_lightning.evaluation.comparison.disagreements import find_disagreements
from ner_lightning.evaluation.comparison.notes import CIRCUMSTANCES, circumstance_notes, decoder_notes
from ner_lightning.evaluation.comparison.resampling import f1
from ner_lightning.evaluation.comparison.scope import Scope
from ner_lightning.evaluation.comparison.significance import ArmCounts, compare_all, compare_slice
from ner_lightning.evaluation.comparison.sliced_counts import (
    LENIENT,
    STRICT,
    Slice,
    UnitCounts,
    Units,
    count_by_unit,
    count_overall,
)
from ner_lightning.evaluation.strict_reading import StrictReading, read_strictly
from ner_lightning.predictions import PredictedSentence
from ner_lightning.runs.folders import DECODERS, FinishedRun
from ner_lightning.runs.settings import differences
from ner_lightning.runs.training_entities import TrainingEntities
from ner_lightning.schemes import TagSet

RESAMPLING_SEED: Final = 0  # so that the same runs give the same numbers


@dataclass(frozen=True, slots=True)
class CountedRun:
    """The counts of one run under one decoder.

    Args:
        counts: Matched, predicted and gold entities by slice and unit.
        ill_formed: The share of sentences with ill-formed tags.
    """

    counts: UnitCounts
    ill_formed: float


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """A run with its counts.

    Args:
        run: The run.
        own: The counts of the predictions that are compared.
        by_decoder: The overall counts under each other decoder.
        sentences: The predicted entities that count.
    """

    run: FinishedRun
    own: CountedRun
    by_decoder: Mapping[str, CountedRun]
    sentences: Sequence[PredictedSentence]


@dataclass(frozen=True, slots=True)
class Scorer:
    """Counts the predictions of runs against one test set.

    Args:
        scope: The part of the predictions that counts.
        reference: The sentences that every run must have predicted.
        units: Their units.
        training: The surfaces that any run saw in training, so that a surface is seen for all arms or for none.
        other_decoders: The decoders whose predictions are scored too.
    """

    scope: Scope
    reference: Sequence[PredictedSentence]
    units: Units
    training: TrainingEntities
    other_decoders: Sequence[str]

    def score(self, run: FinishedRun) -> ScoredRun:
        """Count the predictions of a run.

        Raises:
            ValueError: If they are on other sentences.
            PredictionsError: If a predictions file is missing or damaged.
        """
        sentences, strict = self._read(run, self.scope.decoder)
        counts = count_by_unit(sentences, self.scope.counted(strict.sentences), self.units, self.training)
        others = {}
        for decoder in self.other_decoders:
            found, read = self._read(run, decoder)
            overall = count_overall(found, self.scope.counted(read.sentences), self.units)
            others[decoder] = CountedRun(overall, read.ill_formed)
        kept = [
            replace(sentence, words=shared.words, predicted_tags=None)  # the words are kept once for all runs
            for shared, sentence in zip(self.reference, sentences, strict=True)
        ]
        return ScoredRun(run, CountedRun(counts, strict.ill_formed), others, kept)

    def _read(self, run: FinishedRun, decoder: str | None) -> tuple[Sequence[PredictedSentence], StrictReading]:
        sentences = run.predictions(self.scope.split, decoder)
        _require_same_sentences(self.reference, sentences, run)
        strict = read_strictly(sentences, TagSet.from_plain(run.record["tags"]).scheme)
        return self.scope.counted(sentences), strict


def compare_runs(
    runs_by_arm: Mapping[str, Sequence[FinishedRun]],
    scope: Scope,
    date: str,
    track: Callable[[Sequence[FinishedRun]], Iterable[FinishedRun]] = iter,
) -> Comparison:
    """Score all runs and compare every pair of arms.

    Args:
        runs_by_arm: The runs of every arm.
        scope: The part of their predictions that is compared.
        date: The date of the comparison.
        track: Yields the runs one by one, and may show progress.

    Raises:
        ValueError: If there is no sentence, runs were scored on different ones, runs of an arm were trained on
            different corpora, or no run knows an entity type of the scope.
        PredictionsError: If a predictions file is missing or damaged.
    """
    for name, of_arm in runs_by_arm.items():
        _require_one_corpus(name, of_arm)
    runs = list(chain.from_iterable(runs_by_arm.values()))
    scorer = _scorer_of(runs, scope)
    units = scorer.units
    scored = iter([scorer.score(run) for run in track(runs)])
    by_arm = {name: [next(scored) for _ in of_arm] for name, of_arm in runs_by_arm.items()}
    own = {name: [run.own for run in of_arm] for name, of_arm in by_arm.items()}
    parts = sorted({LENIENT, STRICT}.union(*(run.counts for of_arm in own.values() for run in of_arm)))
    counts = {name: _stacked(of_arm, parts, units) for name, of_arm in own.items()}
    rng = np.random.default_rng(RESAMPLING_SEED)
    return Comparison(
        scope,
        date,
        units.name,
        len(units),
        _scored_arms(runs_by_arm, own, counts, scope.decoder),
        compare_all(_arm_counts(counts, LENIENT), unit=units.name, rng=rng),
        {part: compare_slice(_arm_counts(counts, part), unit=units.name, rng=rng) for part in parts},
        tuple(_under(decoder, by_arm, units) for decoder in scorer.other_decoders),
        differences(*(of_arm[0].settings for of_arm in runs_by_arm.values())),
        (*decoder_notes(runs_by_arm, scope), *circumstance_notes(runs)),
        tuple(find_disagreements({name: [run.sentences for run in of_arm] for name, of_arm in by_arm.items()})),
    )


def _scorer_of(runs: Sequence[FinishedRun], scope: Scope) -> Scorer:
    scope.require_known_types(runs)
    reference = runs[0].predictions(scope.split, scope.decoder)
    if not reference:
        raise ValueError(f"the {scope.split} predictions of {runs[0].path} contain no sentence to compare arms on")
    return Scorer(scope, reference, Units.of(reference), _known_to_any(runs), _other_decoders(runs, scope))


def _under(decoder: str, by_arm: Mapping[str, Sequence[ScoredRun]], units: Units) -> DecoderResult:
    """Compare the arms under another decoder, with the random numbers of a comparison that uses only that decoder."""
    counted = {name: [run.by_decoder[decoder] for run in of_arm] for name, of_arm in by_arm.items()}
    counts = {name: _stacked(of_arm, (LENIENT, STRICT), units) for name, of_arm in counted.items()}
    rng = np.random.default_rng(RESAMPLING_SEED)
    tested = compare_all(_arm_counts(counts, LENIENT), unit=units.name, rng=rng)
    runs_by_arm = {name: [run.run for run in of_arm] for name, of_arm in by_arm.items()}
    return DecoderResult(decoder, _scored_arms(runs_by_arm, counted, counts, decoder), tested)


def _stacked(
    runs: Sequence[CountedRun], parts: Iterable[Slice], units: Units
) -> dict[Slice, Int[np.ndarray, "seeds units 3"]]:
    """Return the counts of all runs by slice; zeros if a run has no entity of a slice."""
    nothing = np.zeros((len(units), 3), dtype=np.int64)
    return {part: np.stack([run.counts.get(part, nothing) for run in runs]) for part in parts}


def _arm_counts(counts: Mapping[str, Mapping[Slice, Int[np.ndarray, "seeds units 3"]]], part: Slice) -> list[ArmCounts]:
    return [ArmCounts(name, of_arm[part]) for name, of_arm in counts.items()]


def _scored_arms(
    runs_by_arm: Mapping[str, Sequence[FinishedRun]],
    counted: Mapping[str, Sequence[CountedRun]],
    counts: Mapping[str, Mapping[Slice, Int[np.ndarray, "seeds units 3"]]],
    decoder: str | None,
) -> tuple[ScoredArm, ...]:
    return tuple(
        ScoredArm(
            name,
            decoder or " and ".join(sorted({run.decoder for run in runs})),
            tuple(map(_compared_run, runs)),
            {part: _scores(of_part) for part, of_part in counts[name].items()},
            {part: int(of_part[0, :, 2].sum()) for part, of_part in counts[name].items()},
            tuple(run.ill_formed for run in counted[name]),
        )
        for name, runs in runs_by_arm.items()
    )


def _scores(counts: Int[np.ndarray, "seeds units 3"]) -> tuple[float | None, ...]:
    return tuple(float(f1(of_run.sum(axis=0))) if of_run.any() else None for of_run in counts)


def _compared_run(run: FinishedRun) -> ComparedRun:
    record = run.record
    return ComparedRun(
        str(run.path),
        run.seed,
        run.encoder,
        run.decoder,
        record["commit"],
        record["corpus_checksum"],
        record["versions"],
        {name: record.get(name) for name in CIRCUMSTANCES},
        record["training_seconds"],
        record["peak_memory_mib"],
    )


def _require_one_corpus(name: str, runs: Sequence[FinishedRun]) -> None:
    checksums = {run.record["corpus_checksum"] for run in runs}
    if len(checksums) > 1:
        raise ValueError(
            f"runs of an arm must be trained on the same corpus, but those of {name} have the checksums "
            f"{sorted(checksums)}"
        )


def _require_same_sentences(
    reference: Sequence[PredictedSentence], sentences: Sequence[PredictedSentence], run: FinishedRun
) -> None:
    if len(reference) != len(sentences):
        found = f"{len(sentences)} instead of {len(reference)}"
        raise ValueError(f"runs must be scored on the same sentences, {run.path} has {found}")
    for expected, sentence in zip(reference, sentences, strict=True):
        if (expected.id, expected.words, set(expected.gold)) != (sentence.id, sentence.words, set(sentence.gold)):
            raise ValueError(
                "runs must be scored on the same sentences with the same gold entities, but sentence "
                f"{sentence.id} of {run.path} differs from sentence {expected.id} of another run"
            )


def _known_to_any(runs: Iterable[FinishedRun]) -> TrainingEntities:
    known: dict[str, dict[str, int]] = {}
    for run in runs:
        for surface, types in run.training_entities.items():
            known.setdefault(surface, {}).update(types)
    return known


def _other_decoders(runs: Sequence[FinishedRun], scope: Scope) -> list[str]:
    """Return the names of the decoders, besides the compared one, whose predictions are at hand for all runs."""
    compared = {scope.decoder or run.decoder for run in runs}
    return [
        decoder
        for decoder in DECODERS
        if compared != {decoder} and all(run.predictions_path(scope.split, decoder).is_file() for run in runs)
    ]
