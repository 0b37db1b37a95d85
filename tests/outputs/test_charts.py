"""Charts are SVG documents with their points where the axes say."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib", reason="the extra `report` is not installed")

from geoseg.outputs.charts import COLOURS, draw_svg
from geoseg.outputs.report import Chart, Series

SVG = "{http://www.w3.org/2000/svg}"


def chart(*lines: Series, title: str = "t & u", **axes: object) -> Chart:
    values = {"title": title, "x_label": "x", "y_label": "y", "series": lines, **axes}
    return Chart(**values)  # type: ignore[arg-type]


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def polyline(root: ElementTree.Element, colour: str) -> list[tuple[float, float]]:
    """Return the corners of the first line of a colour, x to the right and y up; the legend comes later."""
    paths = [
        path.get("d", "").replace("M", " ").replace("L", " ").split()
        for path in root.iter(f"{SVG}path")
        if f"stroke: {colour}" in path.get("style", "") and "C" not in path.get("d", "")
    ]
    numbers = [float(number) for number in paths[0]]
    return [(x, -y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]


def test_points_lie_where_the_axes_say() -> None:
    line = Series(name="a < b", points=[(0, 0), (math.nan, 3), (0.25, 1), (1, math.inf), (1, 0.5)])
    root = ElementTree.fromstring(draw_svg([chart(line, x_range=(0, 1), y_range=(0, 1))]))
    (x0, y0), (x1, y1), (x2, y2) = polyline(root, COLOURS[0])
    assert (x1 - x0) / (x2 - x0) == pytest.approx(0.25, abs=1e-4)
    assert (y2 - y0) / (y1 - y0) == pytest.approx(0.5, abs=1e-4)
    assert {"t & u", "x", "y"} <= set(texts(root))
    # A single line needs no legend.
    assert "a < b" not in texts(root)


def test_lines_have_a_legend_and_keep_their_colour() -> None:
    guide = Series(name="guide", points=[(0, 0), (1, 1)], guide=True)
    none = Series(name="none", points=[(0, math.nan)])
    drawn = Series(name="a < b", points=[(0, 1), (1, 0)], markers=True)
    root = ElementTree.fromstring(draw_svg([chart(guide, none, drawn)]))
    assert {"guide", "a < b"} <= set(texts(root))
    assert "none" not in texts(root)
    assert len(polyline(root, COLOURS[1])) == 2


def test_names_are_shown_as_they_are() -> None:
    names = ["<$a_1$> & b", "水"]
    lines = [Series(name=name, points=[(0, 1), (1, index)]) for index, name in enumerate(names)]
    root = ElementTree.fromstring(draw_svg([chart(*lines, title="洪水")]))
    assert {*names, "洪水"} <= set(texts(root))


def test_a_long_legend_leaves_the_axes_their_room() -> None:
    lines = [Series(name=f"line {index}", points=[(0, index), (1, index + 1)]) for index in range(20)]
    root = ElementTree.fromstring(draw_svg([chart(*lines, x_range=(0, 1), y_range=(0, 20))]))
    (_, low), (_, high) = polyline(root, COLOURS[0])
    assert high - low > 72 * 2 / 20
    assert "line 19" in texts(root)


def test_a_line_of_one_point_is_drawn() -> None:
    ElementTree.fromstring(draw_svg([chart(Series(name="a", points=[(2, 5)]))]))


def test_factors_are_steps_of_one_length() -> None:
    line = Series(name="a", points=[(1, 0), (10, 1), (100, 0)])
    root = ElementTree.fromstring(draw_svg([chart(line, log_x=True)]))
    (x0, _), (x1, _), (x2, _) = polyline(root, COLOURS[0])
    assert x1 - x0 == pytest.approx(x2 - x1, abs=1e-4)
    assert {"1", "2", "5", "10", "20", "50", "100"} <= set(texts(root))


def test_counts_have_whole_ticks() -> None:
    line = Series(name="a", points=[(0, 0), (1, 0.5), (2, 1)])
    root = ElementTree.fromstring(draw_svg([chart(line, integer_x=True, y_range=(0, 1))]))
    assert "0.5" not in texts(root)
    assert {"0", "1", "2"} <= set(texts(root))


def test_several_charts_are_one_document_and_always_the_same() -> None:
    line = Series(name="a", points=[(0, 0), (1, 1)])
    charts = [chart(line, title="first"), chart(line, title="second")]
    text = draw_svg(charts)
    assert text == draw_svg(charts)
    assert {"first", "second"} <= set(texts(ElementTree.fromstring(text)))
