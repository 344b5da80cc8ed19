"""The numbers of the corpus report: what a corpus holds, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from textwrap import shorten

from ner_lightning.corpora.checks.report import CorpusReport, Lengths, SplitStatistics, SubwordStatistics
from ner_lightning.corpora.reader import OUTCOME_BY_KIND, SPLIT_NAMES, Corpus, NoteKind, SplitName, kind_in_words
from ner_lightning.entities import EntitySpan
from ner_lightning.sentences import Sentence

RARE_TYPE = 10  # fewer training entities than this are reported as too few to learn from
LEAKED_SHARE = 0.01  # of a validation or test split; one-word sentences repeat by chance in any corpus
NUM_EXAMPLES = 3

SubwordCounts = Callable[[Sequence[str]], list[int]]


def describe_corpus(
    corpus: Corpus, subword_counts: SubwordCounts | None = None, window: int | None = None
) -> CorpusReport:
    """Count what a corpus holds and find what is wrong with it.

    Args:
        corpus: The corpus as it was read.
        subword_counts: Gives for the words of a sentence how many subwords the tokenizer makes of each.
        window: Subwords that the encoder takes at once, without special subwords.
    """
    train = corpus.splits.get("train", ())
    train_words = {sentence.words for sentence in train}
    train_surfaces = set(_surfaces(train))
    splits = {}
    for name in SPLIT_NAMES:
        if name in corpus.splits:
            sentences = corpus.splits[name]
            has_train = name != "train" and bool(train)
            splits[name] = _describe_split(
                sentences,
                sentences_in_train=sum(s.words in train_words for s in sentences) if has_train else None,
                entities_in_train=sum(s in train_surfaces for s in _surfaces(sentences)) if has_train else None,
                subwords=_describe_subwords(sentences, subword_counts, window) if subword_counts else None,
            )
    notes: dict[SplitName, dict[NoteKind, list[str]]] = {name: {} for name in splits}
    for note in corpus.notes:
        notes.setdefault(note.split, {}).setdefault(note.kind, []).append(str(note))
    conflicts = label_conflicts(corpus)
    return CorpusReport(
        splits=splits,
        scheme_evidence=dict(corpus.scheme_evidence or {}),
        notes_by_kind=notes,
        ambiguous_surfaces=ambiguous_surfaces(corpus),
        label_conflicts=conflicts,
        cased=entities_are_cased(corpus),
        errors=tuple(_errors(splits)),
        warnings=tuple(_warnings(splits, notes, conflicts)),
    )


def _surfaces(sentences: Iterable[Sentence]) -> Iterable[str]:
    return (sentence.surface(entity) for sentence in sentences for entity in sentence.entities)


def _describe_split(
    sentences: Sequence[Sentence],
    *,
    sentences_in_train: int | None,
    entities_in_train: int | None,
    subwords: SubwordStatistics | None,
) -> SplitStatistics:
    entities = [entity for sentence in sentences for entity in sentence.entities]
    ids = Counter(sentence.id for sentence in sentences if sentence.id)
    return SplitStatistics(
        num_sentences=len(sentences),
        num_words=sum(map(len, sentences)),
        num_documents=len({s.document_id for s in sentences if s.document_id is not None}),
        entities_by_type=dict(sorted(Counter(entity.entity_type for entity in entities).items())),
        mean_entity_length=sum(map(len, entities)) / max(len(entities), 1),
        longest_entity=max(map(len, entities), default=0),
        sentences_without_entities=sum(not sentence.entities for sentence in sentences),
        sentences_without_words=sum(not sentence.words for sentence in sentences),
        lengths=Lengths.of(map(len, sentences)),
        repeated_sentences=len(sentences) - len({sentence.words for sentence in sentences}),
        repeated_ids=tuple(sentence_id for sentence_id, count in ids.items() if count > 1),
        sentences_in_train=sentences_in_train,
        entities_in_train=entities_in_train,
        subwords=subwords,
    )


def _describe_subwords(
    sentences: Sequence[Sentence], subword_counts: SubwordCounts, window: int | None
) -> SubwordStatistics:
    without: Counter[str] = Counter()
    lengths = []
    for sentence in sentences:
        counts = subword_counts(sentence.words)
        without.update(code_points(word) for word, count in zip(sentence.words, counts, strict=True) if count == 0)
        lengths.append(sum(max(count, 1) for count in counts))
    longer = None if window is None else sum(length > window for length in lengths)
    return SubwordStatistics(sum(lengths), Lengths.of(lengths), dict(without.most_common()), longer)


def code_points(word: str) -> str:
    """A word by the numbers of its characters, for words that cannot be seen.

    >>> code_points("ab"), code_points("")
    ('U+0061 U+0062', '(empty)')
    """
    return " ".join(f"U+{ord(character):04X}" for character in word) or "(empty)"


def entities_are_cased(corpus: Corpus) -> bool:
    """Whether capital letters tell entities from other words, so that an uncased encoder would lose evidence.

    The rule: of the words that begin with a letter that has case, the first word of each sentence left out,
    at least half of the entity words and at most half that share of the other words begin with a capital.
    """
    counts = Counter(
        (position in entity_positions, word[0].isupper())
        for sentence in (s for sentences in corpus.splits.values() for s in sentences)
        for entity_positions in ({p for e in sentence.entities for p in range(e.start, e.end)},)
        for position, word in enumerate(sentence.words)
        if position and word and word[0].lower() != word[0].upper()
    )
    in_entities, elsewhere = (
        counts[inside, True] / max(counts[inside, True] + counts[inside, False], 1) for inside in (True, False)
    )
    return in_entities >= 0.5 and elsewhere <= in_entities / 2


def ambiguous_surfaces(corpus: Corpus) -> dict[str, dict[str, int]]:
    """The surfaces of entities that occur as several types, in any splits, commonest first."""
    types_by_surface: dict[str, Counter[str]] = {}
    for sentence in (s for sentences in corpus.splits.values() for s in sentences):
        for entity in sentence.entities:
            types_by_surface.setdefault(sentence.surface(entity), Counter())[entity.entity_type] += 1
    several = [(surface, types) for surface, types in types_by_surface.items() if len(types) > 1]
    several.sort(key=lambda item: (-item[1].total(), item[0]))
    return {surface: dict(types.most_common()) for surface, types in several}


def label_conflicts(corpus: Corpus) -> tuple[str, ...]:
    """A line for all sentences of the same words, in any splits, whose entities differ."""
    readings: dict[tuple[str, ...], dict[tuple[EntitySpan, ...], str]] = {}
    for name, sentences in corpus.splits.items():
        for number, sentence in enumerate(sentences):
            entities = ", ".join(f"{e.entity_type} {sentence.surface(e)!r}" for e in sentence.entities)
            place = sentence.id if sentence.id.startswith(name) else f"{name} {sentence.id or number}"
            reading = f"{entities or 'no entity'} ({place})"
            readings.setdefault(sentence.words, {}).setdefault(sentence.entities, reading)
    return tuple(
        f"{shorten(' '.join(words), 60, placeholder=' …')}: {'; '.join(by_entities.values())}"
        for words, by_entities in readings.items()
        if len(by_entities) > 1
    )


def _errors(splits: Mapping[SplitName, SplitStatistics]) -> Iterable[str]:
    if "train" not in splits:
        yield f"there must be a train split to learn from; there are: {', '.join(splits) or 'none'}"
    if "validation" not in splits:
        yield f"there must be a validation split to choose the best epoch by; there are: {', '.join(splits) or 'none'}"
    for name, split in splits.items():
        if not split.num_sentences:
            yield f"{name}: a split must hold at least one sentence, got none"
        elif name == "train" and not split.num_entities:
            yield "train: at least one sentence must hold an entity, got none; nothing can be learned"
        if split.repeated_ids:
            examples = ", ".join(split.repeated_ids[:NUM_EXAMPLES])
            yield f"{name}: ids must be unique in a split, {len(split.repeated_ids)} are not, as {examples}"


def _warnings(
    splits: Mapping[SplitName, SplitStatistics],
    notes: Mapping[SplitName, Mapping[NoteKind, Sequence[str]]],
    conflicts: Sequence[str],
) -> Iterable[str]:
    yield from _warnings_of_notes(notes)
    for name, split in splits.items():
        yield from _warnings_of_words(name, split)
        if name == "train":
            yield from _warnings_of_train(split)
        elif "train" in splits:
            yield from _warnings_against_train(name, split, splits["train"])
    if conflicts:
        yield f"same sentence, different entities: {len(conflicts)}, as {conflicts[0]}"


def _warnings_of_notes(notes: Mapping[SplitName, Mapping[NoteKind, Sequence[str]]]) -> Iterable[str]:
    for name, lines_by_kind in notes.items():
        for kind, lines in lines_by_kind.items():
            if kind in OUTCOME_BY_KIND:
                yield f"{name}: {kind_in_words(kind)}: {len(lines)}, {OUTCOME_BY_KIND[kind]}"


def _warnings_of_words(name: SplitName, split: SplitStatistics) -> Iterable[str]:
    if split.sentences_without_words:
        yield f"{name}: sentences without words: {split.sentences_without_words}"
    if split.subwords and split.subwords.words_without_subwords:
        counts = split.subwords.words_without_subwords
        yield (
            f"{name}: words without subwords: {sum(counts.values())} "
            f"({', '.join(list(counts)[:NUM_EXAMPLES])}); each is given the unknown subword"
        )


def _warnings_of_train(train: SplitStatistics) -> Iterable[str]:
    for entity_type, count in train.entities_by_type.items():
        if count < RARE_TYPE:
            yield f"train: entities of type {entity_type}: {count}, hard to learn from (under {RARE_TYPE})"


def _warnings_against_train(name: SplitName, split: SplitStatistics, train: SplitStatistics) -> Iterable[str]:
    for entity_type, count in split.entities_by_type.items():
        if entity_type not in train.entities_by_type:
            yield (
                f"{name}: entities of type {entity_type}: {count}, none in train: "
                f"the type cannot be learned and counts against recall"
            )
    share = (split.sentences_in_train or 0) / max(split.num_sentences, 1)
    if share >= LEAKED_SHARE:
        yield f"{name}: sentences that are in train too: {split.sentences_in_train} ({share:.1%})"
    if split.num_sentences and not split.num_entities:
        yield f"{name}: no sentence holds an entity, so scores on it say nothing"
