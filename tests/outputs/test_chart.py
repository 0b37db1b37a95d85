"""Charts are SVG that holds its points where they belong."""

from __future__ import annotations

import math
from xml.etree import ElementTree

from geoseg.outputs.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Line, line_chart


def test_points_lie_where_the_axes_say() -> None:
    line = Line(name="a < b", points=[(0, 0), (1, 1), (math.nan, 3)], marks=True)
    text = line_chart([line], title="t & u", x_label="x", y_label="y", x_range=(0, 1), y_range=(0, 1))
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    (drawn,) = root.findall(f"{space}polyline")
    corners = f"{LEFT:.1f},{HEIGHT - BOTTOM:.1f} {WIDTH - RIGHT:.1f},{TOP:.1f}"
    assert drawn.get("points") == corners
    assert len(root.findall(f"{space}circle")) == 2
    words = [element.text for element in root.findall(f"{space}text")]
    assert "t & u" in words
    assert "a < b" in words


def test_a_line_of_one_point_is_drawn() -> None:
    ElementTree.fromstring(line_chart([Line(name="a", points=[(2, 5)])], title="", x_label="", y_label=""))


def test_factors_are_steps_of_one_length() -> None:
    line = Line(name="a", points=[(1, 0), (10, 1), (100, 0)])
    root = ElementTree.fromstring(line_chart([line], title="", x_label="", y_label="", log_x=True))
    (drawn,) = root.findall("{http://www.w3.org/2000/svg}polyline")
    across = [float(point.split(",")[0]) for point in (drawn.get("points") or "").split()]
    assert across == [LEFT, (LEFT + WIDTH - RIGHT) / 2, WIDTH - RIGHT]
    words = [element.text for element in root.findall("{http://www.w3.org/2000/svg}text")]
    assert {"1", "3.16", "10", "31.6", "100"} <= set(words)
