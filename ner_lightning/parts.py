"""The check that an argument is a part of the right class, with a clear error if it is not."""

from __future__ import annotations


def require_kind(name: str, part: object, kind: type, example: str) -> None:
    """Check that a part is an instance of a class.

    Args:
        name: Name of the argument, for the message.
        part: The argument.
        kind: The class that it must have.
        example: An expression that creates such a part, for the message.

    Raises:
        TypeError: If the part is not an instance of the class.

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
