"""The format of differences, intervals and p-values, shared by the sentences and tables of a comparison."""

from __future__ import annotations


def points(share: float) -> str:
    """Format a difference of shares in percentage points, with its sign; a difference that rounds to zero is positive.

    >>> points(0.0012), points(-0.0041), points(-1e-6)
    ('+0.12', '−0.41', '+0.00')
    """
    return f"{round(100 * share, 2) + 0.0:+.2f}".replace("-", "−")


def interval(ends: tuple[float, float]) -> str:
    """Format an interval of differences.

    >>> interval((-0.0041, 0.0066))
    '[−0.41, +0.66]'
    """
    low, high = ends
    return f"[{points(low)}, {points(high)}]"


def p_value(p: float) -> str:
    """Format a p-value with the digits that matter.

    >>> p_value(0.0004), p_value(0.0412), p_value(0.625)
    ('< 0.001', '0.041', '0.62')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def p_statement(p: float) -> str:
    """Format a p-value for a sentence.

    >>> p_statement(0.0004), p_statement(0.0412)
    ('p < 0.001', 'p = 0.041')
    """
    return f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"
