"""A named entity as a typed, half-open span of words."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class EntitySpan:
    """The words ``start`` (included) to ``end`` (excluded) of one sentence, and their entity type.

    Spans compare by boundaries and type only, never by score, so gold and predicted spans can be
    intersected as sets.
    """

    start: int
    end: int
    entity_type: str
    score: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"a span needs 0 <= start < end, got start={self.start}, end={self.end}")

    def __len__(self) -> int:
        return self.end - self.start

    def surface(self, words: Sequence[str]) -> str:
        """Return the words of the entity, joined by spaces."""
        return " ".join(words[self.start : self.end])
