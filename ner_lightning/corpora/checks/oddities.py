"""Oddities that usually mean a file was read or written with the wrong settings: each is a warning."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from ner_lightning.corpora.checks.places import place_of, shortened
from ner_lightning.corpora.reader import Corpus, SplitName
from ner_lightning.sentences import Sentence

QUOTED_WORD: Final = re.compile(r'"(?:[^"]|"")*""(?:[^"]|"")*"')  # as CSV writers quote a quotation mark
WORD_PREFIX: Final = re.compile(r"\w{1,12}[:/|_]")
MIN_PREFIXED_SHARE: Final = 0.95
MIN_PREFIXED_WORDS: Final = 10


def find_oddities(corpus: Corpus) -> Iterator[str]:
    """Yield a warning for each oddity of a corpus."""
    for name, sentences in corpus.splits.items():
        yield from _quoted_words(name, sentences)
        yield from _common_prefix(name, sentences)
    yield from _similar_types(sorted({kind for split in corpus.splits for kind in corpus.entity_types(split)}))


def _quoted_words(name: SplitName, sentences: Sequence[Sentence]) -> Iterator[str]:
    quoted = Counter(word for s in sentences for word in s.words if '""' in word and QUOTED_WORD.fullmatch(word))
    if quoted:
        example = quoted.most_common(1)[0][0]
        unquoted = example[1:-1].replace('""', '"')
        yield (
            f"{name}: words that look quoted by a CSV writer: {quoted.total()}, such as {example!r}; "
            f"set quoted to true to read them as {unquoted!r}"
        )


def _common_prefix(name: SplitName, sentences: Sequence[Sentence]) -> Iterator[str]:
    num_words = sum(map(len, sentences))
    prefixes = Counter(found[0] for s in sentences for word in s.words if (found := WORD_PREFIX.match(word)))
    for prefix, count in prefixes.most_common(1):
        if count >= max(MIN_PREFIXED_WORDS, MIN_PREFIXED_SHARE * num_words):
            words = ((word, place_of(name, n, s)) for n, s in enumerate(sentences) for word in s.words)
            word, place = next((word, place) for word, place in words if word.startswith(prefix))
            yield (
                f"{name}: {count} of {num_words} words begin with {prefix!r}, such as {shortened(word)!r} ({place}), "
                f"which is probably not part of the text"
            )


def _similar_types(types: Sequence[str]) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for kind in types:
        groups.setdefault(_visible(kind).casefold(), []).append(kind)
    for similar in groups.values():
        if len(similar) > 1:
            names = ", ".join(repr(kind) for kind in similar)
            yield (
                f"entity types that differ only by case, spaces or invisible characters: {names}; "
                f"merge them with entity_types"
            )
    for kind in types:
        if len(groups[_visible(kind).casefold()]) == 1 and any(map(_is_invisible, kind)):
            yield f"entity type with an invisible character: {kind!r}; rename it with entity_types"


def _visible(kind: str) -> str:
    """Return a type without spaces and invisible characters, in its compatible form.

    >>> _visible("Work of\N{NO-BREAK SPACE}art\N{ZERO WIDTH SPACE}")
    'Workofart'
    """
    text = unicodedata.normalize("NFKC", kind)
    return "".join(it for it in text if not it.isspace() and not _is_invisible(it))


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in {"Cf", "Cc"} or (character.isspace() and character != " ")
