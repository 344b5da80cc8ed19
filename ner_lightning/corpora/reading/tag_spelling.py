"""The spelling of tags in a file: B-PER, B_PER, b-per, PER-B, bare B I O, or types without a prefix."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final, Literal

from ner_lightning.tags import OUTSIDE

TagForm = Literal["B-PER", "PER-B", "B", "PER"]

OUTSIDE_SPELLINGS: Final = frozenset("Oo0")
UNANNOTATED_NUMBERS: Final = frozenset({-1, -100})  # in place of the number of a tag
MISSING_TAGS: Final = frozenset({"-", "_", *map(str, UNANNOTATED_NUMBERS)})  # in place of a tag
PREFIXES: Final = "BIESLUMW"
SEPARATORS: Final = "-_:./"
JOINERS: Final = "|+;,&"
MIN_OUTSIDE_SHARE: Final = 0.2  # of the words of a named entity corpus; columns of other things hardly ever contain O
MIN_EXPLAINED_SHARE: Final = 0.5  # of the tags, for a form with prefixes; otherwise tags may be bare types

Respell = Callable[[str], str | None]


@dataclass(frozen=True)
class TagSpelling:
    """The spelling of the tags in a file.

    Args:
        form: B-PER if tags have a prefix and a type, PER-B if the type comes first, B if tags have no type, and PER if
            they have no prefix; null recognizes the form and reports what was recognized. The two parts may be
            separated by - _ : . or /, prefixes may be in lower case, and o or 0 is read as O.
        single_type: The entity type if tags have no type, as in B I O.
        joined: The reading of several tags in one, such as B-ORG|B-LOC for nested entities: first reads the first of
            them, refuse stops with an error.
        unannotated: The tags of words that nobody annotated, which are neither learned nor scored. null stands for -,
            -1 and -100, and also for _ if other words are tagged O. Any of these four that is not listed is read as O.
    """

    form: TagForm | None = None
    single_type: str = "ENTITY"
    joined: Literal["refuse", "first"] = "refuse"
    unannotated: list[str] | None = None

    def unannotated_tags(self, tags: Collection[str]) -> frozenset[str]:
        """Return the given tags that mark words that nobody annotated."""
        if self.unannotated is not None:
            return frozenset(self.unannotated) & set(tags)
        has_outside = any(tag in OUTSIDE_SPELLINGS for tag in tags)
        return frozenset(MISSING_TAGS if has_outside else MISSING_TAGS - {"_"}) & set(tags)


class TagSpellingError(ValueError):
    """Tags cannot be read.

    Args:
        tag: The first tag that cannot be read.
        message: The sentence that says what was expected and found.
        is_joined: True if the tag joins several tags.
    """

    def __init__(self, tag: str, message: str, is_joined: bool = False) -> None:
        super().__init__(message)
        self.tag = tag
        self.is_joined = is_joined


def respell(counts: Mapping[str, int], spelling: TagSpelling) -> dict[str, str]:
    """Return the standard spelling (O, B-PER) of every tag.

    Args:
        counts: The number of occurrences of each tag, in order of the first occurrence.
        spelling: The spelling, as far as the user states it.

    Raises:
        TagSpellingError: If no form explains all tags, or joined tags are not to be read.
    """
    first_part = _first_parts(counts, spelling)
    merged: Counter[str] = Counter()
    for tag, count in counts.items():
        merged[first_part[tag]] += count
    standard = _standard(merged, spelling)
    return {tag: standard[part] for tag, part in first_part.items()}


def changes(standard_by_tag: Mapping[str, str]) -> str:
    """Return a description of the tags whose spelling differs from the standard, or an empty text.

    >>> changes({"O": "O", "b-per": "B-per", "i-per": "I-per"})
    "tags such as 'b-per' are read as 'B-per'"
    """
    changed = {tag: standard for tag, standard in standard_by_tag.items() if tag != standard}
    tag, outside = (
        next((tag for tag, standard in changed.items() if (standard == OUTSIDE) is is_outside), None)
        for is_outside in (False, True)
    )
    readings = [] if tag is None else [f"tags such as {tag!r} are read as {changed[tag]!r}"]
    readings += [] if outside is None else [f"{outside!r} is read as 'O'"]
    return ", ".join(readings)


def _standard(counts: Mapping[str, int], spelling: TagSpelling) -> dict[str, str]:
    inside = {tag: count for tag, count in counts.items() if tag not in OUTSIDE_SPELLINGS}
    standard = dict.fromkeys(OUTSIDE_SPELLINGS & counts.keys(), OUTSIDE)
    candidates = _candidates(spelling)
    readings = [{tag: read for tag in inside if (read := candidate(tag)) is not None} for candidate in candidates]
    explained = [sum(inside[tag] for tag in reading) for reading in readings]
    best = max(range(len(readings)), key=explained.__getitem__)
    reading = readings[best]
    if spelling.form is None and explained[best] < MIN_EXPLAINED_SHARE * sum(inside.values()):
        num_outside = sum(counts[tag] for tag in standard)
        if num_outside >= MIN_OUTSIDE_SHARE * sum(counts.values()):
            reading = {tag: f"I-{tag}" for tag in inside if tag.strip()}
    for tag in inside:
        if tag not in reading:
            raise TagSpellingError(tag, _problem(tag, next(iter(reading), None)))
    return standard | reading


def _problem(tag: str, example: str | None) -> str:
    others = f" (others are spelled like {example!r})" if example else ""
    return (
        f"a tag must be O, or one of {' '.join(PREFIXES)}, a hyphen and a type, got {tag!r}{others}; "
        f"set tags.form if the tags are spelled differently"
    )


def _candidates(spelling: TagSpelling) -> list[Respell]:
    with_prefix = [_with_prefix(separator) for separator in SEPARATORS]
    with_suffix = [_with_suffix(separator) for separator in SEPARATORS]
    by_form: dict[TagForm, list[Respell]] = {
        "B-PER": with_prefix,
        "PER-B": with_suffix,
        "B": [lambda tag: f"{tag.upper()}-{spelling.single_type}" if len(tag) == 1 and _is_prefix(tag) else None],
        "PER": [lambda tag: f"I-{tag}" if tag.strip() else None],
    }
    if spelling.form is not None:
        return by_form[spelling.form]
    return list(chain.from_iterable(by_form[form] for form in ("B-PER", "PER-B", "B")))


def _is_prefix(character: str) -> bool:
    return character.upper() in PREFIXES


def _with_prefix(separator: str) -> Respell:
    def read(tag: str) -> str | None:
        fits = len(tag) > 2 and _is_prefix(tag[0]) and tag[1] == separator
        return f"{tag[0].upper()}-{tag[2:]}" if fits else None

    return read


def _with_suffix(separator: str) -> Respell:
    def read(tag: str) -> str | None:
        fits = len(tag) > 2 and _is_prefix(tag[-1]) and tag[-2] == separator
        return f"{tag[-1].upper()}-{tag[:-2]}" if fits else None

    return read


def _first_parts(counts: Mapping[str, int], spelling: TagSpelling) -> dict[str, str]:
    """Return the first part of every tag; tags that are not joined have one part."""
    joiner = next((found for tag in counts if (found := _joiner_of(tag))), None)
    if joiner is None:
        return {tag: tag for tag in counts}
    if spelling.joined == "refuse":
        tag = next(tag for tag in counts if joiner in tag)
        message = f"{tag!r} joins several tags with {joiner!r}; set tags.joined to first to read only the first of them"
        raise TagSpellingError(tag, message, is_joined=True)
    return {tag: tag.split(joiner)[0] for tag in counts}


def _joiner_of(tag: str) -> str | None:
    """Return the sign that joins several tags in one, or None if it is a single tag.

    >>> _joiner_of("B-ORG|B-LOC"), _joiner_of("I-ORG|O"), _joiner_of("B-R&D")
    ('|', '|', None)
    """
    for joiner in JOINERS:
        parts = tag.split(joiner)
        are_tags = all(part in OUTSIDE_SPELLINGS or re.fullmatch(rf"[{PREFIXES}][-_].+", part) for part in parts)
        if len(parts) > 1 and are_tags:
            return joiner
    return None
