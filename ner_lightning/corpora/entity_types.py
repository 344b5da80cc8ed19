"""The selection of entity types: those of a corpus are kept, renamed, merged or dropped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ner_lightning.corpora.reader import Corpus, CorpusError, ReadingNote, SplitName
from ner_lightning.sentences import Sentence
from ner_lightning.tags import OUTSIDE

WORDS_BY_YAML_VALUE: Final = {"false": "NO, OFF and FALSE", "true": "YES, ON and TRUE", "null": "NULL and ~"}


def advice_on_quotes(value: str) -> str | None:
    """Return the advice to quote a name that YAML does not read as text, or None if it is text.

    >>> advice_on_quotes("false")
    "YAML reads NO, OFF and FALSE as false; put such names in quotes, for example 'NO'"
    """
    value = {"None": "null"}.get(value, value)
    if words := WORDS_BY_YAML_VALUE.get(value.lower()):
        example = words.replace(",", "").split()[0]
        return f"YAML reads {words} as {value.lower()}; put such names in quotes, for example '{example}'"
    try:
        float(value)
    except ValueError:
        return None
    return f"YAML reads {value} as a number; put such names in quotes, for example '{value}'"


def require_text(names: Iterable[object]) -> None:
    """Check that names of entity types are text: YAML reads NO, ON or 1 as something else.

    Raises:
        CorpusError: If a name is not text.
    """
    for name in names:
        if not isinstance(name, str):
            raise CorpusError(f"entity_types must be text, got {name!r}; {advice_on_quotes(str(name))}")


def select_entity_types(corpus: Corpus, entity_types: Sequence[str] | Mapping[str, str] | None) -> Corpus:
    """Keep, rename or merge entity types; every sentence stays, with or without entities.

    Args:
        corpus: The corpus as it was read.
        entity_types: The types to keep, or a mapping from old names to new ones; types with the same new name are
            merged, as in ``{"PER": "PER", "PERSON": "PER", "LOC": "LOC"}``. All other types are dropped; None keeps
            all types.

    Returns:
        The corpus with an additional note for each split and each type that was dropped or renamed in it.

    Raises:
        CorpusError: If a type does not occur in any split, no type is given, or a type is named ``O``.
    """
    selected = corpus if entity_types is None else _select(corpus, entity_types)
    require_other_than_outside(selected)
    return selected


def require_other_than_outside(corpus: Corpus) -> None:
    """Check that no entity type is called ``O``: its class weight would be that of words outside of entities.

    Raises:
        CorpusError: If a type is called ``O``.
    """
    types = sorted({kind for split in corpus.splits for kind in corpus.entity_types(split)})
    if OUTSIDE in types:
        renamed = ", ".join(f"{kind}: {'OTHER' if kind == OUTSIDE else kind}" for kind in types)
        raise CorpusError(
            f"an entity type must not be called {OUTSIDE}, which stands for no entity; rename it with "
            f"data.entity_types: {{{renamed}}}"
        )


def _select(corpus: Corpus, entity_types: Sequence[str] | Mapping[str, str]) -> Corpus:
    require_text([*entity_types, *(entity_types.values() if isinstance(entity_types, Mapping) else ())])
    new_by_old = dict(entity_types) if isinstance(entity_types, Mapping) else {kind: kind for kind in entity_types}
    known = sorted({kind for split in corpus.splits for kind in corpus.entity_types(split)})
    unknown = sorted(set(new_by_old) - set(known))
    if unknown or not new_by_old:
        raise CorpusError(
            f"entity_types must name types of the corpus, got {', '.join(unknown) or 'none'}; "
            f"it has: {', '.join(known) or 'none'}"
        )
    if not all(new_by_old.values()):
        raise CorpusError(f"entity_types must not rename to an empty name, got {new_by_old}")
    splits = {
        split: tuple(_with_new_types(sentence, new_by_old) for sentence in sentences)
        for split, sentences in corpus.splits.items()
    }
    notes = [note for split in corpus.splits for note in _notes_of(corpus, split, new_by_old)]
    return replace(corpus, splits=splits, notes=(*corpus.notes, *notes))


def _with_new_types(sentence: Sentence, new_by_old: Mapping[str, str]) -> Sentence:
    return sentence.with_entities(
        tuple(
            replace(entity, entity_type=new_by_old[entity.entity_type])
            for entity in sentence.entities
            if entity.entity_type in new_by_old
        )
    )


def _notes_of(corpus: Corpus, split: SplitName, new_by_old: Mapping[str, str]) -> list[ReadingNote]:
    notes = []
    for old, count in sorted(corpus.type_counts(split).items()):
        entities = f"{count} {'entity' if count == 1 else 'entities'} of type {old}"
        if old not in new_by_old:
            notes.append(ReadingNote(split, "type_dropped", f"{entities} dropped: not among entity_types"))
        elif new_by_old[old] != old:
            notes.append(ReadingNote(split, "type_renamed", f"{entities} renamed to {new_by_old[old]}"))
    return notes
