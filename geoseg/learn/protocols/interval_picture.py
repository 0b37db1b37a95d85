"""A picture of scores with their intervals: a panel for each group, a dot and a line for each name."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from math import ceil

import matplotlib as mpl
from matplotlib.figure import Figure

Score = tuple[str, float, tuple[float, float]]
"""Name, score, and the ends of its interval."""

COLUMNS = 3
WIDTH, LINE, FRAME = 5.0, 0.17, 0.6
"""Size of a panel in inches: width, height of a name, and height of title and axis."""
COLOUR = "#0072b2"


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
    with mpl.rc_context():
        mpl.rcdefaults()  # the user's own style may be light text for dark slides
        mpl.rc("svg", fonttype="none", hashsalt="geoseg")
        mpl.rc("font", size=8)
        mpl.rc("text", parse_math=False)
        mpl.rc("axes.spines", top=False, right=False)
        figure = Figure(figsize=(WIDTH * across, (FRAME + LINE * most) * down), layout="constrained")
        panels = figure.subplots(down, across, squeeze=False)
        for axes in panels.flat[len(groups) :]:
            axes.set_axis_off()
        for axes, (title, scores) in zip(panels.flat, groups.items(), strict=False):
            ordered = sorted(scores, key=lambda item: item[1])
            for place, (_, score, (low, high)) in enumerate(ordered):
                axes.plot([low, high], [place, place], color=COLOUR, linewidth=1.4)
                axes.plot([score], [place], color=COLOUR, marker="o", markersize=3.5)
            axes.set_yticks(range(len(ordered)), [name for name, *_ in ordered])
            axes.set_title(title)
            axes.grid(axis="x", color="#dddddd", linewidth=0.6)
            axes.set_axisbelow(True)
        figure.supxlabel(label)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()
