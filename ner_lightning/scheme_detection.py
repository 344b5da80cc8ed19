"""Which label scheme a file's tags are in, with the evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ner_lightning.schemes import BIO, BIOES, IO, LabelScheme, SourceScheme
from ner_lightning.tags import OUTSIDE, OUTSIDE_TAG, Tag

SCHEME_BY_SOURCE: dict[SourceScheme, LabelScheme] = {
    "IO": IO(),
    "BIO": BIO(),
    "BIOES": BIOES(),
    "BILOU": BIOES(),
}


@dataclass(frozen=True, slots=True)
class SchemeEvidence:
    """A recognised scheme and what speaks for it.

    Args:
        scheme: The scheme that fits best.
        reason: What in the tags speaks for it.
        also_possible: Schemes that the same tags could be in as well; the entities read are the same.
    """

    scheme: SourceScheme
    reason: str
    also_possible: tuple[SourceScheme, ...] = ()

    def __str__(self) -> str:
        doubt = f" (ambiguous: {', '.join(self.also_possible)} would fit as well)" if self.also_possible else ""
        return f"{self.scheme}: {self.reason}{doubt}"


def detect_scheme(sentences: Iterable[Sequence[str]]) -> SchemeEvidence:
    """Recognise the scheme of tagged sentences from the tags alone.

    Raises:
        ValueError: If a tag is malformed.

    >>> str(detect_scheme([["O", "I-PER", "I-PER", "B-PER"]]))
    'IOB1: of 2 entities 1 begin with I after another tag, and every B follows its own type'
    """
    prefixes: Counter[str] = Counter()
    begin_with_i = begin_with_b = separating_b = 0
    for tags in sentences:
        parsed = [Tag.parse(tag) for tag in tags]
        prefixes.update(tag[0] for tag in tags)
        for previous, tag in pairwise([OUTSIDE_TAG, *parsed]):
            same_type = previous.entity_type == tag.entity_type
            begin_with_i += tag.prefix == "I" and not same_type
            begin_with_b += tag.prefix == "B"
            separating_b += tag.prefix == "B" and same_type
    seen = ", ".join(f"{prefix} {prefixes[prefix]}" for prefix in "BIESLU" if prefixes[prefix])
    if prefixes["L"] or prefixes["U"]:
        return SchemeEvidence("BILOU", f"L or U occur ({seen})")
    if prefixes["E"] or prefixes["S"]:
        return SchemeEvidence("BIOES", f"E or S occur ({seen})")
    if not prefixes["B"] and not prefixes["I"]:
        return SchemeEvidence("BIO", "no entity is tagged", ("IO", "IOB1", "BIOES", "BILOU"))
    if not prefixes["B"]:
        return SchemeEvidence("IO", f"only I occurs ({seen})", ("IOB1",))
    if separating_b == begin_with_b and begin_with_i:
        total = begin_with_b + begin_with_i
        return SchemeEvidence(
            "IOB1",
            f"of {total} entities {begin_with_i} begin with I after another tag, and every B follows its own type",
        )
    reason = f"{begin_with_b} entities begin with B, {begin_with_i} with I ({seen})"
    return SchemeEvidence("BIO", reason)


def ill_formed_positions(tags: Sequence[str], scheme: SourceScheme) -> list[int]:
    """The positions of tags that the scheme does not allow where they stand.

    A sequence that breaks off inside an entity is ill-formed at its last word.

    >>> ill_formed_positions(["O", "I-PER", "O"], "BIO"), ill_formed_positions(["O", "B-PER"], "BIOES")
    ([1], [1])
    """
    parsed = [Tag.parse(tag) for tag in tags]
    allowed = prefixes_of_source(scheme)
    positions = {i for i, tag in enumerate(tags) if tag != OUTSIDE and tag[0] not in allowed}
    for position, (previous, tag) in enumerate(pairwise([OUTSIDE_TAG, *parsed, OUTSIDE_TAG])):
        if scheme == "IOB1":
            fits = tag.prefix != "B" or previous.entity_type == tag.entity_type
        else:
            fits = SCHEME_BY_SOURCE[scheme].allows(previous, tag)
        if not fits:
            positions.add(min(position, len(tags) - 1))
    return sorted(positions)


def prefixes_of_source(scheme: SourceScheme) -> str:
    """The prefixes that a file in this scheme may use."""
    return {"IO": "I", "IOB1": "BI", "BIO": "BI", "BIOES": "BIES", "BILOU": "BILU"}[scheme]
