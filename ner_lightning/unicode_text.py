"""The check for valid Unicode: JSON and Python strings may contain half a character, which UTF-8 cannot encode."""

from __future__ import annotations


def lone_surrogate(text: str) -> str | None:
    r"""Return the first lone surrogate of a text, or None if the text is valid Unicode.

    >>> lone_surrogate("Zoë"), lone_surrogate("Zo\ud800")
    (None, '\ud800')
    """
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return text[error.start]
    return None
