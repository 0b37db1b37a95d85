"""Small line charts as SVG: what a report shows beside its numbers, without a plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 420, 280
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 30, 40
COLOURS = ("#1f6fb2", "#c8553d", "#3a7d44", "#7a4fa3", "#8a6d3b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A series of points."""

    name: str
    points: Sequence[tuple[float, float]]
    """In order of x; points that are not finite are left out."""
    marks: bool = False
    """Whether points are drawn as dots too."""


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    x_label: str,
    y_label: str,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    log_x: bool = False,
) -> str:
    """Draw lines.

    Args:
        lines: at least one point in all.
        title: above the chart.
        x_label: below it.
        y_label: beside it.
        x_range: of the axis; None: that of the points.
        y_range: the same.
        log_x: whether steps of x are factors; all x are then above 0.

    Returns:
        An `<svg>` element.
    """
    points = [p for line in lines for p in line.points if math.isfinite(p[0]) and math.isfinite(p[1])]
    x0, x1 = x_range or _range([x for x, _ in points])
    y0, y1 = y_range or _range([y for _, y in points])
    if log_x:
        x0, x1 = _range([math.log(x) for x in x_range or (x for x, _ in points)])

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + ((math.log(x) if log_x else x) - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT)
        return across, HEIGHT - BOTTOM - (y - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        'font-family="sans-serif" font-size="11" role="img">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="16" font-size="13">{escape(title)}</text>',
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{escape(x_label)}</text>',
        f'<text x="6" y="{TOP - 6}">{escape(y_label)}</text>',
    ]
    for step in range(5):
        x, y = x0 + (x1 - x0) * step / 4, y0 + (y1 - y0) * step / 4
        x = math.exp(x) if log_x else x
        across, up = place(x, y)
        parts += [
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up:.1f}" y2="{up:.1f}" stroke="#dddddd"/>',
            f'<text x="{LEFT - 5}" y="{up + 4:.1f}" text-anchor="end">{y:.3g}</text>',
            f'<text x="{across:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{x:.3g}</text>',
        ]
    for index, line in enumerate(lines):
        colour = COLOURS[index % len(COLOURS)]
        drawn = [place(x, y) for x, y in line.points if math.isfinite(x) and math.isfinite(y)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        if line.marks:
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in drawn]
        parts.append(
            f'<text x="{WIDTH - RIGHT}" y="{16 + 13 * index}" text-anchor="end" fill="{colour}">'
            f"{escape(line.name)}</text>"
        )
    return "\n".join([*parts, "</svg>"])


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Least and greatest, apart from one another."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
