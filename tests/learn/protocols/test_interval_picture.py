"""The picture of scores: names, titles, and one file for one input."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib", reason="the extra `report` is not installed")

from geoseg.learn.protocols.interval_picture import draw_intervals


def test_every_name_and_title_is_text() -> None:
    groups = {
        "Floods": [("a_1", 50.0, (40.0, 60.0)), ("b_2", -3.0, (-9.0, 2.0))],
        "Crops": [("a_1", 5.0, (4.0, 6.0))],
    }
    svg = draw_intervals(groups, "score")
    for text in ("Floods", "Crops", "a_1", "b_2", "score"):
        assert f">{text}<" in svg
    assert svg == draw_intervals(groups, "score")
