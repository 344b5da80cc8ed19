"""Recognition of the label scheme of a file from its tags, with the evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ner_lightning.schemes import BIO, BIOES, IO, LabelScheme, SourceScheme
from ner_lightning.tags import OUTSIDE, OUTSIDE_TAG, Tag

# The prefixes that a file may use. If several schemes fit equally well, the first one is chosen.
PREFIXES_BY_SCHEME: Final[Mapping[SourceScheme, str]] = {
    "BIO": "BI",
    "BIOES": "BIES",
    "BILOU": "BILU",
    "BMES": "BMES",
    "BMEWO": "BMEW",
    "IO": "I",
    "IOB1": "BI",
    "IOE2": "IE",
    "IOE1": "IE",
}
SCHEME_BY_SOURCE: Final[Mapping[SourceScheme, LabelScheme]] = {
    "IO": IO(),
    "BIO": BIO(),
    "BIOES": BIOES(),
    "BILOU": BIOES(),
    "BMES": BIOES(),
    "BMEWO": BIOES(),
}


@dataclass(frozen=True, slots=True)
class SchemeEvidence:
    """A recognized scheme and the evidence for it.

    Args:
        scheme: The scheme that fits best.
        reason: The evidence in the tags.
        also_possible: Other schemes that fit all tags; the entities that are read would be the same.
    """

    scheme: SourceScheme
    reason: str
    also_possible: tuple[SourceScheme, ...] = ()

    def __str__(self) -> str:
        doubt = f" (ambiguous: {', '.join(self.also_possible)} would fit as well)" if self.also_possible else ""
        return f"{self.scheme}: {self.reason}{doubt}"


def detect_scheme(sentences: Iterable[Sequence[str]]) -> SchemeEvidence:
    """Recognize the scheme of tagged sentences: the one with the fewest tags that it does not allow.

    Raises:
        ValueError: If a tag is malformed.

    >>> str(detect_scheme([["O", "I-PER", "I-PER", "B-PER"]]))
    'IOB1: fits every tag (B 1, I 2)'
    """
    transitions: Counter[tuple[str, str]] = Counter()
    for tags in sentences:
        transitions.update(pairwise([OUTSIDE, *tags, OUTSIDE]))
    misfits = _count_misfits(transitions)
    prefixes: Counter[str] = Counter()
    for (_, name), count in transitions.items():
        prefixes[name[0]] += count
    del prefixes[OUTSIDE]
    foreign = {
        scheme: sum(prefixes[it] for it in prefixes if it not in PREFIXES_BY_SCHEME[scheme]) for scheme in misfits
    }
    best, *others = sorted(misfits, key=lambda scheme: (misfits[scheme], foreign[scheme]))
    if not prefixes:
        return SchemeEvidence(best, "no entity is tagged", tuple(others))
    seen = ", ".join(f"{prefix} {prefixes[prefix]:,}" for prefix in "BIESLUMW" if prefixes[prefix])
    if not misfits[best]:
        reason = f"fits every tag ({seen})"
        return SchemeEvidence(best, reason, tuple(scheme for scheme in others if not misfits[scheme]))
    number = f"{misfits[best]:,} ill-formed tag{'s' * (misfits[best] > 1)}"
    rivals = (it for it in others if misfits[it] > misfits[best] and not foreign[it])
    worse = next((f" instead of {misfits[it]:,} for {it}" for it in rivals), "")
    return SchemeEvidence(best, f"fits best, with {number}{worse} ({seen})")


def _count_misfits(transitions: Mapping[tuple[str, str], int]) -> dict[SourceScheme, int]:
    """Return the number of tags that each scheme does not allow after the tag before them."""
    tag_by_name = {name: Tag.parse(name) for transition in transitions for name in transition}
    return {
        scheme: sum(
            count
            for (previous, name), count in transitions.items()
            if not _fits(tag_by_name[previous], tag_by_name[name], name, scheme)
        )
        for scheme in PREFIXES_BY_SCHEME
    }


def ill_formed_positions(tags: Sequence[str], scheme: SourceScheme) -> list[int]:
    """Return the positions of tags that the scheme does not allow there.

    A sequence that ends inside an entity is ill-formed at its last word.

    >>> ill_formed_positions(["O", "I-PER", "O"], "BIO"), ill_formed_positions(["O", "B-PER"], "BIOES")
    ([1], [1])
    """
    names = [OUTSIDE, *tags, OUTSIDE]
    parsed = [Tag.parse(name) for name in names]
    positions = {
        min(position, len(tags) - 1)
        for position, (previous, tag) in enumerate(pairwise(parsed))
        if not _fits(previous, tag, names[position + 1], scheme)
    }
    return sorted(positions)


def _fits(previous: Tag, tag: Tag, name: str, scheme: SourceScheme) -> bool:
    """Return whether the scheme allows a tag after the previous one; ``name`` is the tag as the file has it."""
    if tag != OUTSIDE_TAG and name[0] not in PREFIXES_BY_SCHEME[scheme]:
        return False
    is_same_type = previous.entity_type == tag.entity_type
    if scheme == "IOB1":
        return tag.prefix != "B" or is_same_type
    if scheme == "IOE1":
        return previous.prefix != "E" or is_same_type
    if scheme == "IOE2":
        return previous.prefix != "I" or is_same_type
    return SCHEME_BY_SOURCE[scheme].allows(previous, tag)
