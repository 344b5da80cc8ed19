"""Numbers as a comparison tells them, alike in sentences and tables: differences, intervals and p."""

from __future__ import annotations


def points(share: float) -> str:
    """A difference of shares in points (per cent), with its sign; rounded to nothing, it has the sign of gain.

    >>> points(0.0012), points(-0.0041), points(-1e-6)
    ('+0.12', '−0.41', '+0.00')
    """
    return f"{round(100 * share, 2) + 0.0:+.2f}".replace("-", "−")


def interval(ends: tuple[float, float]) -> str:
    """An interval of differences.

    >>> interval((-0.0041, 0.0066))
    '[−0.41, +0.66]'
    """
    low, high = ends
    return f"[{points(low)}, {points(high)}]"


def p_value(p: float) -> str:
    """A p-value with the digits that matter.

    >>> p_value(0.0004), p_value(0.0412), p_value(0.625)
    ('< 0.001', '0.041', '0.62')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def p_statement(p: float) -> str:
    """What a sentence says of a p-value.

    >>> p_statement(0.0004), p_statement(0.0412)
    ('p < 0.001', 'p = 0.041')
    """
    return f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"
