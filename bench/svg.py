"""Plots as SVG: bars with their spread, and lines over a growing size.

Owns the drawing. Does not know what is drawn. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from .results import Spread

WIDTH, LEFT, RIGHT, ROW, TOP = 720, 220, 100, 24, 48
OURS, OTHERS, INK = "#1f6feb", "#9aa4b2", "#24292f"
STYLE = f'font-family="sans-serif" font-size="13" fill="{INK}"'


def _page(height: int, title: str, unit: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
        f'<rect width="100%" height="100%" fill="white"/><g {STYLE}>'
        f'<text x="12" y="20" font-weight="bold">{escape(title)}</text><text x="12" y="38">{escape(unit)}</text>'
        + "\n".join(parts)
        + "</g></svg>\n"
    )


def bars(title: str, unit: str, rows: Mapping[str, Spread], ours: str) -> str:
    """One bar for each name, as long as its median, with a line from the lowest to the highest."""
    most = max(spread.high for spread in rows.values()) or 1.0
    scale = (WIDTH - LEFT - RIGHT) / most
    parts = []
    for number, (name, spread) in enumerate(rows.items()):
        top = TOP + number * ROW
        middle, end = top + 9, LEFT + spread.median * scale
        colour = OURS if name == ours else OTHERS
        low, high = LEFT + spread.low * scale, LEFT + spread.high * scale
        parts.append(
            f'<text x="{LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{LEFT}" y="{top}" width="{max(1.0, end - LEFT):.1f}" height="18" fill="{colour}"/>'
            f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 4}v8M{high:.1f} {middle - 4}v8"'
            f' stroke="{INK}" fill="none"/>'
            f'<text x="{max(end, high) + 8:.1f}" y="{top + 14}">{brief(spread.median)}</text>'
        )
    return _page(TOP + len(rows) * ROW + 8, title, unit, parts)


def line(title: str, unit: str, points: Sequence[tuple[int, Spread]]) -> str:
    """A figure over sizes that grow by factors."""
    height, bottom = 280, 250
    least, most = math.log(points[0][0]), math.log(points[-1][0])
    top = max(spread.high for _, spread in points) or 1.0

    def x(size: int) -> float:
        return 80 + (math.log(size) - least) / ((most - least) or 1.0) * (WIDTH - 160)

    def y(value: float) -> float:
        return bottom - value / top * (bottom - TOP - 20)

    path = "L".join(f"{x(size):.1f} {y(spread.median):.1f}" for size, spread in points)
    parts = [
        f'<path d="M80 {bottom}H{WIDTH - 60}" stroke="{INK}"/>',
        f'<path d="M{path}" stroke="{OURS}" stroke-width="2" fill="none"/>',
    ]
    parts += [
        f'<path d="M{x(size):.1f} {y(spread.low):.1f}V{y(spread.high):.1f}" stroke="{INK}"/>'
        f'<circle cx="{x(size):.1f}" cy="{y(spread.median):.1f}" r="3" fill="{OURS}"/>'
        f'<text x="{x(size):.1f}" y="{y(spread.high) - 8:.1f}" text-anchor="middle">{brief(spread.median)}</text>'
        f'<text x="{x(size):.1f}" y="{bottom + 18}" text-anchor="middle">{size:,}</text>'
        for size, spread in points
    ]
    return _page(height, title, unit, parts)


def brief(value: float) -> str:
    """A number with three digits that count."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
