"""Charts as SVG, drawn by matplotlib (extras `report` and `train`)."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, product

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from geoseg.outputs.report import Chart

WIDTH, HEIGHT = 5.6, 3.2
"""Size of one chart in inches, without its legend."""
ENTRY = 0.18
"""Height of a line of the legend in inches."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours for any colour vision (Okabe and Ito 2008, Color Universal Design)."""
DASHES = ("-", "--", ":")
"""Line styles, used when all colours are used."""
GUIDE = ("--", "#868e96")
"""Line style and colour of a reference line."""


def draw_svg(charts: Sequence[Chart]) -> str:
    """Draw charts, one below the other.

    Args:
        charts: at least one, none of them empty.

    Returns:
        An SVG document.
    """
    heights = [HEIGHT + ENTRY * len(chart.series) for chart in charts]
    with svg_style(9):
        mpl.rc("axes", titlesize=10)
        figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
        parts = figure.subfigures(len(charts), squeeze=False, height_ratios=heights)
        for chart, part in zip(charts, parts.flat, strict=True):
            axes = part.add_subplot()
            _draw(axes, chart)
            if len(axes.lines) > 1:
                part.legend(loc="outside lower left", frameon=False)
        return to_svg(figure)


@contextmanager
def svg_style(size: int) -> Iterator[None]:
    """Draw in geoseg's style in the block, with text of a size in points."""
    with mpl.rc_context(), warnings.catch_warnings():
        # The text is drawn by who shows the SVG, with fonts that have the glyph.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        mpl.rcdefaults()  # the user's own style may be light text for dark slides
        mpl.rc("svg", fonttype="none", hashsalt="geoseg")  # text stays text; one chart is always one file
        mpl.rc("font", size=size)
        mpl.rc("text", parse_math=False)
        mpl.rc("axes.spines", top=False, right=False)
        yield


def to_svg(figure: Figure) -> str:
    """Return a figure as an SVG document; to be called in `svg_style`."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def _draw(axes: Axes, chart: Chart) -> None:
    styles = cycle(product(DASHES, COLOURS))
    for line in chart.series:
        dashes, colour = GUIDE if line.guide else next(styles)
        points = [(x, y) for x, y in line.points if math.isfinite(x) and math.isfinite(y)]
        if points:
            axes.plot(
                [x for x, _ in points],
                [y for _, y in points],
                color=colour,
                linestyle=dashes,
                marker="o" if line.markers else None,
                markersize=4,
                linewidth=1.4,
                clip_on=False,
                label=line.name,
            )
    axes.set(title=chart.title, xlabel=chart.x_label, ylabel=chart.y_label)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    if chart.x_range:
        axes.set_xlim(*chart.x_range)
    if chart.y_range:
        axes.set_ylim(*chart.y_range)
    if chart.log_x:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
    elif chart.integer_x:
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
