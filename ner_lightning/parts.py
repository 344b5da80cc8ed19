"""The parts that constructors are given: of the right kind, or refused in one sentence."""

from __future__ import annotations


def require_kind(name: str, part: object, kind: type, example: str) -> None:
    """Check that a part is of its kind.

    Args:
        name: What the part is called.
        part: What was given.
        kind: The class that it must be of.
        example: How such a part is made.

    Raises:
        TypeError: If it is something else.

    >>> require_kind("share", "x", float, "0.5")
    Traceback (most recent call last):
    TypeError: share must be of class float, such as 0.5, got 'x'
    >>> require_kind("share", float, float, "0.5")
    Traceback (most recent call last):
    TypeError: share must be of class float, such as 0.5, got the class itself; call it
    """
    if isinstance(part, kind):
        return
    is_class = isinstance(part, type) and issubclass(part, kind)
    found = "the class itself; call it" if is_class else repr(part)[:80]
    raise TypeError(f"{name} must be of class {kind.__name__}, such as {example}, got {found}")
