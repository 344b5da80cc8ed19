"""The errors and warnings of the corpus report, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ner_lightning.corpora.checks.counts import SplitStatistics
from ner_lightning.corpora.checks.leaks import find_leaks
from ner_lightning.corpora.reader import ADVICE_ON_CUT_WORDS, OUTCOME_BY_KIND, NoteKind, SplitName, describe_kind

MIN_TRAINING_ENTITIES: Final = 10  # a type with fewer is reported as hard to learn
MAX_EXAMPLES: Final = 3
MAX_CUT_SPANS: Final = 10
MAX_CUT_SHARE: Final = 0.05  # spans that cut words, compared to all entities; more point to the wrong word splitter

NotesByKind = Mapping[SplitName, Mapping[NoteKind, Sequence[str]]]


def find_errors(splits: Mapping[SplitName, SplitStatistics]) -> Iterator[str]:
    """Yield one line for each error, which makes a corpus unfit for training."""
    found = f"found {', '.join(splits) or 'no split'}"
    if "train" not in splits:
        yield f"a train split is required to learn from, {found}"
    if "validation" not in splits:
        advice = "; data.validation_share: 0.1 holds out a share of train" if "train" in splits else ""
        yield f"a validation split is required to choose the best epoch, {found}{advice}"
    for name, split in splits.items():
        if not split.num_sentences:
            yield f"{name}: a split must contain at least one sentence, got none"
        elif split.num_unannotated == split.num_words:
            yield f"{name}: a split must contain at least one annotated word, got none"
        elif name == "train" and not split.num_entities:
            yield "train: at least one sentence must contain an entity, got none; nothing can be learned"
        if split.repeated_ids:
            examples = ", ".join(split.repeated_ids[:MAX_EXAMPLES])
            yield f"{name}: ids must be unique in a split, {len(split.repeated_ids)} are repeated, such as {examples}"


def find_warnings(
    splits: Mapping[SplitName, SplitStatistics], notes: NotesByKind, conflicts: Sequence[str]
) -> Iterator[str]:
    """Yield one line for each problem that will lower quality or distort scores."""
    yield from _warnings_about_notes(notes)
    yield from _warnings_about_cut_words(splits, notes)
    for name, split in splits.items():
        yield from _warnings_about_words(name, split)
        if name == "train":
            yield from _warnings_about_train(split)
        elif "train" in splits:
            yield from _warnings_compared_to_train(name, split, splits["train"])
    if conflicts:
        yield f"equal sentences with different entities: {len(conflicts)}, such as {conflicts[0]}"


def warning_on_outside(num_outside: int) -> str | None:
    """Return a warning if no annotated training word is outside any entity, else None."""
    if num_outside:
        return None
    return (
        "train: every annotated word is part of an entity, so the model learns to find entities everywhere; "
        "if words tagged - or -1 are outside, set data.corpus.init_args.tags.unannotated to []"
    )


def _warnings_about_notes(notes: NotesByKind) -> Iterator[str]:
    for name, lines_by_kind in notes.items():
        for kind, lines in lines_by_kind.items():
            if kind in OUTCOME_BY_KIND:
                yield f"{name}: {describe_kind(kind)}: {len(lines)}, {OUTCOME_BY_KIND[kind]}, such as {lines[0]}"


def _warnings_about_cut_words(splits: Mapping[SplitName, SplitStatistics], notes: NotesByKind) -> Iterator[str]:
    for name, split in splits.items():
        num_cut = sum(len(notes[name].get(kind, ())) for kind in ("span_cuts_word", "overlapping_span"))
        if num_cut > max(MAX_CUT_SHARE * split.num_entities, MAX_CUT_SPANS):
            yield f"{name}: {num_cut} spans do not end where words end; {ADVICE_ON_CUT_WORDS}"


def _warnings_about_words(name: SplitName, split: SplitStatistics) -> Iterator[str]:
    if split.sentences_without_words:
        yield f"{name}: sentences without words: {split.sentences_without_words}"
    if split.subwords and split.subwords.words_without_subwords:
        counts = split.subwords.words_without_subwords
        yield (
            f"{name}: words without subwords: {sum(counts.values())} "
            f"({', '.join(list(counts)[:MAX_EXAMPLES])}); each is replaced by the unknown subword"
        )


def _warnings_about_train(train: SplitStatistics) -> Iterator[str]:
    if train.num_unannotated and (warning := warning_on_outside(train.num_outside)):
        yield warning
    for entity_type, count in train.entities_by_type.items():
        if count < MIN_TRAINING_ENTITIES:
            yield f"train: entities of type {entity_type}: {count}, hard to learn (fewer than {MIN_TRAINING_ENTITIES})"


def _warnings_compared_to_train(name: SplitName, split: SplitStatistics, train: SplitStatistics) -> Iterator[str]:
    for entity_type, count in split.entities_by_type.items():
        if entity_type not in train.entities_by_type:
            yield (
                f"{name}: entities of type {entity_type}: {count}, but none in train: "
                f"the type cannot be learned and lowers recall"
            )
    yield from find_leaks(name, split)
    if split.num_sentences and not split.num_entities:
        yield f"{name}: no sentence contains an entity, so its scores are meaningless"
