"""Word splitters: raw text becomes words, each with its position in the text."""

from __future__ import annotations

import re
import unicodedata
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import regex

ATTACHED: Final = "\x01"  # in an outline: a combining mark or an invisible character, part of what precedes it
SINGLE: Final = "字"  # in an outline: a character that is a word by itself; no letter keeps its form in an outline

# East Asian scripts, and those of South East Asia (line break class SA): writers put no spaces between their words.
# Korean has spaces, but its particles are attached to names, so annotators often mark single syllables.
UNSPACED_LETTER: Final = regex.compile(
    r"[[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{sc=Bopomofo}\p{sc=Yi}\p{lb=SA}\p{sc=Tibetan}]&&[\p{L}\p{Nl}]]",
    regex.V1,
)
HANGUL_SYLLABLE: Final = regex.compile(r"[\p{sc=Hangul}&&\p{L}]", regex.V1)


class WordSplitter(ABC):
    """Finds the words of a raw text. Stateless, so that its class name describes it."""

    @abstractmethod
    def split(self, text: str) -> list[tuple[int, int]]:
        """Return the words in order, as start (included) and end (excluded) in ``text``.

        ``text[start:end]`` is never empty and contains no space, and every character except spaces is in exactly
        one word. A space is any character for which ``str.isspace`` is true.
        """

    @property
    def name(self) -> str:
        return type(self).__name__


@dataclass(frozen=True)
class BlankSplitter(WordSplitter):
    """Splits at spaces only: for text whose words are already separated.

    >>> BlankSplitter().split("Bill Gates ,")
    [(0, 4), (5, 10), (11, 12)]
    """

    def split(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in NO_SPACES.finditer(text)]


class _Outline(dict[int, str]):
    """A translation table that replaces each Unicode character by an ASCII character of the same kind.

    The table fills on demand, so only characters that occur are ever looked up.
    """

    def __missing__(self, code_point: int) -> str:
        outline = self[code_point] = _outline_of(chr(code_point))
        return outline


class _CharacterOutline(_Outline):
    """An outline in which every letter that is a word by itself is marked."""

    def __missing__(self, code_point: int) -> str:
        character = chr(code_point)
        is_single = UNSPACED_LETTER.match(character) or HANGUL_SYLLABLE.match(character)
        outline = self[code_point] = SINGLE if is_single else _outline_of(character)
        return outline


def _outline_of(character: str) -> str:
    category = unicodedata.category(character)
    if character.isspace():
        return " "
    if character.isascii():
        return character
    if character in "\N{RIGHT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}":
        return "'"
    if character in "\N{HYPHEN}\N{NON-BREAKING HYPHEN}":
        return "-"
    if category[0] == "M" or category == "Cf" or "EMOJI MODIFIER" in unicodedata.name(character, ""):
        return ATTACHED
    if category[0] in "PS":
        return character
    if category == "Nd":
        return "0"
    return "X" if category in ("Lu", "Lt") else "x"


OUTLINE: Final = _Outline()
CHARACTER_OUTLINE: Final = _CharacterOutline()
WORD_BOUNDARY: Final = regex.compile(r"\b", regex.WORD | regex.V1)
NO_SPACES: Final = re.compile(r"\S+")
TITLES: Final = r"Ph\.D|Mr|Mrs|Ms|Dr|Prof|St|Sen|Gov|Gen|Rep|Lt|Col|Sgt|Jr|Sr|Inc|Corp|Ltd|Co"
CLITICS: Final = "(?i:s|m|d|ll|re|ve)"

# Matched against the outline. Each alternative gives up after a bounded number of characters that another attempt
# would read again, so the time is linear in the text: this is why quantifiers are possessive or bounded.
WORD: Final = re.compile(
    r"""
      SINGLE\x01*+                                             # a character that is a word by itself
    | (?i:https?://|www\.)[^ <>"SINGLE]*[\w/=&#~\x01-]               # web address
    | \w[\w.+-]{0,63}+@\w[\w-]*+(?:\.\w[\w-]*+)++              # e-mail address
    | [@#][\w\x01]++                                           # @mention, #hashtag
    | (?:TITLES)\.(?!\.)                                       # title or kind of company
    | (?:[A-Za-z]\.){2,9}+(?![\w\x01.])(?:-[\w\x01]++)*+       # U.S., a.m., U.S.-led
    | [A-Z]\.(?=[ ][A-Z])                                      # initial of a name
    | [\w\x01]++
      (?:
        (?: [-&]
          | '(?! CLITICS(?![\w\x01]) )                         # but a clitic: I'm
          | (?:(?<![a-z])\.|\.(?![A-Z]))                       # but the full stop of "end.Next"
          | (?<=[0-9])[,:/](?=[0-9])
        )
        [\w\x01]++
      )*+
    | 'CLITICS(?![\w\x01])
    | ([^\w ])\1*+\x01*+                                       # one sign, repeated
    """.replace("TITLES", TITLES)
    .replace("CLITICS", CLITICS)
    .replace("SINGLE", SINGLE),
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True)
class PunctuationSplitter(WordSplitter):
    """Splits at spaces and around punctuation, as the words of CoNLL-2003 and WNUT-17 are split.

    These stay whole: numbers, times and dates (``1,000.50``, ``10:30``, ``22/08/1996``); words joined by
    hyphen, ``&``, dot or apostrophe (``Coca-Cola``, ``AT&T``, ``example.com``, ``O'Brien``, ``don't``);
    abbreviations with their last dot (``U.S.``, ``U.S.-led``), initials before a capital (``J. Smith``),
    titles and company suffixes (``Mr.``, ``Corp.``); web and e-mail addresses, @mentions and #hashtags; a
    repeated sign (``...``, ``--``). These are split off: the clitics ``'s 'm 'd 'll 're 've``, every other
    punctuation mark and symbol, the full stop of ``end.Next``. A combining mark or an invisible character
    belongs to the word or sign before it. Scripts without spaces are split around punctuation only: use
    :class:`CharacterSplitter` for them.

    >>> text = "Gates's firm, in Seattle."
    >>> [text[start:end] for start, end in PunctuationSplitter().split(text)]
    ['Gates', "'s", 'firm', ',', 'in', 'Seattle', '.']
    """

    def split(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in WORD.finditer(text.translate(OUTLINE))]


@dataclass(frozen=True)
class CharacterSplitter(WordSplitter):
    """Splits Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese and Tibetan into characters.

    A character keeps its combining marks. Everything else, such as runs of Latin letters and digits, is split as
    :class:`PunctuationSplitter` does.

    >>> text = "2020年5月iPhone上市。"
    >>> [text[start:end] for start, end in CharacterSplitter().split(text)]
    ['2020', '年', '5', '月', 'iPhone', '上', '市', '。']
    """

    def split(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in WORD.finditer(text.translate(CHARACTER_OUTLINE))]


@dataclass(frozen=True)
class UnicodeSplitter(WordSplitter):
    """Splits at the word boundaries of Unicode (UAX #29), as found by the library ``regex``, and at spaces.

    >>> text = "Can't stop (at 3.5%)"
    >>> [text[start:end] for start, end in UnicodeSplitter().split(text)]
    ["Can't", 'stop', '(', 'at', '3.5', '%', ')']
    """

    def split(self, text: str) -> list[tuple[int, int]]:
        borders = [match.start() for match in WORD_BOUNDARY.finditer(text)]
        return [
            match.span()
            for start, end in pairwise([0, *borders, len(text)])
            for match in NO_SPACES.finditer(text, start, end)
        ]
