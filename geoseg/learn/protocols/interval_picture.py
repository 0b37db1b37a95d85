"""A picture of scores with their intervals: a panel for each group, a dot and a line for each name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

from matplotlib.figure import Figure

from geoseg.outputs.charts import COLOURS, svg_style, to_svg

Score = tuple[str, float, tuple[float, float]]
"""Name, score, and the ends of its interval."""

COLUMNS = 3
WIDTH, LINE, FRAME = 5.0, 0.17, 0.6
"""Size of a panel in inches: width, height of a name, and height of title and axis."""


def draw_intervals(groups: Mapping[str, Sequence[Score]], label: str) -> str:
    """Draw scores, the highest at the top of each panel.

    Args:
        groups: scores by the title of the panel; at least one.
        label: of the axis of scores.

    Returns:
        An SVG document.
    """
    across = min(COLUMNS, len(groups))
    down = ceil(len(groups) / across)
    most = max(len(scores) for scores in groups.values())
    with svg_style(8):
        figure = Figure(figsize=(WIDTH * across, (FRAME + LINE * most) * down), layout="constrained")
        panels = figure.subplots(down, across, squeeze=False)
        for axes in panels.flat[len(groups) :]:
            axes.set_axis_off()
        for axes, (title, scores) in zip(panels.flat, groups.items(), strict=False):
            ordered = sorted(scores, key=lambda item: item[1])
            for place, (_, score, (low, high)) in enumerate(ordered):
                axes.plot([low, high], [place, place], color=COLOURS[0], linewidth=1.4)
                axes.plot([score], [place], color=COLOURS[0], marker="o", markersize=3.5)
            axes.set_yticks(range(len(ordered)), [name for name, *_ in ordered])
            axes.set_title(title)
            axes.grid(axis="x", color="#dddddd", linewidth=0.6)
            axes.set_axisbelow(True)
        figure.supxlabel(label)
        return to_svg(figure)
